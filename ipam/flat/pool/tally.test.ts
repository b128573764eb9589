import { expect, test } from "vitest";
import { holdingOf, nowMs } from "./pool-testing.ts";
import { groupsBy, tallyOf } from "./tally.ts";

/** 10.0.0.1 to 10.0.0.10, without the gateway 10.0.0.1 and 10.0.0.9. */
const set = [
  {
    family: "4",
    first: 0x0a000001n,
    last: 0x0a00000an,
    gateway: 0x0a000001n,
    subnet: { address: { family: "4", value: 0x0a000000n }, prefix: 24 },
    excluded: [{ first: 0x0a000009n, last: 0x0a000009n }],
    place: "",
  },
] as const;

const holdings = [
  holdingOf(2),
  holdingOf(3, { node: "n2" }),
  holdingOf(4, { state: "held", heldUntilMs: nowMs + 1 }),
  holdingOf(5, { state: "held", heldUntilMs: nowMs }),
  holdingOf(6, { state: "reserved", node: "" }),
  holdingOf(7, { state: "quarantine" }),
  // One holding of an excluded address, and one of another network.
  holdingOf(9),
  holdingOf(99),
];

test("every address is counted in its condition, and what expired is free", () => {
  expect(tallyOf([set], holdings, nowMs)).toEqual({
    sets: [
      {
        set,
        size: 8n,
        used: 2n,
        held: 1n,
        reserved: 1n,
        quarantined: 1n,
        free: 3n,
        expired: 1n,
        excluded: 2n,
      },
    ],
    outside: 2,
  });
});

test("groups: the largest first, without what expired", () => {
  const nodes = groupsBy(holdings, nowMs, ({ node }) => node || "-");
  expect(nodes).toEqual([
    { name: "n1", used: 3, held: 1, reserved: 0, quarantined: 1 },
    { name: "-", used: 0, held: 0, reserved: 1, quarantined: 0 },
    { name: "n2", used: 1, held: 0, reserved: 0, quarantined: 0 },
  ]);
});
