import { isName } from "../../../cni/environment.ts";
import { isObject, type Json, type JsonObject, parseJson } from "../../../cni/json.ts";
import {
  isNot,
  isText,
  lenient,
  list,
  maybe,
  must,
  object,
  onlyTrue,
  type Reader,
  readWhole,
  refuse,
  textsIn,
  usually,
} from "../../../cni/readers.ts";
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

export function parseDelegates(text: string): Outcome<CachedDelegate[], string> {
  const json = parseJson(text);
  if (!json.ok) return fail(`it is not JSON: ${json.error}`);
  if (!Array.isArray(json.value) || json.value.length === 0) return fail("it is no list of networks");
  const delegates: CachedDelegate[] = [];
  for (const [index, entry] of json.value.entries()) {
    const delegate = readDelegate(entry);
    if (delegate === undefined) return fail(`entry ${index} has no configuration`);
    delegates.push(delegate);
  }
  return ok(delegates);
}

/** A text that is empty or none at all counts as absent. */
const word = maybe(
  lenient(
    must((value): value is string => isText(value) && value !== "", isNot("a text that says something")),
  ),
);
const mark = maybe(lenient(onlyTrue));

/** Reads JSON from base64, in which Go writes bytes. */
const encoded: Reader<JsonObject> = (value, place, notes) => {
  const json = isText(value) ? parseJson(Buffer.from(value, "base64").toString("utf8")) : undefined;
  return json?.ok && isObject(json.value) ? json.value : refuse(notes, place, "is no object in base64");
};

const configList = object({
  Name: word,
  CNIVersion: word,
  DisableCheck: mark,
  DisableGC: mark,
  Plugins: list(object({ Bytes: encoded })),
});

const entryOfCache = object({
  Name: word,
  /** Since Multus 4.2 a list from a file is kept whole here. `Bytes` lacks every field that Multus does not know. */
  CNINetworkConfigList: maybe(configOfList),
  Bytes: maybe(lenient(encoded)),
  ifnameRequest: word,
  macRequest: word,
  ipRequest: usually([], textsIn),
  infinibandGUIDRequest: word,
  deviceID: word,
});

function readDelegate(value: Json): CachedDelegate | undefined {
  const entry = readWhole(entryOfCache, value);
  const config = entry?.CNINetworkConfigList ?? entry?.Bytes;
  if (entry === undefined || config === undefined) return undefined;
  return {
    name: entry.Name ?? (isText(config.name) ? config.name : ""),
    config,
    ifname: entry.ifnameRequest,
    mac: entry.macRequest,
    ips: entry.ipRequest,
    guid: entry.infinibandGUIDRequest,
    deviceId: entry.deviceID,
  };
}

function configOfList(value: Json): JsonObject | undefined {
  const read = readWhole(configList, value);
  if (read === undefined || read.Plugins.length === 0) return undefined;
  return {
    ...(read.Name !== undefined && { name: read.Name }),
    ...(read.CNIVersion !== undefined && { cniVersion: read.CNIVersion }),
    ...(read.DisableCheck && { disableCheck: true }),
    ...(read.DisableGC && { disableGC: true }),
    plugins: read.Plugins.map(({ Bytes }) => Bytes),
  };
}
