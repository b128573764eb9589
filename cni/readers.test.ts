import { describe, expect, expectTypeOf, test } from "vitest";
import type { Json } from "./json.ts";
import { parseJson } from "./json.ts";
import {
  anyObject,
  type FieldProblem,
  flag,
  isTexts,
  type KeyRules,
  lenient,
  list,
  maybe,
  type Notes,
  newNotes,
  number,
  object,
  oneOf,
  type Reader,
  readMembers,
  readWhole,
  refuse,
  text,
  textsIn,
  usually,
} from "./readers.ts";

function tell<T>(reader: Reader<T>, value: Json): { read: T | undefined; problems: string[] } {
  const notes = newNotes();
  const read = reader(value, "x", notes);
  return { read, problems: notes.problems.map(({ place, why }: FieldProblem) => `${place}: ${why}`) };
}

const color = oneOf(["red", "blue"], (value) => `is ${JSON.stringify(value)}, no color`);

describe("a value", () => {
  const exact = parseJson("12345678901234567890");
  const huge = exact.ok ? exact.value : null;

  test.each<[Reader<unknown>, Json]>([
    [text, ""],
    [text, "a"],
    [flag, false],
    [number, 0],
    [anyObject, { a: 1 }],
    [color, "blue"],
    [list(text), []],
    [list(list(text)), [["a"], []]],
  ])("is read: %s %j", (reader, value) => {
    expect(tell(reader, value)).toEqual({ read: value, problems: [] });
  });

  test.each<[Reader<unknown>, Json, string]>([
    [text, 1, "x: is a number, not a string"],
    [text, null, "x: is null, not a string"],
    [flag, "true", "x: is a string, not true or false"],
    [number, "1", "x: is a string, not a number"],
    [number, huge, "x: is a number, not a number"],
    [anyObject, [], "x: is an array, not an object"],
    [anyObject, huge, "x: is a number, not an object"],
    [color, "green", 'x: is "green", no color'],
    [color, ["red"], 'x: is ["red"], no color'],
    [list(text), {}, "x: is an object, not an array"],
  ])("is refused: %s %j", (reader, value, problem) => {
    expect(tell(reader, value)).toEqual({ read: undefined, problems: [problem] });
  });

  test("of an array is left out alone, and each has its place", () => {
    expect(tell(list(list(text)), [["a", 1], 2, ["b"]])).toEqual({
      read: [["a"], ["b"]],
      problems: ["x[0][1]: is a number, not a string", "x[1]: is a number, not an array"],
    });
    const dotted = list(text, undefined, (place, index) => `${place}.${index}`);
    expect(tell(dotted, [true])).toEqual({ read: [], problems: ["x.0: is a boolean, not a string"] });
  });

  test("may be wrong where that is no problem", () => {
    expect(tell(lenient(text), 1)).toEqual({ read: undefined, problems: [] });
    expect(tell(lenient(list(text)), ["a", 1])).toEqual({ read: ["a"], problems: [] });
  });
});

describe("an object", () => {
  const pod = object({ name: text, ports: list(number), color: maybe(color), old: maybe(lenient(flag)) });

  test("is read without what is not asked for", () => {
    const value = { more: 1, name: "a", ports: [80], color: "red", old: true };
    expect(tell(pod, value)).toEqual({
      read: { name: "a", ports: [80], color: "red", old: true },
      problems: [],
    });
    expect(tell(pod, { name: "a", ports: [] })).toEqual({ read: { name: "a", ports: [] }, problems: [] });
  });

  test("is none without what it needs, every problem at once, in the order of the fields", () => {
    expect(tell(pod, { old: 1, color: "green", ports: 1 })).toEqual({
      read: undefined,
      problems: ["x.name: is missing", "x.ports: is a number, not an array", 'x.color: is "green", no color'],
    });
  });

  test("has the type of its readers", () => {
    const read = readWhole(pod, { name: "a", ports: [] });
    expectTypeOf(read?.name).toEqualTypeOf<string | undefined>();
    expectTypeOf(read?.ports).toEqualTypeOf<number[] | undefined>();
    expectTypeOf(read?.color).toEqualTypeOf<"red" | "blue" | undefined>();
    expect(read).toEqual({ name: "a", ports: [] });
  });

  test("as a whole is nothing when anything in it is wrong", () => {
    expect(readWhole(pod, { name: "a", ports: [80, "81"] })).toBeUndefined();
    expect(readWhole(pod, { name: "a", ports: [], color: 1 })).toBeUndefined();
    expect(readWhole(pod, [])).toBeUndefined();
  });

  test("has the usual value where it says none", () => {
    const network = object({ name: usually("net", text), mtu: usually(0, lenient(number)) });
    expect(tell(network, {})).toEqual({ read: { name: "net", mtu: 0 }, problems: [] });
    expect(tell(network, { name: "a", mtu: 9 })).toEqual({ read: { name: "a", mtu: 9 }, problems: [] });
    const wrong = { read: { name: "net", mtu: 0 }, problems: ["x.name: is a number, not a string"] };
    expect(tell(network, { name: 1, mtu: "9" })).toEqual(wrong);
    expectTypeOf(readWhole(network, {})?.mtu).toEqualTypeOf<number | undefined>();
  });

  test("has no field that it only inherits", () => {
    expect(tell(object({ a: text }), {})).toEqual({ read: undefined, problems: ["x.a: is missing"] });
    expect(tell(object({ toString: text }), {})).toEqual({
      read: undefined,
      problems: ["x.toString: is missing"],
    });
  });
});

describe("an object of somebody's own keys", () => {
  interface Strict extends Notes {
    readonly namespace: string;
  }
  const keys: KeyRules<Strict> = {
    placeOf: (place, key) => `${place}/${key}`,
    isAbsent: (value) => value === null,
    unknown: (_key, where, notes, fields) =>
      refuse(notes, where, `${notes.namespace} knows ${Object.keys(fields).join()}`),
  };
  const own: Reader<string, Strict> = (_value, _place, { namespace }) => namespace;

  test("is read in their order, and unknown ones are told", () => {
    const notes: Strict = { namespace: "blue", problems: [] };
    const value = { b: 1, typo: 2, a: "x", own: 0, none: null };
    const read = readMembers(keys, { a: text, b: text, own, none: text }, value, "at", notes);
    expectTypeOf(read).toEqualTypeOf<{ a?: string; b?: string; own?: string; none?: string }>();
    expect(read).toEqual({ a: "x", own: "blue" });
    expect(notes.problems).toEqual([
      { place: "at/b", why: "is a number, not a string" },
      { place: "at/typo", why: "blue knows a,b,own,none" },
    ]);
  });

  test("takes no inherited name for a field, and no key for the prototype", () => {
    const value = parseJson('{"__proto__": {"a": 1}, "toString": 1, "a": "x"}');
    const notes: Strict = { namespace: "", problems: [] };
    const read = readMembers(keys, { a: text }, value.ok ? Object(value.value) : {}, "", notes);
    expect(notes.problems.map(({ place }) => place)).toEqual(["/__proto__", "/toString"]);
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
    expect(read).toEqual({ a: "x" });
  });
});

test.each<[Json | undefined, boolean, string[] | undefined]>([
  [[], true, []],
  [["a"], true, ["a"]],
  [["a", 1], false, ["a"]],
  ["a", false, undefined],
  [undefined, false, undefined],
])("%j is a list of texts: %s; the texts in it: %j", (value, is, texts) => {
  expect(isTexts(value)).toBe(is);
  expect(textsIn(value)).toEqual(texts);
});
