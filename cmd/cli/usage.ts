import yargs, { type Argv } from "yargs";
import { type Call, type Command, type Commands, type Help, nameOf, type Root } from "./command.ts";
import type { OptionTable } from "./option.ts";

export type Usage =
  | ({ readonly kind: "command"; readonly name: string } & Call)
  /** Help or the version. It is printed as it is. */
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "wrong"; readonly message: string; readonly helpCommand: string };

/** What the help needs to know besides the commands. */
export interface HelpPage {
  readonly version: string;
  /** Characters in a line. */
  readonly columns: number;
}

/** A loaded command, and the loaded commands below it. */
interface Loaded {
  readonly path: readonly string[];
  readonly command: Command;
  readonly below: readonly Loaded[];
}

/** The parts of the command line as yargs has reported them. */
interface Told {
  /** The command that the arguments name. Undefined when they name none. */
  named?: Loaded;
  given?: Readonly<Record<string, unknown>>;
  problem?: string;
}

/** Reads the arguments of a person's call. Runs nothing. */
export async function parseUsage(root: Root, args: readonly string[], page: HelpPage): Promise<Usage> {
  const words = args.filter((arg) => !arg.startsWith("-"));
  const told: Told = {};
  const parser = described(newParser(page), [], root).version(page.version);
  for (const each of await load(root.commands, words)) addCommand(parser, each, told);
  parser.fail((message: string, error?: Error) => {
    // The first report is about the person's mistake. Later reports only follow from it.
    told.problem ??= inWords(told.named, message || (error?.message ?? "the arguments cannot be understood"));
  });
  let output = "";
  await parser.parseAsync(args, {}, (_error: unknown, _argv: unknown, text: string) => {
    output = text;
  });
  const { named, given = {}, problem } = told;
  const name = (named?.path ?? []).join(" ");
  if (problem !== undefined) {
    return {
      kind: "wrong",
      message: problem,
      helpCommand: ["hawser", name, "--help"].filter(Boolean).join(" "),
    };
  }
  const call = output === "" ? named?.command.call : undefined;
  if (call !== undefined) return { kind: "command", name, ...call(given) };
  return { kind: "text", text: output === "" ? await parser.getHelp() : output };
}

/**
 * Loads the command that the first word names. Loads all where the word names none, since a help or an error may list
 * them.
 */
async function load(
  commands: Commands,
  [word, ...rest]: readonly string[],
  above: readonly string[] = [],
): Promise<Loaded[]> {
  const all = Object.entries(commands);
  const named = all.filter(([name]) => name === word);
  return Promise.all(
    (named.length > 0 ? named : all).map(async ([name, loadOne]) => {
      const command = await loadOne();
      const path = [...above, name];
      // A help lists commands, but not the commands below these.
      const below = word === undefined ? [] : await load(command.commands, rest, path);
      return { path, command, below };
    }),
  );
}

function newParser({ columns }: HelpPage): Argv {
  return (
    yargs()
      .scriptName("hawser")
      .exitProcess(false)
      // yargs keeps its translations in files that the executable does not hold.
      .detectLocale(false)
      .wrap(columns)
      .parserConfiguration({
        "boolean-negation": false,
        "greedy-arrays": false,
        "parse-numbers": false,
        "parse-positional-numbers": false,
      })
      .strict()
      .strictCommands()
      .showHelpOnFail(false)
      .help()
  );
}

/** Gives a parser its help text. Only the program itself has --version. */
function described(parser: Argv, path: readonly string[], { takes, about, examples, exits }: Help): Argv {
  const head = [["hawser", ...path, takes].join(" ").trim(), about.join(" ")].join("\n\n");
  const lines = examples.flatMap(([purpose, command]) => [`  # ${purpose}`, `  ${command}`]);
  const foot = ["Examples:", ...lines, "", `Exit status: ${exits}.`].join("\n");
  return parser.usage(head).epilogue(foot).version(false);
}

function addCommand(parser: Argv, loaded: Loaded, told: Told): void {
  const { path, command } = loaded;
  const name = path.at(-1) ?? "";
  const words = argumentsOf(command.options).map((each) => `<${each}>`);
  const build = (own: Argv): Argv => {
    told.named = loaded;
    described(own, path, command);
    for (const [key, { yargs, argument }] of Object.entries(command.options)) {
      if (argument === undefined) own.option(nameOf(command.options, key), yargs);
      else own.positional(key, yargs);
    }
    own.conflicts(namedConflicts(command));
    for (const each of loaded.below) addCommand(own, each, told);
    return command.call === undefined
      ? own.demandCommand(1, `Missing command after ${name}`).strictCommands()
      : own;
  };
  parser.command([name, ...words].join(" "), command.summary, build, (given) => {
    told.given = given;
  });
}

/** The options that exclude each other, by their names on the command line. */
function namedConflicts({ options, conflicts }: Command): Record<string, string[]> {
  const named = Object.entries(conflicts).map(([key, others = []]) => [
    nameOf(options, key),
    others.map((other) => nameOf(options, other)),
  ]);
  return Object.fromEntries(named);
}

function argumentsOf(options: OptionTable): string[] {
  return Object.keys(options).filter((key) => options[key]?.argument !== undefined);
}

/** Words a report of yargs for people. yargs counts missing arguments; this names them. */
function inWords(named: Loaded | undefined, message: string): string {
  const options = Object.values(named?.command.options ?? {});
  const missing = options.find(({ argument }) => argument !== undefined)?.argument?.missing;
  return missing !== undefined && message.startsWith("Not enough non-option arguments")
    ? `Missing argument: ${missing}`
    : message.replaceAll(/\s+/g, " ");
}
