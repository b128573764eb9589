import { countIn, isIn, type RangeSet, usableSpans } from "../range.ts";
import type { AddressFile } from "./address-files.ts";

/** How many addresses of one range set are taken. */
export interface RangeUsage {
  /** How many addresses the set may give. Gateways do not count. */
  readonly size: bigint;
  readonly used: number;
  /** How many used addresses have a file without an owner. */
  readonly ownerless: number;
  /** How many containers have the used addresses. */
  readonly containers: number;
}

export function usageOf(set: RangeSet, holdings: readonly AddressFile[]): RangeUsage {
  const spans = usableSpans(set);
  const used = holdings.filter(({ address: { family, value } }) =>
    spans.some((span) => span.range.family === family && isIn(span, value)),
  );
  const owners = used.flatMap(({ owner }) => ("containerId" in owner ? [owner.containerId] : []));
  return {
    size: countIn(spans),
    used: used.length,
    ownerless: used.length - owners.length,
    containers: new Set(owners).size,
  };
}

export function isFull({ size, used }: RangeUsage): boolean {
  return BigInt(used) >= size;
}

/** `253 of 253 addresses are taken, by 250 containers; 2 files name no owner` */
export function describeUsage({ size, used, ownerless, containers }: RangeUsage): string {
  const taken = `${used} of ${size} addresses are taken, by ${containers} containers`;
  return ownerless === 0 ? taken : `${taken}; ${ownerless} files name no owner`;
}
