import { excerpt, isCount, isObject, isText, type JsonDocument, listOf } from "./json-document.ts";
import { isSince, type SpecVersion } from "./versions.ts";

/** How the suite itself reads the specification's documents. It shares no parser with any plugin. */

export interface ResultInterface {
  readonly name: string;
  readonly mac?: string;
  readonly mtu?: number;
  readonly sandbox?: string;
  readonly socketPath?: string;
  readonly pciID?: string;
}

export interface ResultAddress {
  readonly address: string;
  readonly gateway?: string;
  readonly interface?: number;
}

export interface ResultRoute {
  readonly dst: string;
  readonly gw?: string;
  readonly mtu?: number;
  readonly advmss?: number;
  readonly priority?: number;
  readonly table?: number;
  readonly scope?: number;
}

/** A result of any version, in the shape of 1.1.0. */
export interface Result {
  readonly cniVersion: unknown;
  readonly interfaces: readonly ResultInterface[];
  readonly ips: readonly ResultAddress[];
  readonly routes: readonly ResultRoute[];
  readonly dns: JsonDocument;
}

/** Every JSON document of a text, and the rest, which is no JSON. */
export function documentsOf(text: string): { readonly values: readonly unknown[]; readonly rest: string } {
  const values: unknown[] = [];
  let rest = text.trim();
  while (rest !== "") {
    const length = documentLength(rest);
    const value = length === 0 ? undefined : tryParse(rest.slice(0, length));
    if (value === undefined) break;
    values.push(value.json);
    rest = rest.slice(length).trim();
  }
  return { values, rest };
}

