import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findSyntaxMistake } from "./json-syntax.ts";

describe("a text that is no JSON", () => {
  test.each<[string, number, number, string]>([
    ["", 1, 1, "expected a value, found the end"],
    ["[", 1, 2, "expected a value, found the end"],
    ["[1,]", 1, 4, `expected a value, found "]"`],
    ["[1 2]", 1, 4, `expected "," or "]", found "2"`],
    [`{"a":1,}`, 1, 8, `expected a key in double quotes, found "}"`],
    ["{'a':1}", 1, 2, `expected a key in double quotes, found "'"`],
    ["{a:1}", 1, 2, `expected a key in double quotes, found "a"`],
    [`{"a" 1}`, 1, 6, `expected ":", found "1"`],
    [`{"a":1`, 1, 7, `expected "," or "}", found the end`],
    [`[{"name":"a"}] x`, 1, 16, `expected nothing more, found "x"`],
    [`[\n  {"a": "b"},\n  {"c": d}\n]`, 3, 9, `expected a value, found "d"`],
    [`["a\nb"]`, 1, 4, "a string holds no line break and no other control character"],
    [`["a]`, 1, 2, "this string does not end"],
    [String.raw`["a\x"]`, 1, 4, "there is no such escape in a string"],
    ["[01]", 1, 3, `expected "," or "]", found "1"`],
    ["[tru]", 1, 2, `expected a value, found "t"`],
    ["[\u{1f600}]", 1, 2, `expected a value, found "\u{1f600}"`],
  ])("%j", (text, line, column, why) => {
    expect(findSyntaxMistake(text)).toEqual({ line, column, why });
  });

  test("a megabyte of it", () => {
    const megabyte = 1024 * 1024;
    expect(findSyntaxMistake("[".repeat(megabyte))).toBeUndefined();
    expect(findSyntaxMistake(`["${"a".repeat(megabyte)}`)).toMatchObject({ column: 2 });
    expect(findSyntaxMistake(`[${"1,".repeat(megabyte / 2)}`)).toMatchObject({ column: megabyte + 2 });
  });
});

test("property: a mistake is found where the engine finds one, and only there", () => {
  const nearly = fc
    .tuple(
      fc.json({ maxDepth: 4 }),
      fc.nat(),
      fc.constantFrom("", ",", "]", "}", '"', "\\", "x", "\n", "0", ":"),
    )
    .map(([text, at, wrong]) => {
      const place = at % (text.length + 1);
      return text.slice(0, place) + wrong + text.slice(place + (wrong === "" ? 1 : 0));
    });
  const seen = { sound: 0, wrong: 0 };
  fc.assert(
    fc.property(fc.oneof(nearly, fc.json(), fc.string({ unit: "binary" })), (text) => {
      const mistake = findSyntaxMistake(text);
      seen[mistake === undefined ? "sound" : "wrong"]++;
      expect(mistake === undefined).toBe(isJson(text));
    }),
    { numRuns: 3000 },
  );
  expect(Math.min(seen.sound, seen.wrong)).toBeGreaterThan(300);
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
