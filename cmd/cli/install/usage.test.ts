import { describe, expect, test } from "vitest";
import { parseUsage } from "../usage.ts";
import { installHelp, uninstallHelp } from "./help.ts";

const defaults = { stateDir: "/state", confDir: "/confs", columns: 110, version: "" };
const usage = (...args: string[]) => parseUsage(args, defaults);

describe("help", () => {
  test.each(["install", "uninstall"])("%s: an example that begins so, and the exit status", async (name) => {
    const help = await usage(name, "--help");
    const text = help.kind === "text" ? help.text : "";
    expect(text).toMatch(new RegExp(`\n  hawser ${name}`));
    expect(text).toMatch(/\nExit status: 0 .*, 1 .*, 2 .*\.\n?/);
    expect(await usage("--help")).toMatchObject({ text: expect.stringContaining(`  hawser ${name} `) });
  });

  test.each([installHelp, uninstallHelp].flatMap(({ examples }) => examples.map(([, line]) => line)))(
    "the example `%s` is right usage",
    async (line) => {
      expect(await usage(...line.split(" ").slice(1))).toMatchObject({ kind: "command" });
    },
  );
});

test("install without options: as the owner, in the folders of the field", async () => {
  expect(await usage("install")).toEqual({
    kind: "command",
    command: {
      kind: "install",
      install: {
        root: "",
        ownDir: "/etc/cni/hawser",
        binDir: "/opt/cni/bin",
        confDir: "/confs",
        mode: "owner",
        primary: undefined,
        settings: undefined,
        api: false,
        stay: false,
        dryRun: false,
        json: false,
      },
    },
  });
});

test("folders lose the slash at their end: the root is none", async () => {
  const parsed = await usage("install", "--root", "/", "--bin-dir", "/usr/lib/cni/", "--mode", "chained");
  expect(parsed).toMatchObject({
    command: { install: { root: "", binDir: "/usr/lib/cni", mode: "chained" } },
  });
});

test("uninstall", async () => {
  const parsed = await usage("uninstall", "--force", "--root", "/host");
  expect(parsed).toMatchObject({
    command: {
      uninstall: { root: "/host", ownDir: "/etc/cni/hawser", stateDir: "/state", force: true, dryRun: false },
    },
  });
});

test.each([
  [["install", "--mode", "middle"], 'Argument: mode, Given: "middle"'],
  [["install", "--nope"], "Unknown argument: nope"],
  [["uninstall", "--bin-dir", "/b"], "Unknown arguments: bin-dir, binDir"],
])("%j is wrong", async (args, why) => {
  expect(await usage(...args)).toMatchObject({
    kind: "wrong",
    message: expect.stringContaining(why),
    helpCommand: `hawser ${args[0]} --help`,
  });
});
