import { bitsOf, type Cidr, type Family, printAddress, printCidr } from "../../cni/address.ts";
import { parseArgs } from "../../cni/environment.ts";
import { type CniError, failWith } from "../../cni/errors.ts";
import { fieldOf, readText, show } from "../../cni/fields.ts";
import { isObject, type Json, type JsonObject, printJson } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { type Notes, newNotes, refuse } from "../../cni/readers.ts";
import type { Dns, NetworkConfig, Route } from "../../cni/types.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { hash128 } from "../hash.ts";
import {
  invalidIpam,
  ipamOf,
  noteFamilies,
  readDns,
  readNotReadyWhen,
  readRoutes,
  type Shortage,
} from "../ipam-config.ts";
import { printIn, type RangeSet, type Span } from "../range.ts";
import { noGateway, noteOverlaps, readRangeSets } from "../range-config.ts";
import { askedAddresses, assignRequests, readRequests } from "../requested.ts";
import { codeOfAddress } from "./pool/keys.ts";
import { inSpace, type Space, spaceOf } from "./pool/space.ts";
import { noteUnknown, readTeardownConfig, type TeardownConfig } from "./teardown-config.ts";

export interface FlatConfig extends TeardownConfig {
  readonly sets: readonly RangeSet[];
  /** The addresses that each set may give. */
  readonly spaces: readonly Space[];
  /** Two configurations of a pool agree if their definitions are the same. */
  readonly definition: { readonly hash: string; readonly ranges: Json };
  readonly routes: readonly Route[];
  readonly dns: Dns;
  readonly identity: "pod" | "container";
  readonly onLiveElsewhere: "wait" | "new-ip" | "takeover";
  /** What makes STATUS fail beyond a wrong configuration. */
  readonly notReadyWhen: readonly Shortage[];
}

const ipamFields = [
  "type",
  "pool",
  "ranges",
  "routes",
  "dns",
  "store",
  "identity",
  "hold",
  "onLiveElsewhere",
  "mac",
  "notReadyWhen",
  "node",
  "journalDir",
];
const rangeFields = ["subnet", "rangeStart", "rangeEnd", "gateway", "exclude"];
const identities = ["pod", "container"] as const;
const policies = ["wait", "new-ip", "takeover"] as const;
const macs = ["identity", "none"] as const;

/** Reads the whole configuration. Errors: `ipam.config` with every problem at once, each with the path of its field. */
export function parseFlatConfig(sys: Sys, network: NetworkConfig): Outcome<FlatConfig, CniError> {
  const notes = newNotes();
  const ipam = ipamOf(network, notes);
  const places = readTeardownConfig(sys, network, ipam, notes, notes);
  const isGiven = isObject(fieldOf(network.raw, "ipam"));
  if (isGiven) noteUnknown(ipam, ipamFields, "ipam", notes);
  const sets = isGiven ? readSets(ipam, notes) : [];
  const routes = readRoutes(ipam, notes);
  const dns = readDns(ipam, notes);
  const identity = readChoice(ipam, "identity", identities, notes);
  const onLiveElsewhere = readChoice(ipam, "onLiveElsewhere", policies, notes);
  // The meta-plugin reads this field itself. Here it is only checked.
  readChoice(ipam, "mac", macs, notes);
  const notReadyWhen = readNotReadyWhen(ipam, notes);
  noteFamilies(
    network,
    sets.flatMap((set) => set[0]?.family ?? []),
    notes,
  );
  if (notes.problems.length > 0) return fail(invalidIpam(network, notes));
  const spaces = sets.map((set) => spaceOf(set, sets));
  return ok({
    ...places,
    sets,
    spaces,
    definition: definitionOf(sets),
    routes,
    dns,
    identity,
    onLiveElsewhere,
    notReadyWhen,
  });
}

