import { expect, test } from "vitest";
import { hawser } from "../commands.ts";
import { parseUsage } from "../usage.ts";

const parse = (...args: string[]) => parseUsage(hawser, ["gc", ...args], { columns: 100, version: "" });

test("as it stands: the runtime is asked, and what is there is the node's", async () => {
  expect(await parse()).toEqual({
    kind: "command",
    name: "gc",
    options: {
      ...{ confDir: "/etc/cni/net.d", config: undefined, pluginDirs: ["/opt/cni/bin", "/usr/lib/cni"] },
      ...{ valid: undefined, cri: undefined, minAgeMs: undefined },
      ...{ noneValid: false, dryRun: false, json: false },
    },
    run: expect.any(Function),
  });
});

test("stdin, ages and folders", async () => {
  const args = [
    "--valid",
    "-",
    "--min-age",
    "1m30s",
    "--plugin-dir",
    "/a",
    "--plugin-dir",
    "/b",
    "--dry-run",
  ];
  expect(await parse(...args)).toMatchObject({
    options: { valid: "-", minAgeMs: 90_000, pluginDirs: ["/a", "/b"], dryRun: true },
  });
});

test.each<[string[], string]>([
  [["--valid", "f", "--cri", "s"], "mutually exclusive"],
  [["--min-age", "soon"], "--min-age soon is no duration"],
  [["--valid"], "Not enough arguments following: valid"],
])("wrong: %j", async (args, words) => {
  expect(await parse(...args)).toEqual({
    kind: "wrong",
    message: expect.stringContaining(words),
    helpCommand: "hawser gc --help",
  });
});
