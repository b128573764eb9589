import type { Address } from "../cni/address.ts";
import { type Range, type RangeSet, rangeWith, type UsableSpan, usableSpans } from "./range.ts";

/** An address that might be given, and the range that it is of. */
export interface Candidate {
  readonly address: Address;
  readonly range: Range;
}

/**
 * The reference's round robin: every address that the set has to give, once, from the one behind the last given on,
 * through its ranges in order and around. When `last` is none of the set's, from the first on.
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
