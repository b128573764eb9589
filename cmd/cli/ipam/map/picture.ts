import {
  type Address,
  bitsOf,
  type Cidr,
  type Family,
  networkOf,
  printAddress,
  printCidr,
} from "../../../../cni/address.ts";
import { type AddressCondition, conditionOf, type Holding } from "../../../../ipam/flat/pool/holding.ts";
import { addressOfCode } from "../../../../ipam/flat/pool/keys.ts";
import { type RangeSet, type Span, usableSpans } from "../../../../ipam/range.ts";

/** One address, or a block of them. */
export interface Cell extends Span {
  /** How many of the cell's addresses the pool may give. */
  readonly usable: bigint;
  readonly taken: Readonly<Record<Taken, number>>;
  /** Whether the cell lies in the ranges at all. */
  readonly inside: boolean;
}

/** The conditions that have a colour. An expired hold has none: its address is free. */
export type Taken = Exclude<AddressCondition, "expired">;

export const takens: readonly Taken[] = ["used", "held", "reserved", "quarantined"];

/** A part of a pool in rows of cells. */
export interface Picture {
  readonly family: Family;
  readonly title: string;
  /** How many addresses a cell has: a power of two. */
  readonly block: bigint;
  readonly columns: number;
  readonly cells: readonly Cell[];
}

export interface PictureShape {
  readonly columns: number;
  readonly mostRows: number;
}

/** Makes one picture for each range, or for its part in `within`. */
export function picturesOf(
  sets: readonly RangeSet[],
  holdings: readonly Holding[],
  nowMs: number,
  shape: PictureShape,
  within: Cidr | undefined,
): Picture[] {
  return sets.flatMap((set) => {
    const usable = usableSpans(set);
    return set.flatMap((range) => {
      const part = partOf(range.subnet, range, within);
      if (part === undefined) return [];
      const points = holdings.flatMap((holding) => pointsOf(holding, range.family, part, nowMs));
      const title = printCidr(within ?? range.subnet);
      return [drawn({ family: range.family, title, part, ranges: set, usable, points }, shape)];
    });
  });
}

/**
 * Decides what to draw. If the range is most of its subnet, draws the whole subnet, so that rows begin at round
 * addresses.
 */
function partOf(subnet: Cidr, range: Span, within: Cidr | undefined): Span | undefined {
  if (within === undefined) {
    const whole = networkOf(subnet);
    const isMost = (range.last - range.first + 1n) * 2n >= whole.last - whole.first + 1n;
    return isMost ? whole : { first: range.first, last: range.last };
  }
  const wanted = networkOf(within);
  const outside = wanted.last < range.first || wanted.first > range.last;
  return within.address.family !== subnet.address.family || outside ? undefined : wanted;
}

interface Point {
  readonly value: bigint;
  readonly taken: Taken;
}

function pointsOf(holding: Holding, family: Family, part: Span, nowMs: number): Point[] {
  const taken = conditionOf(holding, nowMs);
  if (taken === "expired") return [];
  return holding.addresses.flatMap((code) => {
    const address = addressOfCode(code);
    const inside = address.family === family && part.first <= address.value && address.value <= part.last;
    return inside ? [{ value: address.value, taken }] : [];
  });
}

interface Subject {
  readonly family: Family;
  readonly title: string;
  readonly part: Span;
  readonly ranges: readonly Span[];
  readonly usable: readonly Span[];
  readonly points: readonly Point[];
}

function drawn({ family, title, part, ranges, usable, points }: Subject, shape: PictureShape): Picture {
  const { columns } = shape;
  const block = blockFor(part, columns * shape.mostRows);
  const start = part.first - (part.first % block);
  const count = Number((part.last - start) / block) + 1;
  const taken = Array.from({ length: count }, () => ({ used: 0, held: 0, reserved: 0, quarantined: 0 }));
  for (const point of points) {
    const counts = taken[Number((point.value - start) / block)];
    if (counts !== undefined) counts[point.taken] += 1;
  }
  const cells = taken.map((counts, index): Cell => {
    const first = start + BigInt(index) * block;
    const cell = { first, last: first + block - 1n };
    return {
      ...cell,
      usable: overlap(cell, usable),
      taken: counts,
      inside: overlap(cell, ranges) > 0n,
    };
  });
  return { family, title, block, columns: Math.min(columns, count), cells };
}

/** How many addresses a cell has: the smallest power of two with which all fit into `mostCells` cells. */
function blockFor({ first, last }: Span, mostCells: number): bigint {
  let block = 1n;
  while ((last - (first - (first % block))) / block + 1n > BigInt(mostCells)) block *= 2n;
  return block;
}

function overlap(cell: Span, spans: readonly Span[]): bigint {
  return spans.reduce((sum, span) => {
    const first = span.first > cell.first ? span.first : cell.first;
    const last = span.last < cell.last ? span.last : cell.last;
    return last < first ? sum : sum + last - first + 1n;
  }, 0n);
}

export function takenIn({ taken }: Cell): number {
  return takens.reduce((sum, each) => sum + taken[each], 0);
}

/** The condition of most of a cell's taken addresses. */
export function dominant({ taken }: Cell): Taken | undefined {
  const [first] = takens
    .filter((each) => taken[each] > 0)
    .toSorted((one, other) => taken[other] - taken[one]);
  return first;
}

export function rowsOf({ cells, columns }: Picture): Cell[][] {
  const rows = Math.ceil(cells.length / columns);
  return Array.from({ length: rows }, (_each, row) => cells.slice(row * columns, (row + 1) * columns));
}

/** Prints a block as `10.60.0.0/27`, and a single address as `10.60.0.5`. */
export function printCell({ family, block }: Picture, { first }: Cell): string {
  const address: Address = { family, value: first };
  if (block === 1n) return printAddress(address);
  return printCidr({ address, prefix: bitsOf(family) - (block.toString(2).length - 1) });
}
