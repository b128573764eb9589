import * as fs from "node:fs";
import { describe, expect, test } from "vitest";
import { hawser } from "./commands.ts";
import { parseUsage } from "./usage.ts";

/** Tests of blocks of shell commands. A person pastes a whole block. */

const root = `${import.meta.dirname}/../..`;
const files = ["README.md", "docs", "examples"].flatMap((name) =>
  fs.statSync(`${root}/${name}`).isFile()
    ? [name]
    : fs
        .readdirSync(`${root}/${name}`, { recursive: true, encoding: "utf8" })
        .filter((file) => file.endsWith(".md"))
        .map((file) => `${name}/${file}`),
);
const blocks = files.flatMap((file) =>
  [...fs.readFileSync(`${root}/${file}`, "utf8").matchAll(/^ *```sh\n(.*?)^ *```$/gms)].map(
    ([, text = ""]) => ({
      file,
      text,
    }),
  ),
);

/** The arguments of each hawser command, without environment, comment and what follows a pipe. */
function commandsOf(text: string): string[][] {
  return text
    .replaceAll("\\\n", " ")
    .split("\n")
    .flatMap((line) => line.split(/ \| | && | \|\| |; /))
    .map((part) => part.trim().replace(/ #.*$/, ""))
    .flatMap((part) => /^(?:sudo )?(?:\S*\/)?hawser (.*)$/.exec(part)?.[1] ?? [])
    .map((line) =>
      Array.from(
        line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g),
        ([, one, two, bare]) => one ?? two ?? bare ?? "",
      ),
    );
}

describe.each(files.map((file) => [file] as const))("%s", (file) => {
  const own = blocks.filter((block) => block.file === file);

  test("every command of hawser's is one that there is", async () => {
    for (const args of own.flatMap(({ text }) => commandsOf(text))) {
      const at = args.findIndex((arg) => /^[<>]|^2>/.test(arg));
      const page = { columns: 100, version: "1" };
      const usage = await parseUsage(hawser, at < 0 ? args : args.slice(0, at), page);
      expect(usage, args.join(" ")).not.toMatchObject({ kind: "wrong" });
    }
  });

  test("what takes hawser's configuration away first makes sure that nothing is attached", () => {
    const isRemoval = (line: string) =>
      /\brm\b.*\/etc\/cni\/net\.d\/\S*hawser/.test(line) || /hawser uninstall/.test(line);
    for (const { text } of own) {
      const lines = text.split("\n");
      const removal = lines.findIndex(isRemoval);
      if (removal < 0 || /uninstall/.test(lines[removal] ?? "")) continue;
      expect(lines[removal]).toMatch(/hawser attachments --wait \S+ && /);
      // The commands that drain the node are in another block. In one block the rest would not wait for them.
      expect(text).not.toMatch(/drain|crictl/);
    }
  });

  test("a CRD that is there is not written over", () => {
    for (const { text } of own) expect(text).not.toMatch(/kubectl (apply|replace)[^\n]*crd\.yaml/);
  });

  test("an image for several platforms goes somewhere", () => {
    for (const { text } of own) {
      for (const command of text.replaceAll("\\\n", " ").split("\n")) {
        if (/buildx build.*--platform \S+,/.test(command)) expect(command).toContain("--push");
      }
    }
  });
});
