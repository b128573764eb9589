import { describe, expect, test } from "vitest";
import { hawser } from "../commands.ts";
import { parseUsage } from "../usage.ts";

const page = { version: "hawser", columns: 100 };
const parse = (line: string) => parseUsage(hawser, line.split(" "), page);

describe("hawser migrate", () => {
  test("looks, unless it is told to take over", async () => {
    expect(await parse("migrate multus")).toEqual({
      kind: "command",
      name: "migrate",
      options: {
        from: "multus",
        config: undefined,
        confDir: "/etc/cni/net.d",
        daemonConfig: undefined,
        cniDir: undefined,
        results: "/var/lib/cni/results",
        stateDir: "/var/lib/cni/hawser",
        clusterDefinitions: undefined,
        takeOver: false,
        all: false,
        dryRun: false,
        yes: false,
        json: false,
      },
      run: expect.any(Function),
    });
  });

  test("every example of its help is right usage", async () => {
    const help = await parse("migrate multus --help");
    const text = help.kind === "text" ? help.text : "";
    const examples = [...text.matchAll(/^ {2}(?:sudo )?hawser (.*)$/gm)].map(([, line = ""]) => line);
    expect(examples).toHaveLength(4);
    for (const line of examples) expect((await parse(line)).kind, line).toBe("command");
    expect(text).toMatch(/\nExit status: 0 .*, 1 .*, 2 .*\.\n?$/);
  });

  test.each([
    ["from nothing", "migrate", "Missing argument: from what (multus)"],
    [
      "from something else",
      "migrate danm",
      `Invalid values: Argument: from, Given: "danm", Choices: "multus"`,
    ],
    ["with what there is not", "migrate multus --force", "Unknown argument: force"],
  ])("wrong: %s", async (_case, line, message) => {
    expect(await parse(line)).toEqual({ kind: "wrong", message, helpCommand: "hawser migrate --help" });
  });
});
