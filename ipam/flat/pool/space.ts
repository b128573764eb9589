import type { Family } from "../../../cni/address.ts";
import { countIn, isIn, merged, type RangeSet, type Span, subtract, usableSpans } from "../../range.ts";
import { addressOfCode } from "./keys.ts";

/** The addresses of one range set that may be given, as one run of indexes. So it costs nothing to skip a gap. */
export interface Space {
  readonly family: Family;
  /** Ascending, without overlap. */
  readonly spans: readonly Span[];
  readonly size: bigint;
}

export function newSpace(family: Family, spans: readonly Span[]): Space {
  const ascending = spans.toSorted((one, other) => (one.first < other.first ? -1 : 1));
  return { family, spans: ascending, size: countIn(spans) };
}

/** The space of one range set. It has no gateway of another set either, because two sets may have parts of one network. */
export function spaceOf(set: RangeSet, sets: readonly RangeSet[]): Space {
  const family = set[0]?.family ?? "4";
  const gateways = sets
    .flat()
    .flatMap((range) =>
      range.family !== family || range.gateway === undefined
        ? []
        : { first: range.gateway, last: range.gateway },
    );
  return newSpace(
    family,
    usableSpans(set).flatMap((span) => subtract(span, merged(gateways))),
  );
}

/** Whether a range set gives the address that a code names. */
export function inSpace(space: Space, code: string): boolean {
  const { family, value } = addressOfCode(code);
  return family === space.family && space.spans.some((span) => isIn(span, value));
}

/** The address at an index in [0, size). */
export function addressAt(space: Space, index: bigint): bigint {
  let left = index;
  for (const { first, last } of space.spans) {
    const length = last - first + 1n;
    if (left < length) return first + left;
    left -= length;
  }
  throw new RangeError(`index ${index} is outside of a space of ${space.size}`);
}

/** At most `length` addresses from an index on, in at most `pieces` spans. The window ends at the end of the space. */
export function windowAt(space: Space, index: bigint, length: bigint, pieces: number): Span[] {
  let skip = index;
  let left = length;
  const window: Span[] = [];
  for (const { first, last } of space.spans) {
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
