import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { must } from "../../sys/outcome-testing.ts";
import { decodeText, readFields, writeTexts } from "./protobuf.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe("what is no message is refused", () => {
  test.each([
    ["a tag that does not end", bytes(0x80)],
    ["a tag of eleven bytes", bytes(...Array<number>(10).fill(0x80), 1)],
    ["field 0", bytes(0x00, 0x01)],
    ["a group", bytes(0x0b, 0x0c)],
    ["a kind that nobody has defined", bytes(0x0f)],
    ["a number that does not end", bytes(0x08, 0xff)],
    ["text that is cut", bytes(0x0a, 0x03, 0x61)],
    ["text whose length does not end", bytes(0x0a, 0x80)],
    ["text longer than any memory", bytes(0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)],
    ["64 bits of which 7 bytes came", bytes(0x09, 1, 2, 3, 4, 5, 6, 7)],
    ["32 bits of which 3 bytes came", bytes(0x0d, 1, 2, 3)],
  ])("%s", (_case, message) => {
    expect(readFields(message)).toMatchObject({ ok: false });
  });
});

test("other kinds of fields are passed over, whatever lies between", () => {
  const message = bytes(
    ...[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], // 1: -1
    ...[0x11, 1, 2, 3, 4, 5, 6, 7, 8], // 2: 64 bits
    ...[0x1a, 2, 0x61, 0x62], // 3: "ab"
    ...[0x25, 1, 2, 3, 4], // 4: 32 bits
    ...[0x1a, 0], // 3: ""
    ...[0xfa, 0xff, 0xff, 0xff, 0x0f, 1, 0x7a], // the highest field number: "z"
  );
  const fields = must(readFields(message));
  const texts = [...fields].map(([number, values]) => [number, values.map(decodeText)]);
  expect(texts).toEqual([
    [3, ["ab", ""]],
    [0x1fff_ffff, ["z"]],
  ]);
});

test("no bytes make it throw, and what it keeps lies within them", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (message) => {
      const fields = readFields(message);
      if (!fields.ok) return;
      const kept = [...fields.value.values()].flat().reduce((sum, value) => sum + value.length, 0);
      expect(kept).toBeLessThanOrEqual(message.length);
    }),
    { numRuns: 5000 },
  );
});

test("texts that were written are read", () => {
  const texts = fc.dictionary(
    fc.integer({ min: 1, max: 0x1fff_ffff }).map(String),
    fc.string({ unit: "grapheme" }),
  );
  fc.assert(
    fc.property(texts, (given) => {
      const fields = must(readFields(writeTexts(given)));
      const read = [...fields].map(([number, values]) => [String(number), decodeText(values[0])]);
      expect(Object.fromEntries(read)).toEqual(
        Object.fromEntries(Object.entries(given).filter(([, text]) => text !== "")),
      );
    }),
  );
});
