import type { Attempt } from "../../sys/fault.ts";
import type { Sys } from "../../sys/sys.ts";
import type { Conflicts, OptionTable, ValuesOf } from "./option.ts";
import type { Person } from "./person.ts";
import type { Terminal } from "./terminal.ts";

/** What a command gets besides `sys`. */
export interface Context {
  readonly terminal: Terminal;
  readonly person: Person;
  readonly program: Program;
}

/** The process that runs the command. */
export interface Program {
  /** The path of this program. */
  readonly executable: string;
  /** The environment of the command. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly readStdin: () => Attempt<string>;
}

/** The parts of a help text besides the list of options. */
export interface Help {
  /** The text behind the command's name in the line of usage. */
  readonly takes: string;
  /** Sentences. The help prints them as one paragraph, in lines that fill the terminal. */
  readonly about: readonly string[];
  /** For each example its purpose and its command line. */
  readonly examples: readonly (readonly [purpose: string, command: string])[];
  /** What the statuses 0, 1 and 2 mean. */
  readonly exits: string;
}

/** A command, or a group of commands. `hawser ipam` is only a group; `hawser attachments` is both. */
export interface Command extends Help {
  /** One line, for the list that the command stands in. */
  readonly summary: string;
  readonly options: OptionTable;
  readonly conflicts: Conflicts<OptionTable>;
  /** The commands of the group: `show` in `hawser attachments show`. */
  readonly commands: Commands;
  /** Makes a call of what yargs found. Undefined for what is only a group: a person must name one of its commands. */
  readonly call: ((given: Given) => Call) | undefined;
}

/**
 * Commands by their names, in the order of the help. A command is loaded when a person names it, or when a help lists
 * it.
 */
export type Commands = Readonly<Record<string, () => Promise<Command>>>;

/** The values that yargs found, by the options' names on the command line. */
export type Given = Readonly<Record<string, unknown>>;

/** A command with the values of its options, ready to run. */
export interface Call {
  readonly options: Readonly<Record<string, unknown>>;
  readonly run: (sys: Sys, context: Context) => Promise<number>;
}

/** All of one command. The type of `run`'s options follows from the table of options. */
interface Definition<Table extends OptionTable> extends Help {
  readonly summary: string;
  /** The command's options and arguments, in the order of the help. */
  readonly options: Table;
  readonly conflicts?: Conflicts<NoInfer<Table>>;
  readonly commands?: Commands;
  /** Does what the command is for, prints for people, and answers the exit status. */
  readonly run: (sys: Sys, context: Context, options: ValuesOf<Table>) => number | Promise<number>;
}

/** A command with the types of its options, for the tests of its file. */
export interface DefinedCommand<Table extends OptionTable> extends Command {
  readonly run: Definition<Table>["run"];
}

export function defineCommand<Table extends OptionTable>(
  definition: Definition<Table>,
): DefinedCommand<Table> {
  const { run, conflicts = {}, commands = {} } = definition;
  const call = (given: Given): Call => {
    const options = valuesOf(definition.options, given);
    return { options, run: async (sys, context) => run(sys, context, options) };
  };
  return { ...definition, conflicts, commands, call };
}

/** The program `hawser`: its help, and its commands. */
export interface Root extends Help {
  readonly commands: Commands;
}

/** Makes a group: a name with commands below it. */
export function defineGroup(definition: Root & { readonly summary: string }): Command {
  return { ...definition, options: {}, conflicts: {}, call: undefined };
}

/** The name of an option on the command line: `conf-dir` for `confDir`. */
export function nameOf(table: OptionTable, key: string): string {
  return table[key]?.name ?? key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function valuesOf<Table extends OptionTable>(table: Table, given: Given): ValuesOf<Table> {
  const values = Object.entries(table).map(([key, option]) => [key, option.read(given[nameOf(table, key)])]);
  // Each value comes from the option with its key. TypeScript does not follow an object's entries key by key.
  return Object.fromEntries(values) as ValuesOf<Table>;
}
