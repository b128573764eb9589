import { kindOf } from "./config.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";

/** One thing that is wrong with a document. */
export interface FieldProblem {
  /** `plugins[0].ipam.dataDir`; empty when the whole document is meant. */
  readonly place: string;
  readonly why: string;
}

/** The notes of readers. A document with words or rules of its own has more fields here. */
export interface Notes {
  readonly problems: FieldProblem[];
}

/**
 * Reads the value at a place of a document. Returns what the value means, or undefined where there is nothing to take; then
 * the notes have a problem more, unless the value says nothing.
 */
export type Reader<T, N extends Notes = Notes> = (value: Json, place: string, notes: N) => T | undefined;

/** What is wrong with a value, in the words of its document. */
export type Words = (value: Json) => string;

export function newNotes(): Notes {
  return { problems: [] };
}

/** Writes a problem down. Returns undefined, so that a reader can end with it. */
export function refuse(notes: Notes, place: string, why: string): undefined {
  notes.problems.push({ place, why });
  return undefined;
}

/** The problems for people: each stands behind its place. */
export function problemTexts({ problems }: Notes): string[] {
  return problems.map(({ place, why }) => `${place}: ${why}`);
}

/** `isNot("a string")` says of 5: "is a number, not a string". */
export function isNot(what: string): Words {
  return (value) => `is ${kindOf(value)}, not ${what}`;
}

export function isText(value: Json | undefined): value is string {
  return typeof value === "string";
}

export function isFlag(value: Json | undefined): value is boolean {
  return typeof value === "boolean";
}

/** A number that JavaScript holds exactly: others are no numbers here (`ExactNumber`). */
export function isNumber(value: Json | undefined): value is number {
  return typeof value === "number";
}

export function isTexts(value: Json | undefined): value is string[] {
  return Array.isArray(value) && value.every(isText);
}

/** The texts of a list, whatever else is in it; undefined when there is no list. */
export function textsIn(value: Json | undefined): string[] | undefined {
  return Array.isArray(value) ? value.filter(isText) : undefined;
}

/** Takes a value of one type as it is. */
export function must<T extends Json>(is: (value: Json) => value is T, why: Words): Reader<T> {
  return (value, place, notes) => (is(value) ? value : refuse(notes, place, why(value)));
}

export const text = must(isText, isNot("a string"));
export const flag = must(isFlag, isNot("true or false"));
/** Takes true. A flag that is false is left out of a document. */
export const onlyTrue = must((value): value is true => value === true, isNot("true"));
export const number = must(isNumber, isNot("a number"));
export const anyObject = must(isObject, isNot("an object"));

/** Takes one of these words. */
export function oneOf<const T extends string>(words: readonly T[], why: Words): Reader<T> {
  return (value, place, notes) => words.find((word) => word === value) ?? refuse(notes, place, why(value));
}

/** Reads every entry of an array, and leaves out those that cannot be read. */
export function list<T, N extends Notes>(
  entry: Reader<T, N>,
  why: Words = isNot("an array"),
  placeOf: (place: string, index: number) => string = placeInList,
): Reader<T[], N> {
  return (value, place, notes) => {
    if (!Array.isArray(value)) return refuse(notes, place, why(value));
    return value.flatMap((each, index) => {
      const read = entry(each, placeOf(place, index), notes);
      // In brackets: an entry may be an array itself, and stays one.
      return read === undefined ? [] : [read];
    });
  };
}

/** Takes an array as it is, whatever is in it. */
export const anyList = must((value): value is Json[] => Array.isArray(value), isNot("an array"));

export function placeInList(place: string, index: number): string {
  return `${place}[${index}]`;
}

/** Readers by the names of their fields. */
export type Fields<N extends Notes = Notes> = Readonly<Record<string, Reader<unknown, N>>>;

/** The values that readers of fields return together. If the names of the fields are not known here, any field may be there. */
export type Read<F extends Fields<never>> = string extends keyof F
  ? { [K in keyof F]: Exclude<ReturnType<F[K]>, undefined> }
  : { [K in keyof F]?: Exclude<ReturnType<F[K]>, undefined> };

