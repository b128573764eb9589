import type { Options } from "yargs";
import { parseDurationMs } from "../../cni/duration.ts";
import { withoutTrailingSlashes } from "../../cni/slashes.ts";

/** One option or argument of a command: how yargs and the help know it, and what the command is given for it. */
export interface Option<T> {
  readonly yargs: Options & { readonly type: "string" | "boolean" };
  /** The value, of what yargs found: a text or a truth, a list of them where it was given several times, or undefined. */
  readonly read: (given: unknown) => T;
  /** Its name on the command line, where this is not its key's: `--wait` for `waitMs`. */
  readonly name?: string;
  /** For what stands behind the command's name, instead of an option: what a person who forgets it is told to be missing. */
  readonly argument?: { readonly missing: string };
}

/** By the names that the command knows them by; on the command line `confDir` is `--conf-dir`. */
export type OptionTable = Readonly<Record<string, Option<unknown>>>;

/** What a command is given for its options. */
export type ValuesOf<Table extends OptionTable> = {
  readonly [Key in keyof Table]: Table[Key] extends Option<infer T> ? T : never;
};

/** A text; with a default or `required` there is always one. */
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
    read: textOf,
  };
}

export function flag(describe: string, alias?: string): Option<boolean> {
  return {
    yargs: { type: "boolean", describe, ...(alias !== undefined && { alias }) },
    read: (given) => lastOf(given) === true,
  };
}

/** One of a few texts; with a default there is always one. */
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

/** A folder, without a slash at its end: the root is the empty text, and so is one that is not named. */
export function folder(describe: string, more: { readonly default?: string } = {}): Option<string> {
  return {
    yargs: { type: "string", requiresArg: true, describe, ...more },
    read: (given) => withoutTrailingSlashes(textOf(given) ?? ""),
  };
}

/** A duration as `90s`, in milliseconds. */
export function duration(name: string, describe: string): Option<number | undefined> {
  const coerce = (given: unknown): number => {
    const parsed = parseDurationMs(textOf(given) ?? "");
    // yargs tells this as it tells its own complaints.
    if (parsed === undefined) throw new Error(`--${name} ${textOf(given)} is no duration like 90s, 5m or 0`);
    return parsed;
  };
  return {
    name,
    yargs: { type: "string", requiresArg: true, describe, coerce },
    read: (given) => (typeof given === "number" ? given : undefined),
  };
}

/** What stands behind a command's name, and cannot be left out. */
export function argument(missing: string, describe: string, choices?: readonly string[]): Option<string> {
  return {
    argument: { missing },
    yargs: { type: "string", demandOption: true, describe, ...(choices && { choices }) },
    read: (given) => textOf(given) ?? "",
  };
}

/** The same option, whose value is made of the text. */
export function mapped<T, U>(option: Option<T>, change: (value: T) => U): Option<U> {
  return { ...option, read: (given) => change(option.read(given)) };
}

function textOf(given: unknown): string | undefined {
  const last = lastOf(given);
  return typeof last === "string" ? last : undefined;
}

/** Of an option that is given several times, the last holds. */
function lastOf(given: unknown): unknown {
  return Array.isArray(given) ? given.at(-1) : given;
}
