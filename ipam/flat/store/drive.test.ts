import { expect, test } from "vitest";
import { createFake } from "../../../sys/fake.ts";
import { fail, ok } from "../../../sys/outcome.ts";
import { type Ask, drive, storeError } from "./drive.ts";
import type { Store, StoreFault } from "./store.ts";

type Step = { readonly kind: "done"; readonly asked: number };

/** Asks twice, and says how often it has asked since it began. */
function twice(asked = 0): Step | Ask<Step> {
  if (asked === 2) return { kind: "done", asked };
  return {
    kind: "ask",
    txn: { compare: [], success: [], failure: [] },
    next: () => twice(asked + 1) as Step,
  };
}

function storeWith(...faults: readonly (StoreFault["kind"] | undefined)[]): Store {
  let requests = 0;
  return {
    label: "a store",
    roundTrips: () => requests,
    health: async () => ok(undefined),
    txn: async () => {
      const kind = faults[requests++];
      return kind === undefined
        ? ok({ succeeded: true, replies: [] })
        : fail({ kind, msg: kind, details: "" });
    },
  };
}

test.each<[string, (StoreFault["kind"] | undefined)[], number, string]>([
  ["answers", [], 2, "done"],
  ["once nobody knows: it starts over", [undefined, "unknown"], 4, "done"],
  ["five times nobody knows", Array.from({ length: 5 }, () => "unknown"), 7, "done"],
  ["six times nobody knows", Array.from({ length: 6 }, () => "unknown"), 6, "unknown"],
  ["unreachable", [undefined, "unreachable"], 2, "unreachable"],
  ["nobody knows, and then nobody is there to tell", ["unknown", "unreachable"], 2, "unknown"],
  ["nobody knew, and it has been read since", ["unknown", undefined, "unreachable"], 3, "unreachable"],
  ["refused", ["refused"], 1, "refused"],
])("%s", async (_what, faults, requests, end) => {
  const store = storeWith(...faults);
  const outcome = await drive<Step>(createFake().sys, store, twice);
  expect(outcome.ok ? outcome.value.kind : outcome.error.kind).toBe(end);
  expect(store.roundTrips()).toBe(requests);
});

test("a store that answers too slowly is left after 30 s", async () => {
  const fake = createFake();
  const slow: Store = {
    ...storeWith(),
    txn: async () => {
      fake.machine.clock.advance(20_000);
      return ok({ succeeded: true, replies: [] });
    },
  };
  const outcome = await drive<Step>(fake.sys, slow, forever);
  expect(outcome).toMatchObject({ ok: false, error: { kind: "unreachable" } });
  expect(!outcome.ok && storeError("claim", outcome.error)).toMatchObject({
    code: 11,
    id: "ipam.store-unreachable",
  });
});

function forever(): Ask<Step> {
  return {
    kind: "ask",
    txn: { compare: [], success: [], failure: [] },
    next: () => forever() as unknown as Step,
  };
}
