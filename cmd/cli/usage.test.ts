import { describe, expect, test } from "vitest";
import { type Command, type Commands, defineCommand, nameOf } from "./command.ts";
import { runCli } from "./command-testing.ts";
import { hawser } from "./commands.ts";
import { argument, duration, flag, text } from "./option.ts";
import { parseUsage } from "./usage.ts";

const page = { columns: 100, version: "" };

/** Every command and group, with its path. */
async function every(commands: Commands, above: readonly string[] = []): Promise<[string, Command][]> {
  const here = Object.entries(commands).map(async ([name, load]): Promise<[string, Command][]> => {
    const command = await load();
    const path = [...above, name];
    return [[path.join(" "), command], ...(await every(command.commands, path))];
  });
  return (await Promise.all(here)).flat();
}

const all = await every(hawser.commands);

/** The words of a line of shell, without quotes. */
function wordsOf(line: string): string[] {
  return Array.from(line.matchAll(/'([^']*)'|(\S+)/g), ([, quoted, bare]) => quoted ?? bare ?? "");
}

describe.each(all)("hawser %s", (path, command) => {
  test("has a summary, examples that begin so, and exit statuses", () => {
    expect(command.summary).toMatch(/^[A-Z].*[^.]$/);
    expect(command.about.join(" ")).toMatch(/^[A-Z].*\.$/);
    expect(command.examples.map(([purpose]) => purpose)).not.toContain("");
    expect(command.examples.map(([, line]) => line).join("\n")).toMatch(
      new RegExp(`^(sudo )?hawser ${path}`, "m"),
    );
    expect(command.exits).toMatch(/^0 .*, 1 .*, 2 .*[^.]$/);
  });

  test("describes each of its options in a line", () => {
    for (const { yargs } of Object.values(command.options)) expect(yargs.describe).toMatch(/^\S[^\n]*[^.]$/);
  });

  test("--help says all of that, and the list above it has its summary", async () => {
    const { exitCode, stdout, stderr } = await runCli([...path.split(" "), "--help"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toMatch(`hawser ${path} ${command.takes}`);
    for (const key of Object.keys(command.options).filter((each) => !command.options[each]?.argument))
      expect(stdout).toContain(`--${nameOf(command.options, key)} `);
    for (const [purpose, line] of command.examples) expect(stdout).toContain(`\n  # ${purpose}\n  ${line}\n`);
    expect(stdout).toContain(`\nExit status: ${command.exits}.\n`);
    const list = await runCli([...path.split(" ").slice(0, -1), "--help"]);
    expect(list.stdout).toMatch(new RegExp(`\n  hawser ${path} [^\n]* ${command.summary}\n`));
  });

  test.each(command.examples)("its example for %s is right usage", async (_purpose, line) => {
    const [program, ...args] = wordsOf(line.replace(/^sudo (crictl pods -q \| sudo )?/, ""));
    expect(program).toBe("hawser");
    expect(await parseUsage(hawser, args, page), line).toMatchObject({ kind: "command" });
  });
});

test("a command that a list names is in its help, and runs with the values of its options", async () => {
  const moor = defineCommand({
    summary: "Moor a ship",
    takes: "SHIP",
    about: ["Moors a ship."],
    options: {
      ship: argument("ship", "which"),
      byRope: text("by it", { default: "hemp" }),
      fast: flag("soon"),
    },
    examples: [["the first", "hawser moor argo"]],
    exits: "0 moored, 1 adrift, 2 the command was used wrongly",
    run: (_sys, { terminal }, { ship, byRope, fast }) => {
      const text: [string, string, boolean] = [ship, byRope, fast];
      terminal.print(text.join());
      return 1;
    },
  });
  const root = { ...hawser, commands: { ...hawser.commands, moor: async () => moor } };
  expect((await runCli(["--help"], { root })).stdout).toMatch(/\n {2}hawser moor <ship> +Moor a ship\n/);
  expect((await runCli(["moor", "--help"], { root })).stdout).toContain("--by-rope  by it");
  expect(await runCli(["moor", "argo", "--by-rope", "wire"], { root })).toEqual({
    exitCode: 1,
    stdout: "argo,wire,false\n",
    stderr: "",
  });
  expect((await runCli(["moor"], { root })).stderr).toContain("Missing argument: ship");
});

test("options that exclude each other are named as on the command line", async () => {
  const moor = defineCommand({
    summary: "Moor a ship",
    takes: "",
    about: ["Moors a ship."],
    options: { waitMs: duration("wait", "wait so long"), byNight: flag("in the dark") },
    conflicts: { waitMs: ["byNight"] },
    examples: [],
    exits: "0 moored",
    run: () => 0,
  });
  const root = { ...hawser, commands: { moor: async () => moor } };
  expect((await runCli(["moor", "--wait", "5m"], { root })).exitCode).toBe(0);
  const both = await runCli(["moor", "--wait", "5m", "--by-night"], { root });
  expect(both).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("mutually exclusive") });
});

describe("help", () => {
  test("no argument: the commands", async () => {
    const { exitCode, stdout, stderr } = await runCli([]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    for (const command of Object.keys(hawser.commands)) expect(stdout).toContain(`  hawser ${command} `);
  });

  test.each(hawser.examples)("its example for %s is right usage", async (_purpose, line) => {
    expect(await parseUsage(hawser, wordsOf(line).slice(1), page), line).toMatchObject({ kind: "command" });
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
  expect(await parseUsage(hawser, ["doctor", ...args], page)).toMatchObject({
    options: { pluginDirs: ["/a", "/b"] },
  });
});
