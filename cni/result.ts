import { fail, type Outcome, ok } from "../sys/outcome.ts";
import { addressFamily, cidrFamily, type Family } from "./address.ts";
import { kindOf } from "./config.ts";
import { cut } from "./errors.ts";
import { foldedTwins } from "./fold.ts";
import { isObject, type Json, type JsonObject, printJson, without } from "./json.ts";
import type { CniResult, Dns, Interface, IpConfig, Route } from "./types.ts";
import { atLeast, isVersion, type Version, versions } from "./version.ts";

/** What a plugin printed, in the shape of 1.1.0, and the version that it was printed in. */
export interface ParsedResult {
  readonly result: CniResult;
  readonly version: Version;
}

/**
 * Reads a result of any version (CNI 1.1.0, section 5, "Success"; for IPAM "Delegated plugins"). The error names every
 * field that is wrong. A document without a version has the configuration's. Keys that are not the specification's stay
 * as they are. A field of the specification that is null or empty counts as absent.
 */
export function parseResult(printed: Json, configVersion: Version): Outcome<ParsedResult, string> {
  if (!isObject(printed)) return fail(`it is ${kindOf(printed)}, not an object`);
  const problems: string[] = [];
  const document = spelled("", printed, [...documentKeys, ...notOfResult], problems);
  const version = readVersion(document, configVersion);
  if (!version.ok) return version;
  const read = atLeast(version.value, "0.3.0") ? readResult : readFirstResult;
  const result = read(document, version.value, problems);
  return problems.length === 0 ? ok({ result, version: version.value }) : fail(summary(problems));
}

/** The keys of results of all versions. */
const documentKeys = ["interfaces", "ips", "routes", "dns", "ip4", "ip6"] as const;

/**
 * The object with each field as the specification spells it. Runtimes are Go programs: they read `IPs` as `ips`, and a
 * wrong index in it that we have not seen stops containerd. If both spellings are there, their order decides which one
 * counts.
 */
function spelled(
  place: string,
  object: JsonObject,
  known: readonly string[],
  problems: string[],
): JsonObject {
  const twins = foldedTwins(object, known).filter(({ known: field }) => known.includes(field));
  if (twins.length === 0) return object;
  const taken = new Set(Object.keys(object));
  const names = new Map<string, string>();
  for (const { key, known: field } of twins) {
    if (taken.has(field)) problems.push(`${place}${kindOrText(key)} is another ${field} to whoever reads it`);
    taken.add(field);
    names.set(key, field);
  }
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [names.get(key) ?? key, value]));
}

function readVersion(document: JsonObject, configVersion: Version): Outcome<Version, string> {
  const value = document.cniVersion ?? "";
  if (value === "") return ok(configVersion);
  if (isVersion(value)) return ok(value);
  return fail(`cniVersion is ${kindOrText(value)}, not one of ${versions.join(", ")}`);
}

/** Names five problems at most: a result may be as long as its author likes, an error that people read may not. */
function summary(problems: readonly string[]): string {
  const shown = problems.slice(0, 5).join("; ");
  return problems.length > 5 ? `${shown}; and ${problems.length - 5} more` : shown;
}

/** Returns what is wrong with a field's value; undefined if nothing is. */
type Check = (value: Json) => string | undefined;

/** A part of a result: what each of its fields must be, and the field that it must have. */
interface Shape {
  readonly needs?: string;
  readonly fields: Readonly<Record<string, Check>>;
}

const text: Check = (value) =>
  typeof value === "string" ? undefined : `is ${kindOrText(value)}, not a string`;
const integer: Check = (value) =>
  Number.isSafeInteger(value) ? undefined : `is ${kindOrText(value)}, not an integer`;
const index: Check = (value) =>
  Number.isSafeInteger(value) && Number(value) >= 0 ? undefined : `is ${kindOrText(value)}, not an index`;
const ip: Check = (value) =>
  typeof value === "string" && addressFamily(value) !== undefined
    ? undefined
    : `is ${kindOrText(value)}, not an IP address`;
const cidr: Check = (value) =>
  typeof value === "string" && cidrFamily(value) !== undefined
    ? undefined
    : `is ${kindOrText(value)}, not an address with a prefix length like 10.1.0.5/16`;
const texts: Check = (value) =>
  Array.isArray(value) && value.every((each) => typeof each === "string")
    ? undefined
    : `is ${kindOrText(value)}, not an array of strings`;
const ofFamily =
  (family: Family): Check =>
  (value) =>
    cidr(value) ??
    (cidrFamily(String(value)) === family ? undefined : `is ${kindOrText(value)}, which is not IPv${family}`);

const interfaceShape: Shape = {
  needs: "name",
  fields: { name: text, mac: text, mtu: integer, sandbox: text, socketPath: text, pciID: text },
};
const addressShape: Shape = { needs: "address", fields: { address: cidr, gateway: ip, interface: index } };
/** Results before 1.0.0 name the family as well. It follows from the address. */
const versionedAddressShape: Shape = { ...addressShape, fields: { ...addressShape.fields, version: text } };
const routeShape: Shape = {
  needs: "dst",
  fields: {
    dst: cidr,
    gw: ip,
    mtu: integer,
    advmss: integer,
    priority: integer,
    table: integer,
    scope: integer,
  },
};
const dnsShape: Shape = { fields: { nameservers: texts, domain: text, search: texts, options: texts } };

