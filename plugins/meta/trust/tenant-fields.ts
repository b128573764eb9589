import { addressFamily, cidrFamily } from "../../../cni/address.ts";
import { kindOf } from "../../../cni/config.ts";
import { foldKey } from "../../../cni/fold.ts";
import { isObject, type Json, type JsonObject } from "../../../cni/json.ts";
import {
  type Fields,
  isNot,
  isText,
  type KeyRules,
  type Notes,
  type Read,
  type Reader,
  list as readList,
  readMembers,
  refuse,
} from "../../../cni/readers.ts";
import { quote } from "../../../kube/text.ts";

/** The notes of the readers of a tenant's text: every problem, and the fields that are left out. */
export interface TenantNotes extends Notes {
  readonly unknownKeys: "refuse" | "ignore";
  /** The namespace whose text this is. */
  readonly namespace: string;
  /** For people: which field was left out, and why the network works without it. */
  readonly leftOut: string[];
}

/** Reads a value of a tenant's text and makes it anew of what was understood. */
export type TenantReader = Reader<Json, TenantNotes>;
export type DecodedFields = Readonly<Record<string, TenantReader>>;

/** Limits of lists and texts. A definition is a page of text. */
const maxEntries = 256;
const maxText = 1024;

/** Reads a text that `problem` finds nothing wrong with. */
export function text(problem: (text: string) => string | undefined): Reader<string> {
  return (value, place, notes) => {
    if (!isText(value)) return refuse(notes, place, isNot("a text")(value));
    if (value.length > maxText) return refuse(notes, place, `has more than ${maxText} characters`);
    const why = problem(value);
    return why === undefined ? value : refuse(notes, place, `${quote(value)} ${why}`);
  };
}

/** Reads a text of this pattern. The pattern must be anchored and of linear time. `what`: "is no interface's name". */
export function matching(pattern: RegExp, what: string): Reader<string> {
  return text((value) => (pattern.test(value) ? undefined : what));
}

export function oneOf<const T extends string>(...words: readonly T[]): Reader<T> {
  const known = text((value) =>
    words.some((word) => word === value) ? undefined : `is none of ${words.join(", ")}`,
  );
  return (value, place, notes) => {
    const read = known(value, place, notes);
    return words.find((word) => word === read);
  };
}

/** A whole number from `least` to `most`. */
export function whole(least: number, most: number): Reader<number> {
  return (value, place, notes) => {
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
    const shown = typeof value === "number" ? String(value) : kindOf(value);
    return refuse(notes, place, `is ${shown}, not a whole number from ${least} to ${most}`);
  };
}

/** Reads a value by the first of these readers that takes it. If none does, the problem is the last reader's. */
export function either<T>(...readers: readonly Reader<T, TenantNotes>[]): Reader<T, TenantNotes> {
  return (value, place, notes) => {
    let tried: TenantNotes = notes;
    for (const reader of readers) {
      tried = { ...notes, problems: [], leftOut: [] };
      const read = reader(value, place, tried);
      if (tried.problems.length > 0) continue;
      notes.leftOut.push(...tried.leftOut);
      return read;
    }
    notes.problems.push(...tried.problems);
    return undefined;
  };
}

/** Reads a list that has at most this number of entries. */
export function list<T extends Json>(
  reader: Reader<T, TenantNotes>,
  most = maxEntries,
): Reader<T[], TenantNotes> {
  const readAll = readList(reader, isNot("a list"));
  return (value, place, notes) =>
    Array.isArray(value) && value.length > most
      ? refuse(notes, place, `has ${value.length} entries; at most ${most} are taken`)
      : readAll(value, place, notes);
}

/** Reads an object of these fields. An unknown key is refused by its name, or left out if unknown keys are to be ignored. */
export function object<F extends DecodedFields>(fields: F): Reader<Read<F>, TenantNotes> {
  return (value, place, notes) => {
    if (!isObject(value)) return refuse(notes, place, isNot("an object")(value));
    return readFields(fields, value, place, notes);
  };
}

/** Reads an object whose keys are of one pattern and whose values are of one kind. */
export function record<T>(
  isKey: (key: string) => boolean,
  reader: Reader<T, TenantNotes>,
): Reader<Record<string, T>, TenantNotes> {
  return (value, place, notes) => {
    if (!isObject(value)) return refuse(notes, place, isNot("an object")(value));
    const entries = Object.entries(value);
    if (entries.length > maxEntries)
      return refuse(notes, place, `has ${entries.length} keys; at most ${maxEntries} are taken`);
    const folded = new Set<string>();
    const read = entries.flatMap(([key, each]): [string, T][] => {
      const where = placeOf(place, key);
      if (!isKey(key) || key === "__proto__")
        return refuse(notes, where, "is no key that can stand here") ?? [];
      if (folded.has(foldKey(key))) return refuse(notes, where, "stands here twice, in two spellings") ?? [];
      folded.add(foldKey(key));
      const taken = each === null ? undefined : reader(each, where, notes);
      return taken === undefined ? [] : [[key, taken]];
    });
    return Object.fromEntries(read);
  };
}

