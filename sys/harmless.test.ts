import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createFake } from "./fake.ts";
import { harmless, harmlessCell, harmlessLines } from "./harmless.ts";

describe("a text of others on one line", () => {
  test.each([
    ["an escape sequence", "a\u001b[2Jb", "a\\u001b[2Jb"],
    ["a line of its own", "a\nhawser: all is well", "a\\nhawser: all is well"],
    ["a return to the line's beginning", "a\rb", "a\\rb"],
    ["a bell, a backspace, a NUL", "\u0007\b\0", "\\u0007\\u0008\\u0000"],
    ["DEL and C1: a terminal takes U+009B for ESC [", "\u007f\u009b2J", "\\u007f\\u009b2J"],
    ["a text turned round", "a\u202egpj.exe", "a\\u202egpj.exe"],
    ["isolates", "\u2066x\u2069", "\\u2066x\\u2069"],
    ["what nobody sees", "a\u200bb\ufeffc\u2060\u00ad", "a\\u200bb\\ufeffc\\u2060\\u00ad"],
    ["tags, beyond the first plane", "\u{e0041}", "\\udb40\\udc41"],
    ["the other ends of a line", "a\u2028b\u2029c\u0085", "a\\u2028b\\u2029c\\u0085"],
    ["half of a pair", "a\ud800b", "a\\ud800b"],
    ["a tab", "a\tb", "a\\tb"],
    ["other people's letters", "Größe 網路 🚢", "Größe 網路 🚢"],
  ])("%s", (_what, text, shown) => {
    expect(harmless(text)).toBe(shown);
  });

  test("what JSON holds stays what it was", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(JSON.parse(harmless(JSON.stringify(text)))).toBe(text);
      }),
    );
  });

  test("nothing is left that a terminal obeys, in any of the three", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(harmless(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u);
        expect(harmlessCell(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u);
        expect(harmlessLines(text).replaceAll(/[\n\t]/g, "")).not.toMatch(
          /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u,
        );
      }),
    );
  });
});

test("of several lines the lines stay", () => {
  expect(harmlessLines("a\n\tb\u001b[31m\r\nc")).toBe("a\n\tb\\u001b[31m\\r\nc");
});

test("in a table it is as wide as it was", () => {
  expect(harmlessCell("a\u001b[2J\nb")).toBe("a?[2J?b");
});

test("a warning is one line, whatever it repeats", () => {
  const fake = createFake();
  fake.sys.warn("hawser: resource \u001b]0;x\u0007\nhawser: all is well");
  expect(fake.warnings).toEqual(["hawser: resource \\u001b]0;x\\u0007\\nhawser: all is well"]);
});
