import { describe, expect, test } from "vitest";
import { parse } from "./typescript.ts";

const read = (text: string) => parse("a.ts", text);

describe("the code of a source, with its length and its lines, has blanks for the insides of", () => {
  test.each([
    ["a line comment", "a(); // } b\nc", "a();       \nc"],
    ["a block comment", "a/* {\n */b", "a    \n   b"],
    ["a comment in the last line", "a // {", "a     "],
    ["a string", 'f("{//", b)', 'f("   ", b)'],
    ["an escaped quote", String.raw`"\"{" + '}'`, `"   " + ' '`],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of one
    ["a template", "`{${a({})}}` + {}", "`   a({})  ` + {}"],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of one
    ["a template in a template", "`${`{`}}`", "`  ` `  `"],
    ["a regular expression", 'x = /[/"{]\\/"/g.y', "x = /        /g.y"],
    ["a division", "a / b / {}", "a / b / {}"],
    ["a regular expression behind return", "() => {return /{/}", "() => {return / /}"],
    ["a character of two units", 'f("\u{1f600}{", "}")', 'f("   ", " ")'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of one
    ["a template of a type", "type A = `${'{'}}`;", "type A = `  ' '  `;"],
    ["the line for the shell", "#!/usr/bin/env node\na", "                   \na"],
  ])("%s", (_what, text, code) => {
    expect(read(text).code).toBe(code);
  });
});

test("a text that is no TypeScript is refused by name", () => {
  expect(() => read("a /* {")).toThrow("a.ts: Unterminated multiline comment");
});

describe("the imports of a source", () => {
  const imports = (text: string) => read(text).imports;

  test.each([
    ['import { a } from "./a.ts";', "static", "./a.ts"],
    ['import a, { type B } from "b";', "static", "b"],
    ['import { type A } from "b";', "static", "b"],
    ['import type { A } from "./a.ts";', "type", "./a.ts"],
    ['import type A from "./a.ts";', "type", "./a.ts"],
    ['import type from "./a.ts";', "static", "./a.ts"],
    ["import {\n  a,\n  b,\n} from 'node:fs';", "static", "node:fs"],
    ['import "./effect.ts";', "static", "./effect.ts"],
    ['export * from "./a.ts";', "static", "./a.ts"],
    ['export type { A } from "./a.ts";', "type", "./a.ts"],
    ['const { a } = await import("yargs/helpers");', "dynamic", "yargs/helpers"],
    ['type A = typeof import("./a.ts");', "type", "./a.ts"],
  ])("%s", (text, kind, specifier) => {
    expect(imports(text)).toEqual([{ kind, specifier, line: 1 }]);
  });

  test.each([
    'export const name = "value";',
    '// import { a } from "./a.ts";',
    "const text = 'import { a } from \"./a.ts\";';",
    'export function from() { return "a"; }',
  ])("not: %s", (text) => {
    expect(imports(text)).toEqual([]);
  });

  test("the line of each", () => {
    const found = imports('import a from "a";\n\nimport b from "b";\nawait import("c");\n');
    expect(found.map(({ specifier, line }) => [specifier, line])).toEqual([
      ["a", 1],
      ["b", 3],
      ["c", 4],
    ]);
  });
});

describe("the functions of a source", () => {
  test.each([
    ["a function", "function f(a: A) {\n}", [["f", 2]]],
    ["with a type", "function f(): Outcome<A, B> {\n\n}", [["f", 3]]],
    ["with an object type", "function f(a: { b: C }): { d: E } | undefined {\n}", [["f", 2]]],
    ["with a type parameter", "function f<T>(a: T): a is T {\n}", [["f", 2]]],
    ["parameters over lines", "function f(\n  a: A,\n): B {\n}", [["f", 4]]],
    ["an arrow function", "const f = (a) => {\n};", [["", 2]]],
    ["an arrow function with a type", "const f = async (): Promise<void> => {\n};", [["", 2]]],
    ["a method", "class A {\n  b(): void {\n  }\n}", [["b", 2]]],
    [
      "one in another",
      "function f() {\n  g(() => {\n  });\n}",
      [
        ["f", 4],
        ["", 2],
      ],
    ],
    ["a function of a type with arrows", "function f(): (a: A) => B {\n}", [["f", 2]]],
    ["a method of an object", "const a = {\n  b() {\n  },\n};", [["b", 2]]],
    [
      "a test in a suite of many",
      'describe.each([])("a", () => {\n  test("b", () => {\n  });\n});',
      [["", 2]],
    ],
  ])("%s", (_what, code, spans) => {
    expect(read(code).functions.map(({ name, lines }) => [name, lines])).toEqual(spans);
  });

  test.each([
    "if (a) {\n}",
    "for (const a of b()) {\n}",
    "const a = (b) => c;",
    "interface A { b(c: D): E; }",
    "f({ a });",
    "const a = b ? f(c) : { d };",
    "try {\n} catch (error) {\n}",
    "type A = (b: C) => D;",
  ])("not: %s", (code) => {
    expect(read(code).functions).toEqual([]);
  });
});

test("the types that a source exports, and no values", () => {
  const text =
    "export interface A {}\nexport type B = A;\nexport class C {}\nexport const D = 1;\ninterface E {}";
  expect(read(text).exportedTypes).toEqual(["A", "B", "C"]);
});

describe("what does something", () => {
  test.each([
    ["export function a() {}", true],
    ["class A {}", true],
    ["export const a = () => 1;", true],
    ["export const a = [1, 2];", false],
    ["export type A = () => void;", false],
    ["export interface A { b(): void }", false],
    ["declare function a(): void;", false],
  ])("%s", (text, expected) => {
    expect(read(text).doesSomething).toBe(expected);
  });
});
