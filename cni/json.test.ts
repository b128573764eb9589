import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { must } from "../sys/outcome-testing.ts";
import { isObject, type Json, type JsonObject, parseJson, printJson, without } from "./json.ts";
import { findSyntaxMistake } from "./json-syntax.ts";

function parse(text: string): Json {
  return must(parseJson(text));
}

describe("numbers", () => {
  test.each([
    "12345678901234567890",
    "-12345678901234567890",
    "9007199254740993",
    "1.0",
    "1.50",
    "-0",
    "1e400",
    "1E3",
    "1e21",
    "0.1",
    "0.1000000000000000055511151231257827",
    "3",
  ])("%s is printed digit for digit, wherever it stands", (number) => {
    expect(printJson(parse(number))).toBe(number);
    const text = `{"a":${number},"b":[${number},{"c":[${number}]}]}`;
    expect(printJson(parse(text))).toBe(text);
  });

  test.each(["0", "1", "-1", "1500", "4294967295", "9007199254740991", "0.5"])("%s is a number", (number) => {
    expect(parse(number)).toBe(Number(number));
  });

  test.each(["1.0", "12345678901234567890", "-0"])(
    "%s is none that could be reckoned with, nor an object",
    (number) => {
      const value = parse(number);
      expect(typeof value).toBe("object");
      expect(isObject(value)).toBe(false);
    },
  );

  test("any number of the grammar", () => {
    const number = fc.stringMatching(/^-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?$/);
    fc.assert(
      fc.property(number, (text) => {
        expect(printJson(parse(`[${text}]`))).toBe(`[${text}]`);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("objects", () => {
  test.each([
    `{"__proto__":{"polluted":1},"constructor":2,"toString":null}`,
    `{"a":{"__proto__":1.0}}`,
    `{"rawJSON":"7"}`,
    `{"rawJSON":7}`,
    `{"":0," ":[]}`,
  ])("%s is printed as it was read", (text) => {
    expect(printJson(parse(text))).toBe(text);
  });

  test("__proto__ is a key like any other", () => {
    const value = parse(`{"__proto__":{"polluted":1}}`);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect((value as JsonObject).polluted).toBeUndefined();
    expect(({} as JsonObject).polluted).toBeUndefined();
    const copy = without(value as JsonObject, "other");
    expect(printJson(copy)).toBe(`{"__proto__":{"polluted":1}}`);
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
  });

  test("the last of a repeated key counts", () => {
    expect(printJson(parse(`{"a":1.0,"a":2.0}`))).toBe(`{"a":2.0}`);
  });

  test("a lone half of a surrogate pair stays an escape", () => {
    expect(printJson(parse(`"\\ud800"`))).toBe(`"\\ud800"`);
  });

  test("any value that is printed is read as the same", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const text = JSON.stringify(value);
        expect(printJson(parse(text))).toBe(text);
      }),
    );
  });
});

describe("what is no JSON text", () => {
  test.each([
    ["nothing", ""],
    ["white space", " \n"],
    ["words", "{not json"],
    ["a truncated object", `{"name":"a"`],
    ["a truncated string", `{"name":"a`],
    ["trailing bytes", `{} x`],
    ["two documents", "{}{}"],
    ["a trailing NUL", "{}\0"],
    ["a byte order mark", "\uFEFF{}"],
    ["a comment", `{} // c`],
    ["a trailing comma", `{"a":1,}`],
    ["single quotes", `{'a':1}`],
    ["a leading zero", "[01]"],
    ["NaN", "[NaN]"],
    ["a raw newline in a string", `"a\nb"`],
  ])("%s", (_name, text) => {
    const json = parseJson(text);
    expect(json).toEqual({ ok: false, error: expect.stringMatching(/./) });
  });

  test.each([
    ["arrays", "[", "]"],
    ["objects", `{"a":`, "}"],
  ])("%s nested deeper than the stack are a value, not a crash", (_name, open, close) => {
    const text = `${open.repeat(100_000)}1${close.repeat(100_000)}`;
    expect(parseJson(text)).toEqual({ ok: false, error: "arrays or objects are nested too deeply" });
    expect(parseJson(open.repeat(1_000_000)).ok).toBe(false);
  });

  const nested = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;

  test("two hundred levels are read and printed, one more is not", () => {
    expect(printJson(parse(nested(200)))).toBe(nested(200));
    expect(parseJson(nested(201)).ok).toBe(false);
  });

  test("documents of our own may nest deeper than what they hold", () => {
    expect(parseJson(nested(220), 20).ok).toBe(true);
    expect(parseJson(nested(221), 20).ok).toBe(false);
  });

  test("brackets in strings count for nothing", () => {
    const text = JSON.stringify({ key: `${"[".repeat(300)}\\"${"{".repeat(300)}` });
    expect(printJson(parse(text))).toBe(text);
  });
});

describe("isObject", () => {
  test.each<[unknown, boolean]>([
    [{}, true],
    [{ rawJSON: "1" }, true],
    [[], false],
    [null, false],
    ["{}", false],
    [1, false],
    [undefined, false],
  ])("%j: %s", (value, expected) => {
    expect(isObject(value)).toBe(expected);
  });
});

test("without leaves the others, their order and the original", () => {
  const object: JsonObject = { a: 1, b: 2, c: 3 };
  expect(printJson(without(object, "b", "missing"))).toBe(`{"a":1,"c":3}`);
  expect(object).toEqual({ a: 1, b: 2, c: 3 });
});

describe("a text that no JSON parser takes", () => {
  test.each([
    ["with a byte order mark", `\ufeff{"a":1}`, "byte order mark"],
    ["in UTF-16 with a byte order mark", `\ufffd\ufffd{\0"\0}\0`, "UTF-16"],
    ["in UTF-16", `{\0"\0}\0`, "UTF-16"],
    ["in UTF-16, the other way round", `\0{\0"\0}`, "UTF-16"],
  ])("%s says what it is", (_case, text, why) => {
    const json = parseJson(text);
    expect(json.ok ? "" : json.error).toContain(why);
    expect(findSyntaxMistake(text)).toMatchObject({ line: 1, column: 1, why: expect.stringContaining(why) });
  });
});
