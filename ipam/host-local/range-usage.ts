import { countIn, isIn, type RangeSet, usableSpans } from "../range.ts";
import type { AddressFile } from "./address-files.ts";

/** How much of one range set is given. */
export interface RangeUsage {
  /** Addresses that the set has to give: without gateways. */
  readonly size: bigint;
  readonly used: number;
  /** Of the used ones: files that name no owner. */
  readonly ownerless: number;
  /** Of the used ones: how many containers have them. */
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
