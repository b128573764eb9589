import { addressFamily, cidrFamily } from "../../../cni/address.ts";
import { kindOf } from "../../../cni/config.ts";
import { foldKey } from "../../../cni/fold.ts";
import { isObject, type Json, type JsonObject } from "../../../cni/json.ts";
import { quote } from "../../../kube/text.ts";

/** One thing in a tenant's text that is not handed on, so that none of it is. */
export interface FieldProblem {
  /** `plugins[0].ipam.dataDir` */
  readonly place: string;
  readonly why: string;
}

/** What readers note while they read: every problem at once, and what was left out of what is handed on. */
export interface Notes {
  readonly unknownKeys: "refuse" | "ignore";
  /** Whose text it is. */
  readonly namespace: string;
  readonly problems: FieldProblem[];
  /** For people: which field was left out, and why the network works without it. */
  readonly leftOut: string[];
}

/**
 * Reads one value of a tenant's: returns it anew, made of what was understood and of nothing else, or undefined when there is
 * nothing to hand on. Why is in the notes then.
 */
export type Reader = (value: Json, place: string, notes: Notes) => Json | undefined;
export type DecodedFields = Readonly<Record<string, Reader>>;

/** Nobody writes more than this; a definition is a page of text. */
const maxEntries = 256;
const maxText = 1024;

function refuse(notes: Notes, place: string, why: string): undefined {
  notes.problems.push({ place, why });
  return undefined;
}

/** A text that `problem` finds nothing wrong with. */
export function text(problem: (text: string) => string | undefined): Reader {
  return (value, place, notes) => {
    if (typeof value !== "string") return refuse(notes, place, `is ${kindOf(value)}, not a text`);
    if (value.length > maxText) return refuse(notes, place, `has more than ${maxText} characters`);
    const why = problem(value);
    return why === undefined ? value : refuse(notes, place, `${quote(value)} ${why}`);
  };
}

/** A text of this pattern, which must be anchored and of linear time. `what`: "is no interface's name". */
export function matching(pattern: RegExp, what: string): Reader {
  return text((value) => (pattern.test(value) ? undefined : what));
}

export function oneOf(...words: readonly string[]): Reader {
  return text((value) => (words.includes(value) ? undefined : `is none of ${words.join(", ")}`));
}

export const flag: Reader = (value, place, notes) =>
  typeof value === "boolean" ? value : refuse(notes, place, `is ${kindOf(value)}, not true or false`);

/** A whole number from `least` to `most`. */
export function whole(least: number, most: number): Reader {
  return (value, place, notes) => {
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
    const shown = typeof value === "number" ? String(value) : kindOf(value);
    return refuse(notes, place, `is ${shown}, not a whole number from ${least} to ${most}`);
  };
}

