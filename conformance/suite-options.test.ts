import { describe, expect, test } from "vitest";
import { parseProfile, profileOf } from "./profile.ts";
import { compareIds, requirements } from "./requirements/all.ts";
import { parseUsage } from "./suite-options.ts";
import { fill, holesOf } from "./template.ts";

describe("the command line", () => {
  test("all of it", async () => {
    const args =
      "./p --profile bridge --versions 1.0.0,1.1.0 --only P-4a,D-1 --skip P-4b --format tap --output o".split(
        " ",
      );
    expect(await parseUsage(args, "1")).toMatchObject({
      kind: "run",
      usage: {
        plugin: "./p",
        versions: ["1.0.0", "1.1.0"],
        only: ["P-4a", "D-1"],
        skip: ["P-4b"],
        format: "tap",
        output: "o",
      },
    });
  });

  test.each([
    ["no plugin", "--profile bridge", "one plugin"],
    ["two plugins", "a b --profile bridge", "Too many"],
    ["neither profile nor configuration", "./p", "--profile or --config"],
    ["both", "./p --profile a --config b --kind ipam", "mutually exclusive"],
    ["a configuration without kind", "./p --config a", "--kind"],
    ["an unknown kind", "./p --config a --kind other", "Invalid values"],
    ["an unknown version", "./p --profile a --versions 1.2.0", "1.2.0"],
    ["an unknown option", "./p --profile a --fast", "Unknown argument"],
    ["--record without a ledger", "./p --profile a --record", "--expectations"],
    ["no case at once", "./p --profile a --parallel 0", "--parallel"],
  ])("%s", async (_what, line, said) => {
    const parsed = await parseUsage(line.split(" "), "1");
    expect(parsed).toMatchObject({ kind: "wrong", message: expect.stringContaining(said) });
  });

  test("help and version are texts", async () => {
    expect(await parseUsage(["--help"], "1")).toMatchObject({
      text: expect.stringContaining("hawser-conformance PLUGIN"),
    });
    expect(await parseUsage(["--version"], "1.2.3")).toMatchObject({ text: "1.2.3" });
  });
});

describe("holes", () => {
  test("texts, defaults and values of any kind", () => {
    const template = {
      a: "{{state}}/x",
      b: "{{subnet=10.0.0.0/24}}",
      c: "{{list}}",
      d: ["{{state}}", 7],
      e: { f: null },
    };
    expect([...holesOf(template)]).toEqual(["state", "subnet", "list"]);
    const filled = fill(template, { state: "/s", list: { plugins: [] } });
    expect(filled).toEqual({ a: "/s/x", b: "10.0.0.0/24", c: { plugins: [] }, d: ["/s", 7], e: { f: null } });
  });

  test("one that nothing fills is named", () => {
    expect(() => fill({ a: "{{oops}}" }, {})).toThrow("{{oops}}");
  });
});

test.each([
  ["{", "no JSON"],
  ["[]", "no JSON object"],
  ['{"name":"a"}', "name, about and plugin"],
  ['{"name":"a","about":"b","plugin":"c","kind":"d"}', "kind has to be"],
  ['{"name":"a","about":"b","plugin":"c","kind":"ipam","config":{}}', "config has to be"],
  [
    '{"name":"a","about":"b","plugin":"c","kind":"ipam","config":{"type":"d"},"exclude":{"P-1a":""}}',
    "a reason",
  ],
  ['{"name":"a","about":"b","plugin":"c","kind":"ipam","config":{"type":"d"},"exclud":{}}', "exclud"],
  [
    '{"name":"a","about":"b","plugin":"c","kind":"ipam","config":{"type":"d","x":"{{oops}}"}}',
    "{{oops=...}}",
  ],
])("a profile %s", (text, said) => {
  expect(parseProfile(text)).toContain(said);
});

test.each([
  ['{"type":"a","dir":"{{state}}","subnet":"{{subnet=10.0.0.0/24}}"}', undefined],
  ["{", "no JSON"],
  ["{}", "a type"],
  ['{"type":"a","dir":"{{stat}}"}', "{{stat=...}}"],
])("a configuration %s", (text, said) => {
  const profile = profileOf("a", "ipam", text);
  if (said === undefined) expect(profile).toMatchObject({ name: "a", kind: "ipam", config: { type: "a" } });
  else expect(profile).toContain(said);
});

describe("the requirements", () => {
  test("have ids of their own, in order", () => {
    const ids = requirements.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(["D-1a", "P-10a", "P-4b", "P-4a"].sort(compareIds)).toEqual(["P-4a", "P-4b", "P-10a", "D-1a"]);
    for (const id of ids) expect(id).toMatch(/^[PD]-\d+[a-z]$/);
  });

  test("cover every sentence of the specification that was listed", () => {
    const numbers = (letter: string) =>
      new Set(requirements.flatMap(({ id }) => (id.startsWith(letter) ? [Number(id.slice(2, -1))] : [])));
    const missing = (letter: string, last: number) =>
      Array.from({ length: last }, (_none, at) => at + 1).filter((number) => !numbers(letter).has(number));
    expect(missing("P", 46)).toEqual([]);
    expect(missing("D", 15)).toEqual([]);
  });
});
