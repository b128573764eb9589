import { describe, expect, test } from "vitest";
import { listed, plainReason, quote } from "./text.ts";

describe("somebody's text in an error", () => {
  test.each([
    ["storage", '"storage"'],
    [`a"b`, String.raw`"a\"b"`],
    ["\u001b[31m\u009b", String.raw`"\u001b[31m\u009b"`],
    ["caf\u00e9", String.raw`"caf\u00e9"`],
    ["\u{1f600}", String.raw`"\ud83d\ude00"`],
    ["a".repeat(60), `"${"a".repeat(60)}"`],
    ["a".repeat(61), `"${"a".repeat(60)}..."`],
  ])("%j is shown as %s", (text, shown) => {
    expect(quote(text)).toBe(shown);
  });
});

test("a parser's reason is cut, and holds nothing that a terminal obeys", () => {
  expect(plainReason("Unexpected token '\u001b'")).toBe("Unexpected token '?'");
  // Bun's parser says it in these words, and repeats the whole text.
  expect(plainReason(`Unexpected identifier "${"b".repeat(1000)}"`)).toMatch(
    /^Unexpected identifier "b+\.\.\.$/,
  );
  expect(plainReason("b".repeat(121))).toBe(`${"b".repeat(120)}...`);
  expect(plainReason("b".repeat(120))).toBe("b".repeat(120));
});

test("of many, some are listed and the others counted", () => {
  expect(listed(["a", "b"], 2)).toBe("a, b");
  expect(listed(["a", "b", "c"], 2)).toBe("a, b and 1 more");
});