/** A field that an object need not have. */
interface Maybe<T> {
  readonly maybe: Reader<T>;
}

/** A field that means this where the object does not have it. */
interface Usual<T> extends Maybe<T> {
  readonly otherwise: T;
}

export function maybe<T>(reader: Reader<T>): Maybe<T> {
  return { maybe: reader };
}

export function usually<T>(otherwise: NoInfer<T>, reader: Reader<T>): Usual<T> {
  return { maybe: reader, otherwise };
}

/** The readers of an object's fields. A field with a plain reader must be there. */
type ObjectFields = Readonly<Record<string, Reader<unknown> | Maybe<unknown>>>;
type ReadObject<F extends ObjectFields> = {
  [K in keyof F as F[K] extends Maybe<unknown> ? (F[K] extends Usual<unknown> ? K : never) : K]: Meant<F[K]>;
} & {
  [K in keyof F as F[K] extends Maybe<unknown> ? (F[K] extends Usual<unknown> ? never : K) : never]?: Meant<
    F[K]
  >;
};
type Meant<R> = R extends Maybe<infer T> ? T : R extends Reader<infer T> ? T : never;

/**
 * Reads an object in the order of the fields. If a needed field is missing, it returns no object. Unknown fields are skipped.
 */
export function object<F extends ObjectFields>(fields: F): Reader<ReadObject<F>> {
  const readers = Object.entries(fields);
  return (value, place, notes) => {
    if (!isObject(value)) return refuse(notes, place, isNot("an object")(value));
    const read: [string, unknown][] = [];
    let isWhole = true;
    for (const [key, field] of readers) {
      const where = place === "" ? key : `${place}.${key}`;
      const isNeeded = typeof field === "function";
      const each = Object.hasOwn(value, key) ? value[key] : undefined;
      if (each === undefined && isNeeded) refuse(notes, where, "is missing");
      const said = each === undefined ? undefined : (isNeeded ? field : field.maybe)(each, where, notes);
      const meant = said ?? ("otherwise" in field ? field.otherwise : undefined);
      if (meant !== undefined) read.push([key, meant]);
      else if (isNeeded) isWhole = false;
    }
    return isWhole ? typed<ReadObject<F>>(read) : undefined;
  };
}

/** How a document's objects are read whose keys somebody may have misspelt. */
export interface KeyRules<N extends Notes> {
  readonly placeOf: (place: string, key: string) => string;
  /** Whether the value says no more than a key that is not there. */
  readonly isAbsent: (value: Json) => boolean;
  /** Is told of a key that no field has. */
  readonly unknown: (key: string, where: string, notes: N, fields: Fields<N>) => void;
}

/** Reads an object in the order of its own keys. */
export function readMembers<N extends Notes, F extends Fields<N>>(
  { placeOf, isAbsent, unknown }: KeyRules<N>,
  fields: F,
  value: JsonObject,
  place: string,
  notes: N,
): Read<F> {
  const read = Object.entries(value).map(([key, each]) => {
    const where = placeOf(place, key);
    const reader = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (reader === undefined) unknown(key, where, notes, fields);
    return [key, reader === undefined || isAbsent(each) ? undefined : reader(each, where, notes)] as const;
  });
  return typed<Read<F>>(read.filter(([, each]) => each !== undefined));
}

/** The one place where what readers have returned becomes the type that their table promises. */
function typed<T>(entries: readonly (readonly [string, unknown])[]): T {
  return Object.fromEntries(entries) as T;
}

/** Reads the same, but a value that cannot be read is as absent. */
export function lenient<T>(reader: Reader<T>): Reader<T> {
  return (value, place) => reader(value, place, newNotes());
}

/** What the document means; undefined when anything in it is wrong. */
export function readWhole<T>(reader: Reader<T>, value: Json): T | undefined {
  const notes = newNotes();
  const read = reader(value, "", notes);
  return notes.problems.length === 0 ? read : undefined;
}
