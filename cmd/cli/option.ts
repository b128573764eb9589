import type { Options } from "yargs";
import { parseDurationMs } from "../../cni/duration.ts";
import { withoutTrailingSlashes } from "../../cni/slashes.ts";

/**
 * One option or argument of a command. It says how yargs reads it, how the help describes it, and which value the
 * command gets.
 */
export interface Option<T> {
  readonly yargs: Options & { readonly type: "string" | "boolean" };
  /**
   * Makes the command's value of what yargs found: a text or a boolean, a list where the option was given several
   * times, or undefined.
   */
  readonly read: (given: unknown) => T;
  /** The option's name on the command line, where its key does not give it: `wait` for `waitMs`. */
  readonly name?: string;
  /** Set for an argument. `missing` names the argument to a person who has left it out. */
  readonly argument?: { readonly missing: string };
}

/** A command's options by their keys. The key `confDir` is `--conf-dir` on the command line. */
export type OptionTable = Readonly<Record<string, Option<unknown>>>;

/** The values that a command gets for its options. */
export type ValuesOf<Table extends OptionTable> = {
  readonly [Key in keyof Table]: Table[Key] extends Option<infer T> ? T : never;
};

/** For an option of a table the options that it excludes, by their keys. */
export type Conflicts<Table extends OptionTable> = {
  readonly [Key in keyof Table & string]?: readonly (keyof Table & string)[];
};

/** An option with a text. With a default or `required` the command always gets one. */
export function text(
  describe: string,
  more: { readonly default: string } | { readonly required: true },
): Option<string>;
export function text(describe: string): Option<string | undefined>;
export function text(
  describe: string,
  more: { readonly default?: string; readonly required?: true } = {},
): Option<string | undefined> {
  const { required = false, ...rest } = more;
  return {
    yargs: { type: "string", requiresArg: true, demandOption: required, describe, ...rest },
    read: lastText,
  };
}

export function flag(describe: string, alias?: string): Option<boolean> {
  return {
    yargs: { type: "boolean", describe, ...(alias !== undefined && { alias }) },
    read: (given) => lastOf(given) === true,
  };
}

/** An option with one of a few texts. With a default the command always gets one. */
export function choice<const T extends string>(
  choices: readonly T[],
  describe: string,
  more: { readonly default: T },
): Option<T>;
export function choice<const T extends string>(
  choices: readonly T[],
  describe: string,
): Option<T | undefined>;
export function choice<const T extends string>(
  choices: readonly T[],
  describe: string,
  more: { readonly default?: T } = {},
): Option<T | undefined> {
  return {
    yargs: { type: "string", requiresArg: true, choices, describe, ...more },
    read: (given) => choices.find((each) => each === lastOf(given)),
  };
}

/**
 * An option with a folder. The value has no slash at its end, so the root is the empty text. So is a folder that nobody
 * names.
 */
export function folder(describe: string, more: { readonly default?: string } = {}): Option<string> {
  return {
    yargs: { type: "string", requiresArg: true, describe, ...more },
    read: (given) => withoutTrailingSlashes(lastText(given) ?? ""),
  };
}

/** An option with a duration such as `90s`. The value is in milliseconds. */
export function duration(name: string, describe: string): Option<number | undefined> {
  const coerce = (given: unknown): number => {
    const parsed = parseDurationMs(lastText(given) ?? "");
    // yargs reports this error like its own.
    if (parsed === undefined)
      throw new Error(`--${name} ${lastText(given)} is no duration like 90s, 5m or 0`);
    return parsed;
  };
  return {
    name,
    yargs: { type: "string", requiresArg: true, describe, coerce },
    read: (given) => (typeof given === "number" ? given : undefined),
  };
}

/** An argument: a text behind the command's name. It must be given. */
export function argument(missing: string, describe: string, choices?: readonly string[]): Option<string> {
  return {
    argument: { missing },
    yargs: { type: "string", demandOption: true, describe, ...(choices && { choices }) },
    read: (given) => lastText(given) ?? "",
  };
}

/** The same option with another value: what `change` makes of the first. */
export function mapped<T, U>(option: Option<T>, change: (value: T) => U): Option<U> {
  return { ...option, read: (given) => change(option.read(given)) };
}

function lastText(given: unknown): string | undefined {
  const last = lastOf(given);
  return typeof last === "string" ? last : undefined;
}

/** An option that is given several times has the last value. */
function lastOf(given: unknown): unknown {
  return Array.isArray(given) ? given.at(-1) : given;
}
