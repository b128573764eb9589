import * as fs from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Excuse, excuses, parseExcuses } from "./skips.ts";

const entry = { file: "a.test.ts", test: "waits", reason: "there is no such thing here" };

describe("the list", () => {
  test.each([
    ["no list", {}, "tools/skips.json: it is no list"],
    ["an entry that is none", [entry, "b"], "tools/skips.json, entry 1: it is no object"],
    ["no reason", [{ ...entry, reason: undefined }], "tools/skips.json, entry 0: reason is missing"],
    ["an empty reason", [{ ...entry, reason: " " }], "tools/skips.json, entry 0: reason is no text"],
    ["no file", [{ ...entry, file: undefined }], "tools/skips.json, entry 0: file is missing"],
    ["no test", [{ ...entry, test: undefined }], "tools/skips.json, entry 0: test is missing"],
    ["a field too many", [{ ...entry, name: "x" }], "tools/skips.json, entry 0: name is no field of it"],
    ["a number", [{ ...entry, sometimes: 1 }], "tools/skips.json, entry 0: sometimes is no text"],
  ])("%s is refused", (_case, list, message) => {
    expect(() => parseExcuses(JSON.stringify(list))).toThrow(message);
  });

  test("ours can be read, and names files that are there", () => {
    const list = parseExcuses(fs.readFileSync(join(import.meta.dirname, "skips.json"), "utf8"));
    const top = join(import.meta.dirname, "..");
    expect(list.filter(({ file }) => !fs.existsSync(join(top, file)))).toEqual([]);
  });
});

test.each<[Partial<Excuse>, boolean]>([
  [{}, true],
  [{ file: "b.test.ts" }, false],
  [{ test: "wait" }, false],
  [{ test: "wait*" }, true],
  [{ test: "*ait*" }, true],
  [{ test: "w.its" }, false],
  [{ test: "*" }, true],
])("an entry with %o excuses: %s", (changes, is) => {
  expect(excuses({ ...entry, ...changes }, { file: "a.test.ts", name: "waits" })).toBe(is);
});

test("brackets in a test's name are only brackets", () => {
  const name = "waits (skipped: it needs [etcd] + more?)";
  expect(excuses({ ...entry, test: name }, { file: "a.test.ts", name })).toBe(true);
});
