import type { Address } from "../../../../cni/address.ts";
import { groupBy } from "../../../../ipam/flat/pool/group.ts";
import { type Holding, withEvent } from "../../../../ipam/flat/pool/holding.ts";
import { codeOfAddress } from "../../../../ipam/flat/pool/keys.ts";
import { stableMac } from "../../../../ipam/hash.ts";
import { rangeWith } from "../../../../ipam/range.ts";
import type { Pool } from "../pool.ts";

/** An address as another IPAM has it. */
export interface ImportedClaim {
  readonly address: Address;
  /** `namespace/pod/interface`, or the container's where no pod is known. */
  readonly identity: string;
  readonly containerId: string;
  readonly ifname: string;
}

/** What a source of another IPAM says. */
export interface Claims {
  readonly claims: readonly ImportedClaim[];
  /** What in it could not be understood. */
  readonly problems: readonly string[];
  /** Addresses that are taken, and nobody knows by whom. */
  readonly unowned: readonly Address[];
  /** What was left out on purpose. */
  readonly notes: readonly string[];
}

/**
 * Claims as holdings that wait for their pods: the sandboxes that use the addresses now are the other IPAM's, which will
 * see their DEL. Addresses of one identity make one holding, in the order of the pool's range sets.
 */
export function heldFor(
  pool: Pool,
  claims: readonly ImportedClaim[],
  holdMs: number | undefined,
  nowMs: number,
): Holding[] {
  const byIdentity = groupBy(claims, ({ identity }) => identity);
  return [...byIdentity].flatMap(([identity, group]): Holding[] => {
    const [first] = group;
    if (first === undefined) return [];
    const { containerId, ifname } = first;
    const event = { what: "imported", identity, containerId, node: "", atMs: nowMs } as const;
    return [
      {
        identity,
        state: "held",
        containerId,
        ifname,
        node: "",
        network: "",
        addresses: inOrder(pool, group).map(({ address }) => codeOfAddress(address)),
        mac: stableMac(pool.name, identity, 0),
        generation: 0,
        sinceMs: nowMs,
        ...(holdMs === undefined ? {} : { heldUntilMs: nowMs + holdMs }),
        history: withEvent([], event),
      },
    ];
  });
}

function inOrder({ sets }: Pool, claims: readonly ImportedClaim[]): ImportedClaim[] {
  const setOf = ({ address }: ImportedClaim) =>
    sets.findIndex((set) => rangeWith(set, address) !== undefined);
  return claims.toSorted((one, other) => setOf(one) - setOf(other));
}