/** Reads a result of 0.3.0 or later. */
function readResult(document: JsonObject, version: Version, problems: string[]): CniResult {
  const isVersioned = !atLeast(version, "1.0.0");
  const interfaces = readList<Interface>("interfaces", document.interfaces, interfaceShape, problems);
  const listed = readList<IpConfig>(
    "ips",
    document.ips,
    isVersioned ? versionedAddressShape : addressShape,
    problems,
  );
  const ips = isVersioned ? listed?.map(withoutFamily) : listed;
  const routes = readList<Route>("routes", document.routes, routeShape, problems);
  const dns = readDns(document.dns, problems);
  // If anything else is wrong, nobody knows what an index points to.
  if (problems.length === 0) noteStrayIndexes(ips ?? [], interfaces?.length ?? 0, problems);
  return {
    // Fields of another version have not been checked.
    ...without(document, ...documentKeys, ...notOfResult),
    ...(interfaces && { interfaces }),
    ...(ips && { ips }),
    ...(routes && { routes }),
    ...(dns && { dns }),
  };
}

/** Keys that a result does not keep. The version is kept apart. A result with an error's fields would be read as an error. */
const notOfResult = ["cniVersion", "code", "msg", "details"];

function withoutFamily(address: IpConfig): IpConfig {
  return checked<IpConfig>(without({ ...address }, "version"));
}

/** Finds an index that points past the interfaces: containerd follows it without looking, and dies. */
function noteStrayIndexes(ips: readonly IpConfig[], count: number, problems: string[]): void {
  const there = count === 1 ? "there is 1 interface" : `there are ${count === 0 ? "no" : count} interfaces`;
  for (const [at, { interface: index }] of ips.entries()) {
    if (index !== undefined && index >= count)
      problems.push(`ips[${at}].interface is ${index}, but ${there}`);
  }
}

/** Reads a result of 0.1.0 or 0.2.0: one address of each family with its routes, no interfaces. */
function readFirstResult(document: JsonObject, _version: Version, problems: string[]): CniResult {
  const ips: IpConfig[] = [];
  const routes: Route[][] = [];
  for (const family of ["4", "6"] as const) {
    const key = `ip${family}`;
    const value = document[key] ?? null;
    if (value === null) continue;
    const shape: Shape = { needs: "ip", fields: { ip: ofFamily(family), gateway: ip } };
    const entry = readPart(key, value, shape, problems);
    if (entry === undefined) continue;
    routes.push(readList<Route>(`${key}.routes`, entry.routes, routeShape, problems) ?? []);
    ips.push(
      checked<IpConfig>({
        address: entry.ip ?? "",
        ...without(entry, "ip", "routes", "address", "interface"),
      }),
    );
  }
  const dns = readDns(document.dns, problems);
  return {
    ...without(document, ...documentKeys, ...notOfResult),
    ...(ips.length > 0 && { ips }),
    ...(routes.some((list) => list.length > 0) && { routes: routes.flat() }),
    ...(dns && { dns }),
  };
}

function readDns(value: Json | undefined, problems: string[]): Dns | undefined {
  return value === undefined || value === null ? undefined : readPart("dns", value, dnsShape, problems);
}

function readList<T>(
  place: string,
  value: Json | undefined,
  shape: Shape,
  problems: string[],
): T[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) {
    problems.push(`${place} is ${kindOrText(value)}, not an array`);
    return undefined;
  }
  return value.flatMap((entry, at) => {
    const part = readPart(`${place}[${at}]`, entry, shape, problems);
    return part === undefined ? [] : [checked<T>(part)];
  });
}

/** The part without its empty fields; undefined if it is no object at all. */
function readPart(place: string, printed: Json, shape: Shape, problems: string[]): JsonObject | undefined {
  if (!isObject(printed)) {
    problems.push(`${place} is ${kindOrText(printed)}, not an object`);
    return undefined;
  }
  const value = spelled(`${place}.`, printed, Object.keys(shape.fields), problems);
  const empty = Object.keys(shape.fields).filter((key) => isEmpty(key, value[key]));
  if (shape.needs !== undefined && empty.includes(shape.needs))
    problems.push(`${place}.${shape.needs} is missing`);
  const part = empty.length === 0 ? value : without(value, ...empty);
  for (const [key, check] of Object.entries(shape.fields)) {
    const problem = part[key] === undefined ? undefined : check(part[key]);
    if (problem !== undefined) problems.push(`${place}.${key} ${problem}`);
  }
  return part;
}

/** Fields that Go programs write as zero when they are not set. For `table` and `scope` zero means something. */
const unsetWhenZero: readonly string[] = ["mtu", "advmss", "priority"];

function isEmpty(key: string, value: Json | undefined): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return (
    value === undefined || value === null || value === "" || (value === 0 && unsetWhenZero.includes(key))
  );
}

/** The only place where a checked document becomes a type. A document with problems never leaves `parseResult`. */
function checked<T>(part: JsonObject): T {
  return part as unknown as T;
}

function kindOrText(value: Json): string {
  if (value === null || Array.isArray(value) || isObject(value)) return kindOf(value);
  return cut(printJson(value));
}

/** The addresses of one interface. An address without an index belongs to the only interface in a container. */
export function ipsOf({ interfaces = [], ips = [] }: CniResult, index: number): IpConfig[] {
  const inside = interfaces.filter(({ sandbox = "" }) => sandbox !== "");
  return ips.filter((ip) => (ip.interface === undefined ? inside.length === 1 : ip.interface === index));
}
