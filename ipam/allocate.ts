import type { Address } from "../cni/address.ts";
import { type Range, type RangeSet, rangeWith, type UsableSpan, usableSpans } from "./range.ts";

/** An address that might be given, with its range. */
export interface Candidate {
  readonly address: Address;
  readonly range: Range;
}

/**
 * The round robin of the reference plugin. It yields every address that the set may give, once. It begins behind the last
 * given address, goes through the ranges in order, and starts over at the first. If `last` is not in the set, it begins at
 * the first address.
 */
export function* roundRobin(set: RangeSet, last: Address | undefined): Generator<Candidate> {
  for (const { range, first, last: end } of spansAfter(set, last)) {
    for (let value = first; value <= end; value++) yield { address: { family: range.family, value }, range };
  }
}

function spansAfter(set: RangeSet, last: Address | undefined): UsableSpan[] {
  const spans = usableSpans(set);
  const from = last === undefined ? undefined : rangeWith(set, last);
  if (last === undefined || from === undefined) return spans;
  const at = set.indexOf(from);
  const isBefore = ({ range }: UsableSpan): boolean => set.indexOf(range) < at;
  const within = spans.filter(({ range }) => range === from);
  return [
    ...within.flatMap((span) => clipped(span, last.value + 1n, span.last)),
    ...spans.filter((span) => !isBefore(span) && span.range !== from),
    ...spans.filter(isBefore),
    ...within.flatMap((span) => clipped(span, span.first, last.value)),
  ];
}

function clipped(span: UsableSpan, from: bigint, to: bigint): UsableSpan[] {
  const first = from > span.first ? from : span.first;
  const last = to < span.last ? to : span.last;
  return first > last ? [] : [{ ...span, first, last }];
}
