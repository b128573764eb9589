import fc from "fast-check";
import { expect, test } from "vitest";
import { any32, anyName, anySubnet, given, readsAnything, readsDamaged, sentBy } from "./message-testing.ts";
import { addRule, listRules, type RoutingRule, readRule, removeRule } from "./routing-rules.ts";

const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });

const anyRule: fc.Arbitrary<RoutingRule> = fc
  .tuple(anySubnet, anySubnet, fc.boolean(), fc.boolean())
  .filter(([source, destination]) => source.family === destination.family)
  .chain(([from, to, hasSource, hasDestination]) =>
    fc
      .record({
        family: fc.constant(from.family),
        table: any32,
        priority: maybe(any32),
        source: fc.constant(hasSource ? from.address : undefined),
        sourcePrefix: fc.constant(hasSource ? from.prefix : undefined),
        destination: fc.constant(hasDestination ? to.address : undefined),
        destinationPrefix: fc.constant(hasDestination ? to.prefix : undefined),
        inLink: maybe(anyName),
        outLink: maybe(anyName),
        mark: maybe(any32),
        markMask: maybe(any32),
        action: fc.integer({ min: 1, max: 8 }),
      })
      .map(given),
  ) as fc.Arbitrary<RoutingRule>;

test("a rule comes back as it was given", () => {
  fc.assert(
    fc.property(anyRule, (rule) => {
      for (const request of [addRule(rule), removeRule(rule)])
        expect(readRule(sentBy(request))).toEqual(rule);
    }),
  );
});

test("an address without a prefix length is one host's", () => {
  const rule = { family: 2, table: 100, source: Uint8Array.of(10, 0, 0, 7) };
  expect(readRule(sentBy(addRule(rule)))).toMatchObject({ sourcePrefix: 32, action: 1 });
});

test("a rule is read from any bytes without an end or an error", () => {
  readsAnything(readRule);
  const rule = { family: 10, table: 1000, source: new Uint8Array(16), inLink: "eth0", mark: 1 };
  readsDamaged(sentBy(addRule(rule)), readRule);
});

test("a list leaves out other messages", () => {
  const made = sentBy(addRule({ family: 2, table: 100 }));
  expect(listRules(2).read([{ ...made, type: 16 }, made])).toHaveLength(1);
});