/** Reads the known fields of an object, as `object` does. */
export function readFields<F extends DecodedFields>(
  fields: F,
  value: JsonObject,
  place: string,
  notes: TenantNotes,
): Read<F> {
  return readMembers(keys, fields, value, place, notes);
}

/** Go's decoder reads null as a missing field. */
const keys: KeyRules<TenantNotes> = { placeOf, isAbsent: (value) => value === null, unknown: noteUnknown };

/**
 * Notes an unknown key. If a Go plugin would read the key as a known one, the key is refused even where unknown keys are
 * ignored.
 */
function noteUnknown(key: string, where: string, notes: TenantNotes, fields: Fields<TenantNotes>): void {
  const meant = Object.keys(fields).find((known) => foldKey(known) === foldKey(key));
  if (meant !== undefined) refuse(notes, where, `is written ${quote(meant)}`);
  else if (notes.unknownKeys === "ignore") notes.leftOut.push(`${where}: there is no such field`);
  else refuse(notes, where, "is no field that is known here");
}

/** Takes any value as it is: the operator wrote it, or the plugin itself checks it. */
export const asItIs: Reader<Json> = (value) => value;

export function placeOf(place: string, key: string): string {
  const shown = /^[A-Za-z0-9_-]{1,40}$/.test(key) ? key : quote(key);
  return place === "" ? shown : `${place}.${shown}`;
}

/** Refuses a field that only the operator may write. `instead` is a sentence that says what to write in its place. */
export function operators(instead: string): Reader<never, TenantNotes> {
  return (_value, place, notes) => refuse(notes, place, `is the operator's alone. ${instead}`);
}

/** Refuses a field that only the operator may write. Values that the plugin's own documentation shows are taken. */
export function operatorsBut(values: readonly string[], instead: string): Reader<string> {
  return (value, place, notes) =>
    isText(value) && values.includes(value)
      ? value
      : refuse(
          notes,
          place,
          `is the operator's alone${values.length > 0 ? `, but for ${values.join(", ")}` : ""}. ${instead}`,
        );
}

/** Leaves out a field that many tenants write but none may decide, and notes that. */
export function leftOut(why: string): Reader<never, TenantNotes> {
  return (_value, place, notes) => {
    notes.leftOut.push(`${place}: ${why}`);
    return undefined;
  };
}

export const address = text((value) => (addressFamily(value) === undefined ? "is no IP address" : undefined));
/** An address with its prefix length. Host bits may be set. */
export const cidr = text((value) =>
  cidrFamily(value) === undefined ? "is no address with a prefix length" : undefined,
);
export const addressOrCidr = either(address, cidr);

/**
 * The name of a link of the node or of the pod. The kernel allows more. But a tool takes a dash at the beginning for an option,
 * the kernel replaces a percent sign by a number, and nobody needs the characters that a shell obeys.
 */
export const linkName = matching(/^([A-Za-z0-9_][A-Za-z0-9_.@+=~#,-]{0,14})?$/, "is no interface's name");

/** `02:00:00:00:00:01` and the other spellings that Go's net.ParseMAC takes. */
export const mac = matching(/^[0-9A-Fa-f]{2,4}([:.-][0-9A-Fa-f]{2,4}){2,19}$/, "is no MAC address");

/** The DNS settings of a network (CNI 1.1.0, section 1). */
export const dns = object({
  nameservers: list(address),
  domain: text(domainProblem),
  search: list(text(domainProblem)),
  options: list(matching(/^([a-zA-Z0-9][a-zA-Z0-9:._-]*)?$/, "is no option of a resolver")),
});

function domainProblem(value: string): string | undefined {
  return /^([a-zA-Z0-9._][a-zA-Z0-9._-]*)?$/.test(value) ? undefined : "is no domain";
}

/** Routes as IPAM plugins and results have them (CNI 1.1.0, section 5, "routes"). */
export const routes = list(
  object({
    dst: cidr,
    gw: either(address, oneOf("")),
    mtu: whole(0, 65_536),
    advmss: whole(0, 65_536),
    priority: whole(0, 4_294_967_295),
    table: whole(0, 4_294_967_295),
    scope: whole(0, 255),
  }),
);
