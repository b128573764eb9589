import { type Address, bitsOf, networkOf, parseCidr } from "../../../../cni/address.ts";
import { isName } from "../../../../cni/environment.ts";
import { isObject, type Json, type JsonObject } from "../../../../cni/json.ts";
import type { ImportedClaim } from "../../../../ipam/flat/pool/import.ts";
import { printIdentity } from "../../../../ipam/identity.ts";
import type { RangeSet } from "../../../../ipam/range.ts";
import type { Claims } from "./claims.ts";

const apiGroup = "whereabouts.cni.cncf.io/";

/**
 * Reads the allocations of whereabouts' IPPool objects, as `kubectl get ippools -o yaml` prints them. An allocation's
 * name is its distance from the first address of the pool's range. Older versions do not name the interface; then it is
 * `ifname`. An IPPool without an address of our ranges belongs to another network, and is left out.
 */
export function readPools(documents: readonly Json[], ifname: string, sets: readonly RangeSet[]): Claims {
  const nothing = { claims: [], problems: [], unowned: [], notes: [] };
  const pools = documents.flatMap(poolsIn);
  if (pools.length === 0) return { ...nothing, problems: ["it holds no IPPool of whereabouts"] };
  const foreign = pools.filter((pool) => isForeign(pool, sets));
  const notes = foreign.map((pool) => {
    const { name, range } = describe(pool);
    return `IPPool ${name}: left out, no range of this pool has an address of ${range}`;
  });
  if (foreign.length === pools.length)
    return { ...nothing, notes, problems: ["none of its IPPools has an address of this pool's ranges"] };
  const read = pools.filter((pool) => !foreign.includes(pool)).map((pool) => readPool(pool, ifname));
  return {
    claims: read.flatMap(({ claims }) => claims),
    problems: read.flatMap(({ problems }) => problems),
    unowned: read.flatMap(({ unowned }) => unowned),
    notes,
  };
}

function describe({ metadata, spec }: JsonObject): { name: string; range: string } {
  return {
    name: isObject(metadata) ? String(metadata.name) : "?",
    range: isObject(spec) && typeof spec.range === "string" ? spec.range : "",
  };
}

function isForeign(pool: JsonObject, sets: readonly RangeSet[]): boolean {
  const range = parseCidr(describe(pool).range);
  if (range === undefined) return false;
  const { first, last } = networkOf(range);
  const { family } = range.address;
  return !sets.flat().some((each) => each.family === family && first <= each.last && each.first <= last);
}

function poolsIn(document: Json): JsonObject[] {
  if (!isObject(document)) return [];
  const { kind, apiVersion, items } = document;
  if (Array.isArray(items)) return items.flatMap(poolsIn);
  return kind === "IPPool" && String(apiVersion).startsWith(apiGroup) ? [document] : [];
}

function readPool(pool: JsonObject, ifname: string): Omit<Claims, "notes"> {
  const { name, range: text } = describe(pool);
  const { spec } = pool;
  const range = parseCidr(text);
  if (!isObject(spec) || range === undefined)
    return { claims: [], problems: [`IPPool ${name}: it has no range`], unowned: [] };
  const { family, value: base } = range.address;
  const claims: ImportedClaim[] = [];
  const problems: string[] = [];
  const unowned: Address[] = [];
  for (const [offset, allocation] of Object.entries(isObject(spec.allocations) ? spec.allocations : {})) {
    const value = /^\d+$/.test(offset) ? base + BigInt(offset) : undefined;
    const isThere = value !== undefined && value >> BigInt(bitsOf(family)) === 0n;
    const claim = isObject(allocation) ? readAllocation(allocation, ifname) : undefined;
    if (isThere && claim !== undefined) claims.push({ ...claim, address: { family, value } });
    else problems.push(`IPPool ${name}: allocation ${offset} names no pod`);
    if (isThere && claim === undefined) unowned.push({ family, value });
  }
  return { claims, problems, unowned };
}

function readAllocation(
  { id, podref, ifname: own }: JsonObject,
  fallback: string,
): Omit<ImportedClaim, "address"> | undefined {
  const [namespace = "", pod = "", ...more] = String(podref ?? "").split("/");
  if (!isName(namespace) || !isName(pod) || more.length > 0) return undefined;
  const ifname = typeof own === "string" && own !== "" ? own : fallback;
  const containerId = typeof id === "string" ? id : "";
  return {
    identity: printIdentity({ kind: "pod", namespace, pod, ifname, uid: undefined }),
    containerId,
    ifname,
  };
}
