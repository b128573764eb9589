import { expect, test } from "vitest";
import { hash128, stableMac } from "./hash.ts";

/** These values may never change: the given addresses and MACs of every cluster are derived from them. */
test.each([
  ["", "ebb6c2283cd6e3f3a2393ef12891cc92"],
  ["hawser", "a7cad0b49fde23126085cb395aa0ea0e"],
  ["pool|shop/web-0/eth0|0|2", "92208b346b0dc8aa5eccd0b3faba6ee4"],
  ["é🚢", "92797647585169aa31167e8439dee0ad"],
])("the hash of %j is this for ever", (text, digits) => {
  expect(hash128(text).toString(16).padStart(32, "0")).toBe(digits);
});

test("a MAC address is an identity's, and another one after a collision", () => {
  const macOf = (attempt: number) => stableMac("pool", "shop/web-0/eth0", attempt);
  expect([macOf(0), macOf(1), macOf(0)]).toEqual([
    "02:5b:e1:10:6b:c9",
    "02:51:79:c6:61:ff",
    "02:5b:e1:10:6b:c9",
  ]);
});