function readSets(ipam: JsonObject, notes: Notes): RangeSet[] {
  const value = fieldOf(ipam, "ranges");
  for (const [set, ranges] of (Array.isArray(value) ? value : []).entries()) {
    for (const [index, range] of (Array.isArray(ranges) ? ranges : []).entries()) {
      if (isObject(range)) noteUnknown(range, rangeFields, `ipam.ranges[${set}][${index}]`, notes);
    }
  }
  const before = notes.problems.length;
  const sets = readRangeSets(value, "ipam.ranges", { strict: true }, notes);
  if (sets.length === 0 && notes.problems.length === before)
    refuse(notes, "ipam.ranges", "is missing or empty");
  noteOverlaps(sets.flat(), notes);
  return sets;
}

/** Reads one of a few words. The first one is the default. */
function readChoice<T extends string>(
  ipam: JsonObject,
  key: string,
  choices: readonly [T, ...T[]],
  notes: Notes,
): T {
  const text = readText(ipam, key, "ipam", notes) || choices[0];
  const choice = choices.find((each) => each === text);
  if (choice === undefined) refuse(notes, `ipam.${key}`, `${show(text)} is none of ${choices.join(", ")}`);
  return choice ?? choices[0];
}

/** The ranges with all defaults written out, so that only a change of their meaning makes another definition. */
function definitionOf(sets: readonly RangeSet[]): FlatConfig["definition"] {
  const ranges = sets.map((set) =>
    set.map((range) => ({
      subnet: printCidr(range.subnet),
      rangeStart: printIn(range, range.first),
      rangeEnd: printIn(range, range.last),
      gateway: range.gateway === undefined ? noGateway : printIn(range, range.gateway),
      exclude: range.excluded.flatMap((span) => networksOf(range.family, span)).map(printCidr),
    })),
  );
  return { hash: hash128(printJson(ranges)).toString(16).padStart(32, "0"), ranges };
}

/** The warning when the store has two definitions of a pool. */
export function disagreement({ pool }: { readonly pool: string }): string {
  return (
    `hawser-flat: nodes disagree about the ranges of pool ${pool}. If they were edited on purpose, this ends with the ` +
    `next GC; else see hawser ipam show --pool ${pool}`
  );
}

/** Divides a span into the fewest networks. */
function networksOf(family: Family, { first, last }: Span): Cidr[] {
  const networks: Cidr[] = [];
  let value = first;
  while (value <= last) {
    let bits = 0;
    // The network is doubled while it still begins at a boundary of its size and ends inside of the span.
    while (value % (2n << BigInt(bits)) === 0n && value + (2n << BigInt(bits)) - 1n <= last) bits += 1;
    networks.push({ address: { family, value }, prefix: bitsOf(family) - bits });
    value += 1n << BigInt(bits);
  }
  return networks;
}

/**
 * The requested addresses (CNI_ARGS `IP=`, `args.cni.ips`, `runtimeConfig.ips`):
 * for each set a code or undefined. Errors: `ipam.config`, `ipam.requested-gateway`, `ipam.requested-outside`,
 * `ipam.requested-excluded`.
 */
export function requestedCodes(
  { sets, spaces }: FlatConfig,
  { config, environment }: Invocation,
): Outcome<readonly (string | undefined)[], CniError> {
  const notes = newNotes();
  const asked = askedAddresses(config, parseArgs(environment.args), notes);
  const requests = readRequests([...asked.envArgs, ...asked.configArgs, ...asked.capability], notes);
  if (notes.problems.length > 0) return fail(invalidIpam(config, notes));
  const assigned = assignRequests(sets, requests);
  if (!assigned.ok) return assigned;
  const codes = assigned.value.map((address) => address && codeOfAddress(address));
  const excluded = codes.findIndex((code, set) => {
    const space = spaces[set];
    return code !== undefined && space !== undefined && !inSpace(space, code);
  });
  const address = assigned.value[excluded];
  if (address === undefined) return ok(codes);
  return failWith(
    "invalidConfig",
    "ipam.requested-excluded",
    `claim requested address ${printAddress(address)}: it is excluded from the pool`,
    "Ask for another address, or take it out of ipam.ranges' exclude.",
  );
}
