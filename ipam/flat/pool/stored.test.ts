import { expect, test } from "vitest";
import { put, remove } from "../store/store.ts";
import { claim } from "./claim.ts";
import { parseHolding, printHolding } from "./holding.ts";
import { claimOf, finish, holdingOf, ip, keys, nowMs, spaceFrom, storeWith, tell } from "./pool-testing.ts";
import { eachKeyOnce, fenced, keysOfHolding, rewrite } from "./stored.ts";

const live = holdingOf(2);
const known = { modRevision: "7", holding: live };
const unchanged = { kind: "unchanged", key: keys.own(live.identity), modRevision: "7" } as const;
const writes = { success: rewrite(keys, [live], holdingOf(2, { state: "held" })), failure: [] };

test("a holding that names an address twice has no keys, and is not read", () => {
  const twice = { ...live, addresses: [ip(2), ip(2)] };
  expect(() => keysOfHolding(keys, twice)).toThrow("is a bug");
  expect(parseHolding(JSON.stringify(twice))).toBeUndefined();
});

test("a holding that would be read back as another is not printed", () => {
  expect(parseHolding(printHolding(live))).toEqual(live);
  expect(() => printHolding({ ...live, addresses: [] })).toThrow("is a bug");
  expect(() => printHolding({ ...live, sinceMs: Number.NaN })).toThrow("is a bug");
});

test("no key is put and deleted in one transaction", () => {
  expect(eachKeyOnce([put("a", "1"), remove("b")])).toHaveLength(2);
  expect(() => eachKeyOnce([put("a", "1"), remove("a")])).toThrow("writes a twice");
});

test("a claim's transaction fences every key that it writes", () => {
  expect(fenced(keys, { compare: [unchanged], ...writes }, [known]).compare).toHaveLength(1);
  expect(() => fenced(keys, { compare: [], ...writes }, [known])).toThrow("without a compare is a bug");
  const more = { ...writes, success: [...writes.success, put(keys.ip(ip(9)), "?")] };
  expect(() => fenced(keys, { compare: [unchanged], ...more }, [known])).toThrow(keys.ip(ip(9)));
});

test("an address key that an expired hold has left behind is passed over, by few questions", async () => {
  const store = await storeWith();
  const left = holdingOf(3, { state: "held", heldUntilMs: nowMs - 1 });
  const value = printHolding(left);
  await tell(store, { compare: [], success: [put(keys.ip(ip(2)), value)], failure: [] });
  const before = store.roundTrips();
  const end = await finish(store, claim(claimOf(5, spaceFrom(2, 4))));
  expect(end).toMatchObject({ kind: "claimed" });
  expect(store.roundTrips() - before).toBeLessThan(5);
  const full = await finish(store, claim(claimOf(6, spaceFrom(2, 2))));
  expect(full).toEqual({ kind: "exhausted", set: 0 });
});
