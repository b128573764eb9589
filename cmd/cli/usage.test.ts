import { describe, expect, test } from "vitest";
import { runCli } from "./command-testing.ts";
import { parseUsage } from "./usage.ts";

describe("help", () => {
  test("no argument: the commands", async () => {
    const { exitCode, stdout, stderr } = await runCli([]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    for (const command of ["explain", "attachments", "doctor"])
      expect(stdout).toContain(`  hawser ${command} `);
  });

  test.each([[[]], [["explain"]], [["attachments"]], [["attachments", "show"]], [["doctor"]], [["gc"]]])(
    "%j --help has an example that begins so, and the exit status",
    async (command) => {
      const { exitCode, stdout } = await runCli([...command, "--help"]);
      expect(exitCode).toBe(0);
      expect(stdout).toMatch(new RegExp(`\n  (sudo )?${["hawser", ...command].join(" ")}`));
      expect(stdout).toMatch(/\nExit status: 0 .*, 1 .*, 2 .*\.\n/);
    },
  );

  test("every example in the help is right usage", async () => {
    for (const command of [[], ["explain"], ["attachments"], ["attachments", "show"], ["doctor"], ["gc"]]) {
      const { stdout } = await runCli([...command, "--help"]);
      const examples = stdout.slice(stdout.indexOf("Examples:")).matchAll(/^ {2}(?:sudo )?hawser (.*)$/gm);
      for (const [, line = ""] of examples) {
        const args = Array.from(
          line.matchAll(/'([^']*)'|(\S+)/g),
          ([, quoted, bare]) => quoted ?? bare ?? "",
        );
        expect((await runCli(args)).exitCode, line).not.toBe(2);
      }
    }
  });

  test("stays within a narrow terminal", async () => {
    const { stdout } = await runCli(["doctor", "--help"], { columns: 60 });
    const options = stdout.slice(stdout.indexOf("Options:"), stdout.indexOf("Examples:"));
    expect(Math.max(...options.split("\n").map((line) => line.length))).toBeLessThanOrEqual(60);
  });

  test.each([["doctor"], ["migrate"], ["install"], ["uninstall"], ["ipam"], ["ipam", "import"]])(
    "%j tells what it does in lines that fill the terminal",
    async (...command) => {
      const { stdout } = await runCli([...command, "--help"], { columns: 80 });
      const [, paragraph = ""] = stdout.split("\n\n");
      const lines = paragraph.split("\n");
      for (const [index, line] of lines.entries()) {
        const [nextWord] = (lines[index + 1] ?? "").split(" ");
        expect(line.length, line).toBeLessThanOrEqual(80);
        if (nextWord !== "") expect(`${line} ${nextWord}`.length, line).toBeGreaterThan(80);
      }
    },
  );
});

test("--version tells version, commit and engine", async () => {
  const { exitCode, stdout } = await runCli(["--version"]);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^hawser \S+ \(commit \S+, (bun|node) \d+\.\d+\.\d+\)\n$/);
});

test.each([
  [["moor"], "Unknown command: moor", "hawser --help"],
  [["explai"], "Unknown command: explai", "hawser --help"],
  [["--nope"], "Unknown argument: nope", "hawser --help"],
  [["explain"], "Missing required argument: config", "hawser explain --help"],
  [["explain", "--config"], "Not enough arguments following: config", "hawser explain --help"],
  [["explain", "--config", "f", "more"], "Unknown command: more", "hawser explain --help"],
  [["explain", "--config", "f", "--nope", "1"], "Unknown argument: nope", "hawser explain --help"],
  [
    ["explain", "--config", "f", "--annotations", "a", "--pod", "p"],
    "Arguments annotations and pod are mutually exclusive",
    "hawser explain --help",
  ],
  [["attachments", "list"], "Unknown command: list", "hawser attachments --help"],
  [["attachments", "show"], "Missing argument: container", "hawser attachments show --help"],
  [["attachments", "show", "a", "b"], "Unknown command: b", "hawser attachments show --help"],
  [["doctor", "--plugin-dir"], "Not enough arguments following: plugin-dir", "hawser doctor --help"],
])("wrong usage %j: exit 2, what is wrong and where help is", async (args, message, help) => {
  expect(await runCli(args)).toEqual({
    exitCode: 2,
    stdout: "",
    stderr: `hawser: ${message}\n        See: ${help}\n`,
  });
});

test("colours only where they are wanted", async () => {
  expect((await runCli(["moor"], { colours: true })).stderr).toContain("\u001b[31mhawser:\u001b[0m");
  expect((await runCli(["moor"])).stderr).not.toContain("\u001b");
});

test.each([
  [["--plugin-dir", "/a", "--plugin-dir", "/b"]],
  [["--plugin-dir=/a", "--json", "--plugin-dir", "/b"]],
  [["--plugin-dir", "/a:/b"]],
])("doctor looks through every folder that is named: %j", async (args) => {
  const defaults = { stateDir: "/s", confDir: "/c", columns: 100, version: "" };
  expect(await parseUsage(["doctor", ...args], defaults)).toMatchObject({
    command: { pluginDirs: ["/a", "/b"] },
  });
});
