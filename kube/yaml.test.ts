import * as fs from "node:fs";
import { describe, expect, test } from "vitest";
import { isObject, type Json, parseJson, printJson } from "../cni/json.ts";
import { must } from "../sys/outcome-testing.ts";
import { readDocument, readDocuments } from "./yaml.ts";

/** The results of kubectl's own reader for the same texts. `tools/goldens/yaml` has written them. */
interface Golden {
  readonly name: string;
  readonly text: string;
  readonly documents?: Json[];
  /** Why kubectl refuses it. */
  readonly error?: string;
}

const parsed = must(
  parseJson(fs.readFileSync(new URL("testdata/yaml-goldens.json", import.meta.url), "utf8")),
);
const goldens = parsed as unknown as readonly Golden[];

/** Texts that kubectl refuses and we take, each with the reason why that does no harm. */
const taken: Readonly<Record<string, string>> = {
  "line of a tab alone": "it is blank",
  "line of a tab at the end": "it is blank",
  "tab before a comment line": "it is blank",
  "separator with content": "YAML has it so",
  "a key that is null": "it names nothing that is looked for",
  "a key that is a list": "it names nothing that is looked for",
  escapes: "YAML 1.2 has the escape of a slash, and JSON, too",
  "an unprintable character": "whoever reads the value refuses it",
  "line separator": "YAML 1.2 has it so",
  "quoted then colon next line": "it names nothing that is looked for",
};

/** Texts that kubectl and we read differently, each with the reason. */
const different: Readonly<Record<string, string>> = {
  "document end, then more without a separator": "kubectl drops the rest without a word",
  "next line character": "YAML 1.2 takes it for a character, not for a line break",
};

/** Keys in any order, numbers digit for digit. */
function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key): [string, Json] => [key, sorted(value[key] ?? null)]));
}

describe("what kubectl takes", () => {
  test.each(goldens.filter(({ error }) => error === undefined))(
    "$name",
    async ({ name, text, documents = [] }) => {
      const read = await readDocuments(text);
      expect(read).toMatchObject({ ok: true });
      const ours = read.ok ? printJson(sorted(read.value)) : "";
      if (name in different)
        expect(ours, `no longer true: ${different[name]}`).not.toBe(printJson(sorted(documents)));
      else expect(ours).toBe(printJson(sorted(documents)));
    },
  );
});

describe("what kubectl refuses", () => {
  test.each(goldens.filter(({ error }) => error !== undefined))("$name", async ({ name, text }) => {
    expect((await readDocuments(text)).ok).toBe(name in taken);
  });
});

test("an error says where it is in the file", async () => {
  const text = "kind: Pod\n---\n# a comment\na: b\n  c: d\n";
  expect(await readDocuments(text)).toMatchObject({
    ok: false,
    error: expect.stringMatching(/ at line 4, column 4$/),
  });
});

test.each([
  [
    "aliases that multiply",
    `a: &a [x]\n${"bcdefghi".replace(/./g, (key) => `${key}: &${key} [${`*${String.fromCharCode(key.charCodeAt(0) - 1)},`.repeat(9)}]\n`)}`,
  ],
  ["nesting without end", "[".repeat(100_000)],
  [
    "keys nested without end",
    Array.from({ length: 20_000 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n"),
  ],
])("%s are refused, not followed", async (_case, text) => {
  expect((await readDocuments(text)).ok).toBe(false);
});

test("of a kubeconfig the first document is read", async () => {
  expect(await readDocument("\ufeff---\nkind: Config\n---\nkind: Other\n")).toEqual({
    ok: true,
    value: { kind: "Config" },
  });
  expect(await readDocument("# nothing\n")).toEqual({ ok: true, value: null });
});
