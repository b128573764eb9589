import type { CniError } from "../../cni/errors.ts";
import { fieldOf, readObject, readText } from "../../cni/fields.ts";
import { isObject, type JsonObject } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { type Notes, newNotes, refuse } from "../../cni/readers.ts";
import { withoutTrailingSlashes } from "../../cni/slashes.ts";
import type { NetworkConfig, Route } from "../../cni/types.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import {
  invalidIpam,
  ipamOf,
  noteFamilies,
  readNotReadyWhen,
  readRoutes,
  type Shortage,
} from "../ipam-config.ts";
import type { RangeSet } from "../range.ts";
import { noteOverlaps, type RangeRules, readRange, readRangeSets } from "../range-config.ts";
import { type AddressRequest, askedAddresses, readRequests, strictArgs } from "../requested.ts";

export interface HostLocalConfig {
  /** The folder of this network's address files. */
  readonly folder: string;
  readonly sets: readonly RangeSet[];
  readonly routes: readonly Route[];
  /** The path of a file with DNS settings. Empty: there is none. */
  readonly resolvConf: string;
  /** Addresses that the caller asks for. */
  readonly requests: readonly AddressRequest[];
  /** What makes STATUS fail beyond a wrong configuration; the reference plugin does not read it. */
  readonly notReadyWhen: readonly Shortage[];
}

const defaultDataDir = "/var/lib/cni/networks";
const rules: RangeRules = { strict: false };

/**
 * Reads the whole configuration as the reference plugin does. Errors: `ipam.args`, and `ipam.config` with
 * every problem at once.
 */
export function parseHostLocalConfig({
  environment,
  config,
}: Invocation): Outcome<HostLocalConfig, CniError> {
  const args = strictArgs(environment.args, ["IP"]);
  if (!args.ok) return args;
  const notes = newNotes();
  const ipam = ipamOf(config, notes);
  const sets = isObject(config.raw.ipam) ? readSets(config, ipam, notes) : [];
  const asked = askedAddresses(config, args.value, notes);
  const requests = readRequests([...asked.envArgs, ...asked.configArgs, ...asked.capability], notes);
  const routes = readRoutes(ipam, notes);
  const resolvConf = readText(ipam, "resolvConf", "ipam", notes) ?? "";
  readText(ipam, "dataDir", "ipam", notes);
  const notReadyWhen = readNotReadyWhen(ipam, notes);
  noteFamilies(
    config,
    sets.flatMap((set) => set[0]?.family ?? []),
    notes,
  );
  if (notes.problems.length > 0) return fail(invalidIpam(config, notes));
  return ok({ folder: folderOf(config), sets, routes, resolvConf, requests, notReadyWhen });
}

/** The data folder. DEL and GC read nothing else, so that they free addresses although the configuration is wrong. */
export function folderOf({ raw, name }: NetworkConfig): string {
  const ipam = fieldOf(raw, "ipam");
  const dataDir = isObject(ipam) ? fieldOf(ipam, "dataDir") : undefined;
  const above = typeof dataDir === "string" && dataDir !== "" ? dataDir : defaultDataDir;
  return `${withoutTrailingSlashes(above)}/${name}`;
}

/** Reads the runtime's ranges, the single range beside `type`, and `ranges`, in this order. */
function readSets(config: NetworkConfig, ipam: JsonObject, notes: Notes): RangeSet[] {
  const before = notes.problems.length;
  // If it is no object, `askedAddresses` notes that.
  const runtimeConfig = readObject(config.raw, "runtimeConfig", "runtimeConfig", newNotes());
  const place = "runtimeConfig.ipRanges";
  const offered = readRangeSets(fieldOf(runtimeConfig, "ipRanges"), place, rules, notes);
  const single = fieldOf(ipam, "subnet") === undefined ? undefined : readRange(ipam, "ipam", rules, notes);
  const configured = readRangeSets(fieldOf(ipam, "ranges"), "ipam.ranges", rules, notes);
  const sets = [...offered, ...(single === undefined ? [] : [[single]]), ...configured];
  if (sets.length === 0 && notes.problems.length === before)
    refuse(notes, "ipam.ranges", "no IP ranges specified");
  noteOverlaps(sets.flat(), notes);
  return sets;
}