function tryParse(text: string): { json: unknown } | undefined {
  try {
    return { json: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** How many characters the first object or list of a text takes; 0 when it has no end. */
function documentLength(text: string): number {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? "";
    if (inText) {
      if (character === "\\") at++;
      else if (character === '"') inText = false;
    } else if (character === '"') inText = true;
    else if ("{[".includes(character)) depth++;
    else if ("}]".includes(character) && --depth === 0) return at + 1;
    if (depth === 0 && !inText && !"{[".includes(text[0] ?? "")) return text.length;
  }
  return 0;
}

/** The one object on stdout, or why there is none. */
export function oneDocument(stdout: string): { readonly document?: JsonDocument; readonly problem?: string } {
  const { values, rest } = documentsOf(stdout);
  const [document] = values;
  if (document === undefined) {
    return { problem: rest === "" ? "stdout is empty" : `stdout is no JSON: ${excerpt(rest)}` };
  }
  if (rest !== "") return { problem: `after the document stdout holds ${excerpt(rest)}` };
  if (values.length > 1) return { problem: `stdout holds ${values.length} documents, not one` };
  if (!isObject(document)) return { problem: `stdout holds ${excerpt(document)}, which is no object` };
  return { document };
}

/** An error has a code, a result has none. */
export function isError(document: unknown): boolean {
  return isObject(document) && "code" in document;
}

/** Every way in which a document is no result of this version (SPEC.md section 5, and of older versions). */
export function resultProblems(document: JsonDocument, version: SpecVersion): string[] {
  const problems: string[] = [];
  const note = (ok: boolean, text: string): void => void (ok || problems.push(text));
  if (!isSince(version, "0.3.0")) {
    for (const key of ["ip4", "ip6"]) {
      const part = document[key];
      if (part !== undefined) oldAddressProblems(key, part, note);
    }
    note(document.ip4 !== undefined || document.ip6 !== undefined, "neither ip4 nor ip6");
    return problems;
  }
  note(
    document.ip4 === undefined && document.ip6 === undefined,
    `ip4 or ip6, which ${version} does not have`,
  );
  for (const key of ["interfaces", "ips", "routes"]) {
    const list = document[key];
    note(list === undefined || list === null || Array.isArray(list), `${key} is no list`);
  }
  for (const [at, each] of listOf(document.interfaces).entries()) interfaceProblems(at, each, note);
  for (const [at, each] of listOf(document.ips).entries()) addressProblems(at, each, version, note);
  for (const [at, each] of listOf(document.routes).entries()) routeProblems(at, each, note);
  dnsProblems(document.dns, note);
  return problems;
}

type Note = (ok: boolean, text: string) => void;

function interfaceProblems(at: number, value: unknown, note: Note): void {
  const where = `interfaces[${at}]`;
  if (!isObject(value)) {
    note(false, `${where} is no object`);
    return;
  }
  note(isText(value.name) && value.name !== "", `${where} has no name`);
  for (const key of ["mac", "sandbox", "socketPath", "pciID"]) {
    note(value[key] === undefined || isText(value[key]), `${where}.${key} is no text`);
  }
  note(value.mac === undefined || value.mac === "" || isMac(value.mac), `${where}.mac is no MAC address`);
  note(value.mtu === undefined || isCount(value.mtu), `${where}.mtu is no unsigned number`);
}

function addressProblems(at: number, value: unknown, version: SpecVersion, note: Note): void {
  const where = `ips[${at}]`;
  if (!isObject(value)) {
    note(false, `${where} is no object`);
    return;
  }
  const family = isText(value.address) ? familyOfCidr(value.address) : undefined;
  note(family !== undefined, `${where}.address ${excerpt(value.address)} is no address in CIDR notation`);
  const { gateway } = value;
  note(
    gateway === undefined || (isText(gateway) && familyOf(gateway) !== undefined),
    `${where}.gateway is no address`,
  );
  note(value.interface === undefined || isCount(value.interface), `${where}.interface is no unsigned number`);
  if (isSince(version, "1.0.0")) note(value.version === undefined, `${where}.version, removed with 1.0.0`);
  else
    note(value.version === String(family), `${where}.version is ${excerpt(value.version)}, not "${family}"`);
}

function routeProblems(at: number, value: unknown, note: Note): void {
  const where = `routes[${at}]`;
  if (!isObject(value)) {
    note(false, `${where} is no object`);
    return;
  }
  note(isText(value.dst) && familyOfCidr(value.dst) !== undefined, `${where}.dst is no CIDR`);
  const { gw } = value;
  note(gw === undefined || (isText(gw) && familyOf(gw) !== undefined), `${where}.gw is no address`);
  for (const key of ["mtu", "advmss", "priority", "table", "scope"]) {
    note(value[key] === undefined || isCount(value[key]), `${where}.${key} is no unsigned number`);
  }
}

function dnsProblems(value: unknown, note: Note): void {
  if (value === undefined) return;
  if (!isObject(value)) {
    note(false, "dns is no object");
    return;
  }
  for (const key of ["nameservers", "search", "options"]) {
    const list = value[key];
    note(list === undefined || (Array.isArray(list) && list.every(isText)), `dns.${key} is no list of texts`);
  }
  note(value.domain === undefined || isText(value.domain), "dns.domain is no text");
}

function oldAddressProblems(key: string, value: unknown, note: Note): void {
  if (!isObject(value)) {
    note(false, `${key} is no object`);
    return;
  }
  const family = key === "ip4" ? 4 : 6;
  note(isText(value.ip) && familyOfCidr(value.ip) === family, `${key}.ip is no IPv${family} CIDR`);
  for (const [at, each] of listOf(value.routes).entries()) routeProblems(at, each, note);
}

/** Reads a result and passes over what is malformed: `resultProblems` reports that. */
export function readResult(document: JsonDocument, version: SpecVersion): Result {
  const { cniVersion, dns } = document;
  const common = { cniVersion, dns: isObject(dns) ? dns : {} };
  if (isSince(version, "0.3.0")) {
    const objects = (key: string) => listOf(document[key]).filter(isObject) as unknown[];
    return {
      ...common,
      interfaces: objects("interfaces") as ResultInterface[],
      ips: (objects("ips") as JsonDocument[]).map(withoutVersion) as unknown as ResultAddress[],
      routes: objects("routes") as ResultRoute[],
    };
  }
  const old = [document.ip4, document.ip6].filter(isObject);
  return {
    ...common,
    interfaces: [],
    ips: old.map(({ ip, gateway }) => ({
      address: String(ip),
      ...(gateway === undefined ? {} : { gateway: String(gateway) }),
    })),
    routes: old.flatMap(({ routes }) => listOf(routes)) as ResultRoute[],
  };
}

function withoutVersion({ version: _version, ...ip }: JsonDocument): JsonDocument {
  return ip;
}

/** A result as a plugin of this version prints it. */
export function printResult(result: Omit<Result, "cniVersion">, version: SpecVersion): JsonDocument {
  const { interfaces, ips, routes, dns } = result;
  const dnsPart = Object.keys(dns).length === 0 && isSince(version, "1.0.0") ? {} : { dns };
  if (isSince(version, "0.3.0")) {
    const versioned = ips.map((ip) =>
      isSince(version, "1.0.0") ? ip : { version: String(familyOfCidr(ip.address)), ...ip },
    );
    const lists = {
      ...(interfaces.length > 0 && { interfaces }),
      ips: versioned,
      ...(routes.length > 0 && { routes }),
    };
    return { cniVersion: version, ...lists, ...dnsPart };
  }
  const first = (family: 4 | 6) => ips.find(({ address }) => familyOfCidr(address) === family);
  const old = (family: 4 | 6) => {
    const ip = first(family);
    if (ip === undefined) return {};
    const own = routes.filter(({ dst }) => familyOfCidr(dst) === family);
    const gateway = ip.gateway === undefined ? {} : { gateway: ip.gateway };
    return { [`ip${family}`]: { ip: ip.address, ...gateway, ...(own.length > 0 && { routes: own }) } };
  };
  return { cniVersion: version, ...old(4), ...old(6), dns };
}

export function isMac(value: unknown): boolean {
  return isText(value) && /^[0-9a-f]{2}(:[0-9a-f]{2}){5,}$/i.test(value);
}

export function familyOf(address: string): 4 | 6 | undefined {
  const bytes = address.split(".");
  if (bytes.length === 4 && bytes.every((each) => /^\d{1,3}$/.test(each) && Number(each) < 256)) return 4;
  return /^[0-9a-f:]+(\.[0-9.]+)?$/i.test(address) && URL.canParse(`http://[${address}]/`) ? 6 : undefined;
}

export function familyOfCidr(cidr: string): 4 | 6 | undefined {
  const [address = "", prefix = "", ...more] = cidr.split("/");
  const family = familyOf(address);
  if (family === undefined || more.length > 0 || !/^\d{1,3}$/.test(prefix)) return undefined;
  return Number(prefix) <= (family === 4 ? 32 : 128) ? family : undefined;
}

/** One spelling for each address, so that what a plugin says can be compared with what the kernel says. */
export function canonicalCidr(cidr: string): string {
  const [address = "", prefix = ""] = cidr.split("/");
  if (familyOf(address) !== 6) return cidr;
  return `${new URL(`http://[${address}]/`).hostname.slice(1, -1)}/${prefix}`;
}
