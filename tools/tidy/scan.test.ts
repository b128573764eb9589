import { describe, expect, test } from "vitest";
import { findFunctions } from "./functions.ts";
import { findImports } from "./imports.ts";
import { mask } from "./mask.ts";

describe("mask blanks what is not code, and keeps length and lines", () => {
  test.each([
    ["a line comment", "a(); // } b\nc", "a();       \nc"],
    ["a block comment", "a/* {\n */b", "a    \n   b"],
    ["an unclosed comment", "a /* {", "a     "],
    ["a comment in the last line", "a // {", "a     "],
    ["a string", 'f("{//", b)', 'f("   ", b)'],
    ["an escaped quote", String.raw`"\"{" + '}'`, `"   " + ' '`],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of one
    ["a template", "`{${a({})}}` + {}", "`   a({})  ` + {}"],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of one
    ["a template in a template", "`${`{`}}`", "`  ` `  `"],
    ["a regular expression", 'x = /[/"{]\\/"/g.y', "x = /        /g.y"],
    ["a division", "a / b / {}", "a / b / {}"],
    ["a regular expression behind return", "return /{/", "return / /"],
  ])("%s", (_what, text, code) => {
    expect(mask(text)).toBe(code);
  });
});

describe("findImports", () => {
  const imports = (text: string) => findImports(text, mask(text));

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
    ['const { a } = await import("zod/mini");', "dynamic", "zod/mini"],
    ['type A = typeof import("./a.ts");', "dynamic", "./a.ts"],
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

describe("findFunctions", () => {
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
  ])("%s", (_what, code, spans) => {
    expect(findFunctions(code).map(({ name, lines }) => [name, lines])).toEqual(spans);
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
    expect(findFunctions(code)).toEqual([]);
  });
});
