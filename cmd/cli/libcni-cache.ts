import { type JsonObject, parseJson } from "../../cni/json.ts";
import {
  anyObject,
  isNot,
  isText,
  lenient,
  list,
  maybe,
  object,
  oneOf,
  type Reader,
  readWhole,
  refuse,
  text,
  usually,
} from "../../cni/readers.ts";
import type { Sys } from "../../sys/sys.ts";

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

/** Reads what libcni has cached in a folder. Files of other formats are left out, because nothing in them is needed. */
export function readResults(sys: Sys, folder: string): CachedResult[] {
  const names = sys.files.list(folder);
  return (names.ok ? names.value : []).flatMap((name) => {
    const content = sys.files.read(`${folder}/${name}`);
    return content.ok ? (parseCachedResult(content.value) ?? []) : [];
  });
}

const pair: Reader<readonly [string, string]> = (value, place, notes) => {
  const [key, meant] = Array.isArray(value) ? value : [];
  return isText(key) && isText(meant) ? [key, meant] : refuse(notes, place, isNot("two texts")(value));
};

const cached = object({
  kind: oneOf(["cniCacheV1"], isNot("the known format")),
  containerId: text,
  networkName: usually("", lenient(text)),
  ifName: text,
  netns: usually("", lenient(text)),
  cniArgs: usually([], lenient(list(pair))),
  capabilityArgs: usually({}, lenient(anyObject)),
  result: maybe(lenient(anyObject)),
});

export function parseCachedResult(content: string): CachedResult | undefined {
  const json = parseJson(content);
  const read = json.ok ? readWhole(cached, json.value) : undefined;
  return (
    read && {
      containerId: read.containerId,
      network: read.networkName,
      ifname: read.ifName,
      netns: read.netns,
      args: read.cniArgs,
      capabilities: read.capabilityArgs,
      result: read.result,
    }
  );
}