/** The first of these that takes the value; what the last one says when none does. */
export function either(...readers: readonly [Reader, ...Reader[]]): Reader {
  return (value, place, notes) => {
    let tried: Notes = notes;
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

export function list(reader: Reader, most = maxEntries): Reader {
  return (value, place, notes) => {
    if (!Array.isArray(value)) return refuse(notes, place, `is ${kindOf(value)}, not a list`);
    if (value.length > most)
      return refuse(notes, place, `has ${value.length} entries; at most ${most} are taken`);
    return value.flatMap((each, index) => {
      // An entry may be a list itself, and stays one.
      const read = reader(each, `${place}[${index}]`, notes);
      return read === undefined ? [] : [read];
    });
  };
}

/** An object of these fields. What else is in it is refused by name, or left out where unknown keys are to be ignored. */
export function object(fields: DecodedFields): Reader {
  return (value, place, notes) => {
    if (!isObject(value)) return refuse(notes, place, `is ${kindOf(value)}, not an object`);
    return readFields(fields, value, place, notes);
  };
}

/** An object of any keys of one pattern, each with a value of one kind. */
export function record(isKey: (key: string) => boolean, reader: Reader): Reader {
  return (value, place, notes) => {
    if (!isObject(value)) return refuse(notes, place, `is ${kindOf(value)}, not an object`);
    const entries = Object.entries(value);
    if (entries.length > maxEntries)
      return refuse(notes, place, `has ${entries.length} keys; at most ${maxEntries} are taken`);
    const folded = new Set<string>();
    const read = entries.flatMap(([key, each]): [string, Json][] => {
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

/** Reads the fields of an object that are known; see `object`. */
export function readFields(
  fields: DecodedFields,
  value: JsonObject,
  place: string,
  notes: Notes,
): JsonObject {
  const read: [string, Json][] = [];
  for (const [key, each] of Object.entries(value)) {
    const where = placeOf(place, key);
    const reader = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (reader === undefined) noteUnknown(fields, key, where, notes);
    else if (each !== null) {
      // Go's decoder takes a null for a field that is not there.
      const taken = reader(each, where, notes);
      if (taken !== undefined) read.push([key, taken]);
    }
  }
  return Object.fromEntries(read);
}

/** A key that a plugin of Go's would take for a known one must not be passed over, even where others are. */
function noteUnknown(fields: DecodedFields, key: string, where: string, notes: Notes): void {
  const meant = Object.keys(fields).find((known) => foldKey(known) === foldKey(key));
  if (meant !== undefined) refuse(notes, where, `is written ${quote(meant)}`);
  else if (notes.unknownKeys === "ignore") notes.leftOut.push(`${where}: there is no such field`);
  else refuse(notes, where, "is no field that is known here");
}

/** What only its reader can judge: the operator's own text, or one that its own plugin judges. */
export const asItIs: Reader = (value) => value;

export function placeOf(place: string, key: string): string {
  const shown = /^[A-Za-z0-9_-]{1,40}$/.test(key) ? key : quote(key);
  return place === "" ? shown : `${place}.${shown}`;
}

/** The operator's alone. `instead`: what to write, as a sentence. */
export function operators(instead: string): Reader {
  return (_value, place, notes) => refuse(notes, place, `is the operator's alone. ${instead}`);
}

/** The operator's, but for the values that everybody has from the plugin's own documentation. */
export function operatorsBut(values: readonly string[], instead: string): Reader {
  return (value, place, notes) =>
    typeof value === "string" && values.includes(value)
      ? value
      : refuse(
          notes,
          place,
          `is the operator's alone${values.length > 0 ? `, but for ${values.join(", ")}` : ""}. ${instead}`,
        );
}

/** What many write and no tenant decides: taken, not handed on, and said so. */
export function leftOut(why: string): Reader {
  return (_value, place, notes) => {
    notes.leftOut.push(`${place}: ${why}`);
    return undefined;
  };
}

export const address = text((value) => (addressFamily(value) === undefined ? "is no IP address" : undefined));
/** An address with its prefix length, host bits allowed. */
export const cidr = text((value) =>
  cidrFamily(value) === undefined ? "is no address with a prefix length" : undefined,
);
export const addressOrCidr = either(address, cidr);

/**
 * A link of the node or of the pod. The kernel takes more than this; but a dash at the beginning is some tool's option, a
 * percent sign is the kernel's template for a number of its choice, and what a shell obeys is in nobody's link's name.
 */
export const linkName = matching(/^([A-Za-z0-9_][A-Za-z0-9_.@+=~#,-]{0,14})?$/, "is no interface's name");

/** `02:00:00:00:00:01` and the other spellings that Go's net.ParseMAC takes. */
export const mac = matching(/^[0-9A-Fa-f]{2,4}([:.-][0-9A-Fa-f]{2,4}){2,19}$/, "is no MAC address");

/** The result's DNS settings (CNI 1.1.0, section 1). */
export const dns = object({
  nameservers: list(address),
  domain: text(domainProblem),
  search: list(text(domainProblem)),
  options: list(matching(/^([a-zA-Z0-9][a-zA-Z0-9:._-]*)?$/, "is no option of a resolver")),
});

function domainProblem(value: string): string | undefined {
  return /^([a-zA-Z0-9._][a-zA-Z0-9._-]*)?$/.test(value) ? undefined : "is no domain";
}

/** As IPAM plugins and results have them (CNI 1.1.0, section 5, "routes"). */
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
