import { isName } from "../../../cni/environment.ts";
import { isObject, type Json, type JsonObject } from "../../../cni/json.ts";
import { bitsOf, parseCidr } from "../../../ipam/address.ts";
import { printIdentity } from "../../../ipam/identity.ts";
import type { Claim, Claims } from "./claims.ts";

const apiGroup = "whereabouts.cni.cncf.io/";

/**
 * The allocations of whereabouts' IPPool objects, as `kubectl get ippools -o yaml` prints them. An allocation's name is
 * its distance from the address of the pool's range. Older versions do not say which interface it is: `ifname` is.
 */
export function readPools(documents: readonly Json[], ifname: string): Claims {
  const pools = documents.flatMap(poolsIn);
  if (pools.length === 0) return { claims: [], problems: ["it holds no IPPool of whereabouts"] };
  const read = pools.map((pool) => readPool(pool, ifname));
  return { claims: read.flatMap(({ claims }) => claims), problems: read.flatMap(({ problems }) => problems) };
}

function poolsIn(document: Json): JsonObject[] {
  if (!isObject(document)) return [];
  const { kind, apiVersion, items } = document;
  if (Array.isArray(items)) return items.flatMap(poolsIn);
  return kind === "IPPool" && String(apiVersion).startsWith(apiGroup) ? [document] : [];
}

function readPool({ metadata, spec }: JsonObject, ifname: string): Claims {
  const name = isObject(metadata) ? String(metadata.name) : "?";
  const range = isObject(spec) && typeof spec.range === "string" ? parseCidr(spec.range) : undefined;
  if (!isObject(spec) || range === undefined)
    return { claims: [], problems: [`IPPool ${name}: it has no range`] };
  const allocations = isObject(spec.allocations) ? Object.entries(spec.allocations) : [];
  const claims: Claim[] = [];
  const problems: string[] = [];
  for (const [offset, allocation] of allocations) {
    const value = /^\d+$/.test(offset) ? range.address.value + BigInt(offset) : undefined;
    const claim =
      value === undefined || !isObject(allocation) ? undefined : readAllocation(allocation, ifname);
    if (claim === undefined || value === undefined || value >> BigInt(bitsOf(range.address.family)) !== 0n)
      problems.push(`IPPool ${name}: allocation ${offset} names no pod`);
    else claims.push({ ...claim, address: { family: range.address.family, value } });
  }
  return { claims, problems };
}

function readAllocation(
  { id, podref, ifname: own }: JsonObject,
  fallback: string,
): Omit<Claim, "address"> | undefined {
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
