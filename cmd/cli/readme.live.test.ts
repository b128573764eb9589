import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { suite } from "../../tools/testbed/executables.ts";

/**
 * Tests a newcomer's first look. Each block that the READMEs offer to anybody is pasted into a fresh clone, by a user
 * who may write nothing. Blocks for root, for a node and for a cluster are known by what they call.
 */

const repository = join(import.meta.dirname, "../..");
const nobody = 65534;
const elsewhere = /\b(cnitool|sudo|kubectl|docker|make|ip netns|hawser install|hawser ipam)\b|\/etc\/cni/;

interface Block {
  readonly file: string;
  readonly text: string;
}

function blocksOf(file: string): Block[] {
  const text = fs.readFileSync(join(repository, file), "utf8");
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = ""]) => ({ file, text: block }));
}

const readmes = fs
  .readdirSync(join(repository, "examples"), { withFileTypes: true })
  .filter(
    (entry) => entry.isDirectory() && fs.existsSync(join(repository, "examples", entry.name, "pod.yaml")),
  )
  .map(({ name }) => `examples/${name}/README.md`);
const looks = ["README.md", "examples/README.md", ...readmes]
  .flatMap(blocksOf)
  .filter(({ text }) => !elsewhere.test(text));

/** A command, and whether its comment says that it is refused. */
function commandsOf({ text }: Block): { readonly command: string; readonly isRefused: boolean }[] {
  const whole = text.replaceAll("\\\n", "");
  return whole
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"))
    .map((command) => ({ command, isRefused: command.endsWith("# refused") }));
}

test("every example has a first look, and so have the READMEs above them", () => {
  const files = looks.map(({ file }) => file);
  for (const file of ["README.md", "examples/README.md", ...readmes]) expect(files).toContain(file);
});

suite("the first look", ["root"], (executable) => {
  let clone = "";
  beforeAll(() => {
    clone = fs.mkdtempSync(join(os.tmpdir(), "hawser-clone-"));
    fs.chmodSync(clone, 0o755);
    fs.cpSync(join(repository, "examples"), join(clone, "examples"), { recursive: true });
    fs.mkdirSync(join(clone, "dist"));
    fs.copyFileSync(executable.path, join(clone, "dist/hawser"));
    fs.chmodSync(join(clone, "dist/hawser"), 0o755);
  });
  afterAll(() => fs.rmSync(clone, { recursive: true, force: true }));

  /** On the first machine /etc/cni is empty, as on a laptop. On the second it has podman's network. */
  const machines: readonly (readonly [what: string, prepare: string])[] = [
    ["a machine without CNI", "true"],
    [
      "a machine with podman's network",
      `mkdir -p /etc/cni/net.d && printf '{"cniVersion":"0.4.0","name":"podman","plugins":[{"type":"bridge"}]}' >/etc/cni/net.d/87-podman-bridge.conflist`,
    ],
  ];

  function paste(prepare: string, file: string, script: string) {
    const inside = `mkdir -p /etc/cni && mount -t tmpfs tmpfs /etc/cni && ${prepare} && exec setpriv --reuid=${nobody} --regid=${nobody} --clear-groups bash -c "$1"`;
    const cwd = join(clone, file, "..");
    const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/nonexistent" };
    return spawnSync("unshare", ["--mount", "bash", "-ec", inside, "bash", script], {
      ...{ cwd, env, encoding: "utf8" },
    });
  }

  describe.each(machines)("%s", (_what, prepare) => {
    test.each(looks.map((block, at) => [`${block.file}, ${at}`, block] as const))("%s", (_file, block) => {
      for (const { command, isRefused } of commandsOf(block)) {
        const { status, stdout, stderr } = paste(prepare, block.file, command);
        expect({ command, status, stderr: isRefused ? "" : stderr }).toEqual({
          ...{ command, status: isRefused ? 1 : 0, stderr: "" },
        });
        if (command.includes("explain") && !isRefused)
          expect(stdout).toMatch(/^What pod \S+ gets of network /);
        if (isRefused) expect(stderr).toMatch(/meta\.\S+\)\n$/);
      }
      // The whole block at once, as a person pastes it.
      expect(paste(prepare, block.file, block.text).stdout).toContain("gets of network");
    });
  });
});
