import { isName } from "../../../cni/environment.ts";
import { isObject, type Json, type JsonObject, parseJson } from "../../../cni/json.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";

/** One network as Multus keeps it for DEL. In v3 and v4 the file `<cniDir>/<containerID>` holds an array of these. */
export interface CachedDelegate {
  /** The network's name, or the definition's `namespace/name`. */
  readonly name: string;
  readonly config: JsonObject;
  readonly ifname: string | undefined;
  readonly mac: string | undefined;
  readonly ips: readonly string[];
  readonly guid: string | undefined;
  readonly deviceId: string | undefined;
}

export interface CachedContainer {
  readonly containerId: string;
  readonly path: string;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
  /** The networks in order, the primary first. An error says why the file cannot be understood. */
  readonly delegates: Outcome<readonly CachedDelegate[], string>;
}

/** What libcni keeps of one attachment (`results/<network>-<containerID>-<interface>`). */
export interface CachedResult {
  readonly containerId: string;
  readonly network: string;
  readonly ifname: string;
  readonly netns: string;
  /** CNI_ARGS as pairs of key and value. */
  readonly args: readonly (readonly [string, string])[];
  readonly capabilities: JsonObject;
  readonly result: JsonObject | undefined;
}

/** Reads every container in Multus's cache. Without the folder there is none. */
export function readContainers(sys: Sys, cniDir: string): CachedContainer[] {
  const names = sys.files.list(cniDir);
  return (names.ok ? names.value.filter(isName) : []).flatMap((containerId): CachedContainer[] => {
    const path = `${cniDir}/${containerId}`;
    const stat = sys.files.stat(path);
    if (!stat.ok || stat.value.kind !== "file") return [];
    const text = sys.files.read(path);
    const delegates = text.ok ? parseDelegates(text.value) : fail(text.error.message);
    return [{ containerId, path, sinceMs: stat.value.modifiedMs, delegates }];
  });
}

/** Reads what libcni has cached in a folder. Files of other formats are left out, because nothing in them is needed. */
export function readResults(sys: Sys, folder: string): CachedResult[] {
  const names = sys.files.list(folder);
  return (names.ok ? names.value : []).flatMap((name) => {
    const text = sys.files.read(`${folder}/${name}`);
    return text.ok ? (parseCachedResult(text.value) ?? []) : [];
  });
}

export function parseDelegates(text: string): Outcome<CachedDelegate[], string> {
  const json = parseJson(text);
  if (!json.ok) return fail(`it is not JSON: ${json.error}`);
  if (!Array.isArray(json.value) || json.value.length === 0) return fail("it is no list of networks");
  const delegates: CachedDelegate[] = [];
  for (const [index, entry] of json.value.entries()) {
    const delegate = isObject(entry) ? readDelegate(entry) : undefined;
    if (delegate === undefined) return fail(`entry ${index} has no configuration`);
    delegates.push(delegate);
  }
  return ok(delegates);
}

function readDelegate(entry: JsonObject): CachedDelegate | undefined {
  const config = listOf(entry.CNINetworkConfigList) ?? decode(entry.Bytes);
  if (config === undefined) return undefined;
  const { ipRequest: ips } = entry;
  return {
    name: textOf(entry.Name) ?? textOf(config.name) ?? "",
    config,
    ifname: textOf(entry.ifnameRequest),
    mac: textOf(entry.macRequest),
    ips: Array.isArray(ips) ? ips.filter((ip) => typeof ip === "string") : [],
    guid: textOf(entry.infinibandGUIDRequest),
    deviceId: textOf(entry.deviceID),
  };
}

/**
 * Since Multus 4.2 a list from a file is kept whole in this field. Its `Bytes` lack every field that Multus does not
 * know.
 */
function listOf(value: Json | undefined): JsonObject | undefined {
  if (!isObject(value) || !Array.isArray(value.Plugins) || value.Plugins.length === 0) return undefined;
  const plugins = value.Plugins.map((plugin) => (isObject(plugin) ? decode(plugin.Bytes) : undefined));
  if (!plugins.every((plugin) => plugin !== undefined)) return undefined;
  return {
    ...(textOf(value.Name) !== undefined && { name: textOf(value.Name) as string }),
    ...(textOf(value.CNIVersion) !== undefined && { cniVersion: textOf(value.CNIVersion) as string }),
    ...(value.DisableCheck === true && { disableCheck: true }),
    ...(value.DisableGC === true && { disableGC: true }),
    plugins,
  };
}

/** Reads JSON from base64, in which Go writes bytes. */
function decode(value: Json | undefined): JsonObject | undefined {
  if (typeof value !== "string") return undefined;
  const json = parseJson(Buffer.from(value, "base64").toString("utf8"));
  return json.ok && isObject(json.value) ? json.value : undefined;
}

export function parseCachedResult(text: string): CachedResult | undefined {
  const json = parseJson(text);
  if (!json.ok || !isObject(json.value) || json.value.kind !== "cniCacheV1") return undefined;
  const {
    containerId,
    networkName: network,
    ifName: ifname,
    netns,
    cniArgs,
    capabilityArgs,
    result,
  } = json.value;
  if (typeof containerId !== "string" || typeof network !== "string" || typeof ifname !== "string")
    return undefined;
  return {
    containerId,
    network,
    ifname,
    netns: textOf(netns) ?? "",
    args: (Array.isArray(cniArgs) ? cniArgs : []).flatMap(pairOf),
    capabilities: isObject(capabilityArgs) ? capabilityArgs : {},
    result: isObject(result) ? result : undefined,
  };
}

function pairOf(value: Json): (readonly [string, string])[] {
  if (!Array.isArray(value)) return [];
  const [key, text] = value;
  return typeof key === "string" && typeof text === "string" ? [[key, text]] : [];
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
