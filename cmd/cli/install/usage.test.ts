import { expect, test } from "vitest";
import { hawser } from "../commands.ts";
import { parseUsage } from "../usage.ts";

const usage = (...args: string[]) => parseUsage(hawser, args, { columns: 110, version: "" });

test("install without options: as the owner, in the folders of the field", async () => {
  expect(await usage("install")).toEqual({
    kind: "command",
    name: "install",
    options: {
      root: "",
      ownDir: "/etc/cni/hawser",
      binDir: "/opt/cni/bin",
      confDir: "/etc/cni/net.d",
      mode: "owner",
      primary: undefined,
      settings: undefined,
      api: false,
      stay: false,
      dryRun: false,
      json: false,
      link: undefined,
    },
    run: expect.any(Function),
  });
});

test("folders lose the slash at their end: the root is none", async () => {
  const parsed = await usage("install", "--root", "/", "--bin-dir", "/usr/lib/cni/", "--mode", "chained");
  expect(parsed).toMatchObject({
    options: { root: "", binDir: "/usr/lib/cni", mode: "chained" },
  });
});

test("uninstall", async () => {
  const parsed = await usage("uninstall", "--force", "--root", "/host");
  expect(parsed).toMatchObject({
    options: {
      ...{ root: "/host", ownDir: "/etc/cni/hawser", stateDir: "/var/lib/cni/hawser" },
      ...{ force: true, dryRun: false },
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
