/** Inclusive bounds, as numbers of one address family. */
export interface Interval {
  readonly first: bigint;
  readonly last: bigint;
}

/** The addresses that may be given out of one range set, as one run of indexes: gaps cost nothing to skip. */
export interface Space {
  readonly family: 4 | 6;
  /** Sorted, disjoint. */
  readonly intervals: readonly Interval[];
  readonly size: bigint;
}

/** What is left of `ranges` without `holes` (exclusions, gateways); the cost depends on their number, not their size. */
export function newSpace(family: 4 | 6, ranges: readonly Interval[], holes: readonly Interval[]): Space {
  const intervals = holes.reduce(
    (left, hole) => left.flatMap((interval) => subtract(interval, hole)),
    ranges.toSorted((a, b) => (a.first < b.first ? -1 : 1)),
  );
  const size = intervals.reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
  return { family, intervals, size };
}

function subtract(interval: Interval, hole: Interval): Interval[] {
  if (hole.last < interval.first || hole.first > interval.last) return [interval];
  const before = { first: interval.first, last: hole.first - 1n };
  const after = { first: hole.last + 1n, last: interval.last };
  return [before, after].filter(({ first, last }) => first <= last);
}

/** The address at an index in [0, size). */
export function addressAt(space: Space, index: bigint): bigint {
  let left = index;
  for (const { first, last } of space.intervals) {
    const length = last - first + 1n;
    if (left < length) return first + left;
    left -= length;
  }
  throw new RangeError(`index ${index} is outside of a space of ${space.size}`);
}

export function contains(space: Space, address: bigint): boolean {
  return space.intervals.some(({ first, last }) => first <= address && address <= last);
}

/** A stretch of at most `length` addresses from an index on, as at most `pieces` runs; it ends where the space does. */
export function windowAt(space: Space, index: bigint, length: bigint, pieces: number): Interval[] {
  let skip = index;
  let left = length;
  const window: Interval[] = [];
  for (const { first, last } of space.intervals) {
    const size = last - first + 1n;
    if (skip < size && left > 0n && window.length < pieces) {
      const end = first + skip + left - 1n;
      const piece = { first: first + skip, last: end > last ? last : end };
      window.push(piece);
      left -= piece.last - piece.first + 1n;
    }
    skip = skip < size ? 0n : skip - size;
  }
  return window;
}
