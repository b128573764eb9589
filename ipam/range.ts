import { type Address, type Cidr, type Family, printAddress } from "../cni/address.ts";

/** Addresses from one to another, both included. */
export interface Span {
  readonly first: bigint;
  readonly last: bigint;
}

/** One part of a subnet that addresses are given from. All its numbers are of one family. */
export interface Range extends Span {
  readonly family: Family;
  /** Its network address and prefix length. */
  readonly subnet: Cidr;
  /** Undefined if the operator says that there is none. */
  readonly gateway: bigint | undefined;
  /** Addresses that are never given. The spans ascend, do not overlap, and may reach beyond the range. */
  readonly excluded: readonly Span[];
  /** Its field path, for people: `ipam.ranges[0][1]`. */
  readonly place: string;
}

/** An attachment gets one address of each set; a set is of one family. */
export type RangeSet = readonly Range[];

/** The range of the set that an address is in, even if the address is never given. */
export function rangeWith(set: RangeSet, address: Address): Range | undefined {
  return set.find((range) => range.family === address.family && isIn(range, address.value));
}

/** Whether the address is a gateway of the set: no attachment gets it. */
export function isGateway(set: RangeSet, { family, value }: Address): boolean {
  return set.some((range) => range.family === family && range.gateway === value);
}

export function isIn(span: Span, value: bigint): boolean {
  return value >= span.first && value <= span.last;
}

/** Why an address is never given. */
export type Unusable = "outside" | "gateway" | "excluded";

export function unusable(sets: readonly RangeSet[], address: Address): Unusable | undefined {
  const set = sets.find((each) => rangeWith(each, address) !== undefined);
  const range = set === undefined ? undefined : rangeWith(set, address);
  if (set === undefined || range === undefined) return "outside";
  if (sets.some((each) => isGateway(each, address))) return "gateway";
  return range.excluded.some((span) => isIn(span, address.value)) ? "excluded" : undefined;
}

/** A run of addresses to give. */
export interface UsableSpan extends Span {
  readonly range: Range;
}

/** The addresses that a set may give: its ranges without gateways and exclusions, in the order of the configuration. */
export function usableSpans(set: RangeSet): UsableSpan[] {
  const gateways = set.flatMap(({ gateway }) =>
    gateway === undefined ? [] : { first: gateway, last: gateway },
  );
  return set.flatMap((range) => {
    const holes = merged([...gateways, ...range.excluded]);
    return subtract(range, holes).map((span) => ({ ...span, range }));
  });
}

export function countIn(spans: readonly Span[]): bigint {
  return spans.reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
}

/** Merges spans that overlap, and sorts them. */
export function merged(spans: readonly Span[]): Span[] {
  const sorted = [...spans].sort((one, other) => (one.first < other.first ? -1 : 1));
  const result: Span[] = [];
  for (const span of sorted) {
    const before = result.at(-1);
    if (before === undefined || span.first > before.last + 1n) result.push(span);
    else if (span.last > before.last) result.splice(-1, 1, { first: before.first, last: span.last });
  }
  return result;
}

/** What of a span is in none of the holes, which ascend without overlap. */
export function subtract({ first, last }: Span, holes: readonly Span[]): Span[] {
  const rest: Span[] = [];
  let from = first;
  for (const hole of holes) {
    if (hole.last < from || hole.first > last) continue;
    if (hole.first > from) rest.push({ first: from, last: hole.first - 1n });
    from = hole.last + 1n;
  }
  return from > last ? rest : [...rest, { first: from, last }];
}

/** Prints `10.1.0.2-10.1.0.254`, as the reference plugin does. */
export function printRange(range: Range): string {
  return `${printIn(range, range.first)}-${printIn(range, range.last)}`;
}

export function printRangeSet(set: RangeSet): string {
  return set.map(printRange).join(",");
}

/** Prints an address of the range's family. */
export function printIn({ family }: Range, value: bigint): string {
  return printAddress({ family, value });
}
