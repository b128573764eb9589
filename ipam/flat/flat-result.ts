import { type Address, isInNetwork, printAddress } from "../../cni/address.ts";
import { type CniError, cniError } from "../../cni/errors.ts";
import { isObject, parseJson } from "../../cni/json.ts";
import { newNotes } from "../../cni/readers.ts";
import type { CniResult, IpConfig } from "../../cni/types.ts";
import { isIn, printIn, type Range, type RangeSet } from "../range.ts";
import { readRangeSets } from "../range-config.ts";
import type { FlatConfig } from "./config.ts";
import type { Holding } from "./pool/holding.ts";
import { addressOfCode, printCode } from "./pool/keys.ts";
import type { Entry } from "./store/store.ts";

/** The result of ADD. Undefined if an address is in no network of the pool any more. */
export function toResult(
  { routes, dns }: Pick<FlatConfig, "routes" | "dns">,
  sets: readonly RangeSet[],
  holding: Holding,
): CniResult | undefined {
  const ips = holding.addresses.flatMap((code) => toIpConfig(sets.flat(), addressOfCode(code)) ?? []);
  if (ips.length < holding.addresses.length) return undefined;
  return { ips, routes: [...routes], dns };
}

/** Prefix and gateway come from the range that has the address: other ranges of its network may have another gateway. */
function toIpConfig(ranges: readonly Range[], address: Address): IpConfig | undefined {
  const own = ranges.filter(({ subnet }) => isInNetwork(address, subnet));
  const range = own.find((each) => isIn(each, address.value)) ?? own[0];
  if (range === undefined) return undefined;
  const { gateway, subnet } = range;
  return {
    address: `${printAddress(address)}/${subnet.prefix}`,
    ...(gateway === undefined ? {} : { gateway: printIn(range, gateway) }),
  };
}

/** The range sets of earlier definitions of the pool in the store. A repeated ADD answers with the addresses that it gave. */
export function formerSets(definitions: readonly Entry[]): RangeSet[] {
  return definitions.flatMap(({ value }) => {
    const json = parseJson(value);
    if (!json.ok || !isObject(json.value)) return [];
    // Only networks and gateways count.
    return readRangeSets(json.value.ranges, "ranges", { strict: false, isStored: true }, newNotes());
  });
}

export function poolChanged(pool: string, holding: Holding): CniError {
  const addresses = holding.addresses.map(printCode).join(", ");
  return cniError(
    "ipam",
    "ipam.pool-changed",
    `repeat the ADD of container ${holding.containerId}: ${addresses} is in no network of pool ${pool} any more`,
    "The pool was edited. DEL the container and ADD it again.",
  );
}
