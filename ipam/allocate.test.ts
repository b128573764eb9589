import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Address, parseAddress, printAddress } from "../cni/address.ts";
import type { Json } from "../cni/json.ts";
import { newNotes, problemTexts } from "../cni/readers.ts";
import { roundRobin } from "./allocate.ts";
import { countIn, merged, type RangeSet, usableSpans } from "./range.ts";
import { readRangeSets } from "./range-config.ts";

function setOf(ranges: Json, strict = false): RangeSet {
  const notes = newNotes();
  const [set] = readRangeSets([ranges], "ranges", { strict }, notes);
  if (set === undefined || notes.problems.length > 0) throw new Error(problemTexts(notes).join("; "));
  return set;
}

function order(set: RangeSet, last?: string): string[] {
  const from = last === undefined ? undefined : parseAddress(last);
  return [...roundRobin(set, from)].map(({ address }) => printAddress(address));
}

describe("round robin", () => {
  const set = setOf([
    { subnet: "10.1.0.0/29", rangeStart: "10.1.0.1", rangeEnd: "10.1.0.4", gateway: "10.1.0.2" },
    { subnet: "10.2.0.0/30" },
  ]);

  test.each<[string, string | undefined, string[]]>([
    ["without a last one: from the first", undefined, ["10.1.0.1", "10.1.0.3", "10.1.0.4", "10.2.0.2"]],
    ["behind the last one, and around to it", "10.1.0.3", ["10.1.0.4", "10.2.0.2", "10.1.0.1", "10.1.0.3"]],
    ["behind a range's end: the next range", "10.1.0.4", ["10.2.0.2", "10.1.0.1", "10.1.0.3", "10.1.0.4"]],
    ["behind the very end: the first range", "10.2.0.2", ["10.1.0.1", "10.1.0.3", "10.1.0.4", "10.2.0.2"]],
    ["behind a gateway", "10.1.0.2", ["10.1.0.3", "10.1.0.4", "10.2.0.2", "10.1.0.1"]],
    [
      "behind an address of another set: from the first",
      "10.9.0.1",
      ["10.1.0.1", "10.1.0.3", "10.1.0.4", "10.2.0.2"],
    ],
  ])("%s", (_case, last, expected) => {
    expect(order(set, last)).toEqual(expected);
  });

  test("gives a range's gateway in no other range either", () => {
    const shared = setOf([
      { subnet: "10.1.0.0/29", rangeEnd: "10.1.0.2", gateway: "10.1.0.4" },
      { subnet: "10.1.0.0/29", rangeStart: "10.1.0.3", rangeEnd: "10.1.0.5", gateway: "10.1.0.2" },
    ]);
    expect(order(shared)).toEqual(["10.1.0.1", "10.1.0.3", "10.1.0.5"]);
  });

  test("of a range that is its gateway is empty", () => {
    expect(order(setOf([{ subnet: "10.1.0.0/24", rangeEnd: "10.1.0.1" }]))).toEqual([]);
  });

  test("begins at once, however large the range", () => {
    const first = roundRobin(setOf([{ subnet: "fd00::/16" }]), undefined).next().value;
    expect(first && printAddress(first.address)).toBe("fd00::2");
  });
});

/** Small subnets of either family, with bounds, gateways and exclusions anywhere. */
const model = fc
  .record({
    isV6: fc.boolean(),
    ranges: fc.array(
      fc.record({
        bits: fc.integer({ min: 2, max: 5 }),
        ends: fc.tuple(fc.nat(31), fc.nat(31)),
        gateway: fc.nat(31),
        excluded: fc.array(fc.nat(31), { maxLength: 6 }),
      }),
      { minLength: 1, maxLength: 4 },
    ),
    last: fc.nat(4 * 32 - 1),
  })
  .map(({ isV6, ranges, last }) => {
    const subnetAt = (index: number): bigint => (isV6 ? 0xfd00n << 112n : 0x0a00_0000n) + BigInt(index * 32);
    const drawn = ranges.map(({ bits, ends, gateway, excluded }, index) => {
      const base = subnetAt(index);
      const size = 1 << bits;
      const inside = (offset: number): bigint => base + BigInt(offset % size);
      const [first, end] = ends.map((each) => inside(each)).sort((one, other) => (one < other ? -1 : 1));
      return {
        base,
        prefix: (isV6 ? 128 : 32) - bits,
        first: first ?? base,
        last: end ?? base,
        gateway: inside(gateway),
        excluded: excluded.map(inside),
      };
    });
    return { drawn, last: subnetAt(0) + BigInt(last), family: isV6 ? ("6" as const) : ("4" as const) };
  });

/** Lists all addresses that can be given, one by one, in order. */
function bruteForce(
  drawn: readonly { first: bigint; last: bigint; gateway: bigint; excluded: bigint[] }[],
): bigint[] {
  const forbidden = drawn.flatMap(({ gateway }) => [gateway]);
  return drawn.flatMap(({ first, last, excluded }) =>
    Array.from({ length: Number(last - first) + 1 }, (_, offset) => first + BigInt(offset)).filter(
      (value) => !forbidden.includes(value) && !excluded.includes(value),
    ),
  );
}

test("agrees with a model that counts one by one", () => {
  fc.assert(
    fc.property(model, ({ drawn, last, family }) => {
      const set: RangeSet = drawn.map((range) => ({
        family,
        subnet: { address: { family, value: range.base }, prefix: range.prefix },
        first: range.first,
        last: range.last,
        gateway: range.gateway,
        excluded: merged(range.excluded.map((value) => ({ first: value, last: value }))),
        place: "",
      }));
      const all = bruteForce(drawn);
      const spans = usableSpans(set);
      expect(countIn(spans)).toBe(BigInt(all.length));
      const from: Address = { family, value: last };
      const given = [...roundRobin(set, from)].map(({ address }) => address.value);
      // Whether the last address lies among all. Here the configured ranges ascend.
      const isInside = drawn.some((range) => last >= range.first && last <= range.last);
      const behind = isInside ? all.filter((value) => value > last) : all;
      expect(given).toEqual([...behind, ...all.filter((value) => !behind.includes(value))]);
    }),
    { numRuns: 1000 },
  );
});
