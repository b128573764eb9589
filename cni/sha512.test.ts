import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sha512 } from "./sha512.ts";

test("of a short text, as FIPS 180-4 has it", () => {
  expect(sha512("abc")).toBe(
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
  );
});

test("of any text, as OpenSSL makes it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (text) => {
      expect(sha512(text)).toBe(createHash("sha512").update(text, "utf8").digest("hex"));
    }),
  );
});
