import { describe, expect, test } from "vitest";
import {
  atLeast,
  currentVersion,
  highest,
  isVersion,
  speaks,
  type Verb,
  verbs,
  versions,
} from "./version.ts";

test("the versions are in order, each at least all before it", () => {
  for (const [index, version] of versions.entries()) {
    expect(versions.filter((other) => atLeast(version, other))).toEqual(versions.slice(0, index + 1));
  }
  expect(versions.at(-1)).toBe(currentVersion);
});

test.each(["9.9.9", "1.1", "abc", "", "1.1.0 ", "01.1.0", "0.5.0", null, undefined, 1, ["1.1.0"]])(
  "%j is no version",
  (text) => {
    expect(isVersion(text)).toBe(false);
  },
);

test.each(versions)("%s is a version", (version) => {
  expect(isVersion(version)).toBe(true);
});

test("every operation of the specification has a version since when", () => {
  expect([...verbs].sort()).toEqual(["ADD", "CHECK", "DEL", "GC", "STATUS", "VERSION"]);
});

describe("which version speaks which verb", () => {
  test.each<[Verb, string[]]>([
    ["ADD", [...versions]],
    ["DEL", [...versions]],
    ["VERSION", [...versions]],
    ["CHECK", ["0.4.0", "1.0.0", "1.1.0"]],
    ["STATUS", ["1.1.0"]],
    ["GC", ["1.1.0"]],
  ])("%s: %j", (verb, expected) => {
    expect(versions.filter((version) => speaks(version, verb))).toEqual(expected);
  });
});

test("the highest is told by age, not by place or spelling", () => {
  expect(highest(["0.4.0", "1.1.0", "0.3.1"])).toBe("1.1.0");
  expect(highest(["0.3.1", "0.3.0"])).toBe("0.3.1");
  expect(highest([])).toBeUndefined();
});
