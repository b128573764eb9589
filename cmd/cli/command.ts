import type { Attempt } from "../../sys/fault.ts";
import type { Sys } from "../../sys/sys.ts";
import type { Person } from "./ipam/person.ts";
import type { OptionTable, ValuesOf } from "./option.ts";
import type { Terminal } from "./terminal.ts";

/** What a command has beside the machine. */
export interface Context {
  readonly terminal: Terminal;
  readonly person: Person;
  readonly program: Program;
}

/** The process that runs the command. */
export interface Program {
  /** The path of this program. */
  readonly executable: string;
  /** Its environment. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly readStdin: () => Attempt<string>;
}

/** What a help says beside the options. */
export interface Help {
  /** What stands behind its name in the line of usage. */
  readonly takes: string;
  /** Sentences: they are printed as one paragraph, in lines as long as the terminal's. */
  readonly about: readonly string[];
  /** What each is for, and the command. */
  readonly examples: readonly (readonly [purpose: string, command: string])[];
  /** What the statuses 0, 1 and 2 mean. */
  readonly exits: string;
}

/** A command, or a group of them: `hawser ipam` only holds others, `hawser attachments` is both. */
export interface Command extends Help {
  /** One line, for the list that the command stands in. */
  readonly summary: string;
  readonly options: OptionTable;
  /** Options that exclude others, by their names on the command line. */
  readonly conflicts: Conflicts;
  /** Those that stand below this one. */
  readonly commands: Commands;
  /** Undefined: one of those below must be named. */
  readonly call: ((given: Given) => Call) | undefined;
}

type Conflicts = Readonly<Record<string, readonly string[]>>;

/** By their names, in the order of the help. Each is loaded when it is the one, or when a help lists it. */
export type Commands = Readonly<Record<string, () => Promise<Command>>>;

/** What yargs found on the command line, by the names there. */
export type Given = Readonly<Record<string, unknown>>;

/** A command with the values of its options: all that is left is to run it. */
export interface Call {
  readonly options: Readonly<Record<string, unknown>>;
  readonly run: (sys: Sys, context: Context) => Promise<number>;
}

/** All of one command. What `run` is given for the options follows from their table. */
interface Definition<Table extends OptionTable> extends Help {
  readonly summary: string;
  /** Its options and its arguments, in the order of the help. */
  readonly options: Table;
  readonly conflicts?: Conflicts;
  readonly commands?: Commands;
  /** Prints for people, and answers the exit status. */
  readonly run: (sys: Sys, context: Context, options: ValuesOf<Table>) => number | Promise<number>;
}

/** A command as its own file knows it: with the types of its options. */
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

/** The program itself: the commands that stand below nothing. */
export interface Root extends Help {
  readonly commands: Commands;
}

/** A name under which other commands stand. */
export function defineGroup(definition: Root & { readonly summary: string }): Command {
  return { ...definition, options: {}, conflicts: {}, call: undefined };
}

/** The name of an option on the command line: `conf-dir` for `confDir`. */
export function nameOf(table: OptionTable, key: string): string {
  return table[key]?.name ?? key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function valuesOf<Table extends OptionTable>(table: Table, given: Given): ValuesOf<Table> {
  const values = Object.entries(table).map(([key, option]) => [key, option.read(given[nameOf(table, key)])]);
  // Each value is its option's: TypeScript cannot follow the entries of an object by their keys.
  return Object.fromEntries(values) as ValuesOf<Table>;
}
