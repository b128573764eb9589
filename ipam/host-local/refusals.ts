import { type Address, printAddress } from "../../cni/address.ts";
import { type CniError, cniError } from "../../cni/errors.ts";
import type { Sys } from "../../sys/sys.ts";
import { printRangeSet, type RangeSet } from "../range.ts";
import { type AddressFile, readHoldings } from "./address-files.ts";
import { describeUsage, type RangeUsage } from "./range-usage.ts";

/** The errors begin with the reference plugin's words, because operators search for them. */
export function exhausted({ set, index }: { set: RangeSet; index: number }, usage: RangeUsage): CniError {
  return cniError(
    "ipam",
    "ipam.exhausted",
    `failed to allocate for range ${index}: no IP addresses available in range set: ${printRangeSet(set)}`,
    `${describeUsage(usage)}. Give the network more ranges. Addresses of containers that are gone are freed by their DEL, and by GC.`,
  );
}

export function requestedTaken(sys: Sys, folder: string, set: RangeSet, address: Address): CniError {
  const text = printAddress(address);
  const holdings = readHoldings(sys, folder);
  const holding = holdings.ok ? holdings.value.find(({ name }) => name === text) : undefined;
  return cniError(
    "ipam",
    "ipam.requested-taken",
    `requested IP address ${text} is not available in range set ${printRangeSet(set)}: ${describeOwner(holding)} has it`,
    "Ask for another one, or DEL that container first.",
  );
}

function describeOwner(holding: AddressFile | undefined): string {
  const owner = holding?.owner;
  switch (owner?.kind) {
    case "attachment":
      return `container ${owner.containerId} (${owner.ifname})`;
    case "container":
      return `container ${owner.containerId}`;
    default:
      return "a file that names no owner";
  }
}
