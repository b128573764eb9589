import fc from "fast-check";
import { Address4, Address6 } from "ip-address";
import { describe, expect, test } from "vitest";
import {
  type Address,
  isInNetwork,
  networkOf,
  parseAddress,
  parseCidr,
  printAddress,
  printCidr,
} from "./address.ts";

const v4 = fc.bigInt({ min: 0n, max: (1n << 32n) - 1n });
const v6 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });
/** Runs of zeros, where forms differ. */
const sparseV6 = fc
  .array(fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 0xffffn })), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.reduce((sum, group) => (sum << 16n) | group, 0n));
const isMapped = (value: bigint): boolean => value >> 32n === 0xffffn;
const anyV6 = fc.oneof(v6, sparseV6).filter((value) => !isMapped(value));

describe("an address", () => {
  test("in IPv4 is read and printed as the oracle does", () => {
    fc.assert(
      fc.property(v4, (value) => {
        const text = Address4.fromBigInt(value).correctForm();
        expect(parseAddress(text)).toEqual({ family: "4", value });
        expect(printAddress({ family: "4", value })).toBe(text);
      }),
    );
  });

  test("in IPv6 is read in every form, and printed in the one of RFC 5952", () => {
    fc.assert(
      fc.property(anyV6, (value) => {
        const oracle = Address6.fromBigInt(value);
        const [head = "", tail = ""] = [oracle.canonicalForm().slice(0, 30), oracle.to4().correctForm()];
        for (const form of [oracle.correctForm(), oracle.canonicalForm().toUpperCase(), `${head}${tail}`])
          expect(parseAddress(form), form).toEqual({ family: "6", value });
        expect(printAddress({ family: "6", value })).toBe(oracle.correctForm());
      }),
    );
  });

  test("of any text: whatever is read is what the oracle reads, and survives being printed", () => {
    const piece = fc.constantFrom(
      "0",
      "1",
      "ff",
      "fd00",
      "255",
      "256",
      "01",
      ":",
      "::",
      ".",
      "",
      "g",
      "%eth0",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join("");
        const address = parseAddress(text);
        if (address === undefined) return;
        const oracle = text.includes(":") ? new Address6(text).bigInt() : new Address4(text).bigInt();
        expect(isMapped(oracle) ? oracle & 0xffff_ffffn : oracle).toBe(address.value);
        expect(parseAddress(printAddress(address))).toEqual(address);
      }),
      { numRuns: 2000 },
    );
  });

  test.each<[string, string, Address]>([
    ["mapped into IPv6", "::ffff:10.0.0.1", { family: "4", value: 0x0a00_0001n }],
    ["mapped into IPv6, in hexadecimal", "::ffff:a00:1", { family: "4", value: 0x0a00_0001n }],
    ["of all zeros", "::", { family: "6", value: 0n }],
  ])("%s", (_case, text, address) => {
    expect(parseAddress(text)).toEqual(address);
  });

  test.each([
    "",
    "10.0.0",
    "10.0.0.256",
    "010.0.0.1",
    "10.0.0.1/24",
    "fe80::1%eth0",
    "1:2:3:4:5:6:7::8",
    ":::",
    " ::1",
  ])("%j is none", (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});

describe("a CIDR", () => {
  test("knows its network as the oracle does", () => {
    const one = fc.oneof(
      fc
        .tuple(v4, fc.integer({ min: 0, max: 32 }))
        .map(([value, prefix]) => ({ family: "4" as const, value, prefix })),
      fc
        .tuple(anyV6, fc.integer({ min: 0, max: 128 }))
        .map(([value, prefix]) => ({ family: "6" as const, value, prefix })),
    );
    fc.assert(
      fc.property(one, ({ family, value, prefix }) => {
        const cidr = { address: { family, value }, prefix };
        const text = printCidr(cidr);
        expect(parseCidr(text)).toEqual(cidr);
        const oracle = family === "4" ? new Address4(text) : new Address6(text);
        const { first, last } = networkOf(cidr);
        expect([first, last]).toEqual([oracle.startAddress().bigInt(), oracle.endAddress().bigInt()]);
        expect(isInNetwork({ family, value: last }, cidr)).toBe(true);
        expect(isInNetwork({ family, value: last + 1n }, cidr)).toBe(false);
        expect(isInNetwork({ family: family === "4" ? "6" : "4", value }, cidr)).toBe(false);
      }),
    );
  });

  test.each([
    "10.0.0.0",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/+8",
    "fd00::/129",
    "::ffff:10.0.0.0/120",
    "/8",
  ])("%j is none", (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });
});
