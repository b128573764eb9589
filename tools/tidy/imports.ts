/** `type`: erased. `static`: loaded with the importer. `dynamic`: loaded when the code gets there. */
export type ImportKind = "type" | "static" | "dynamic";

export interface Import {
  readonly kind: ImportKind;
  /** As it is written: `node:fs`, `zod/mini`, `../sys/sys.ts`. */
  readonly specifier: string;
  readonly line: number;
}

const declared = /^(import|export)\b(\s+type\b(?!\s*(?:,|from\b)))?[^;"'()]*?(["'])( *)\3/gm;
const called = /\bimport\(\s*(["'])( *)\1/g;

/** All imports of a source, in order; `code` is `mask(text)`. */
export function findImports(text: string, code: string): Import[] {
  const lineOf = (index: number) => code.slice(0, index).split("\n").length;
  const at = (end: number, length: number) => text.slice(end - 1 - length, end - 1);
  const found: Import[] = [];
  for (const match of code.matchAll(declared)) {
    const [whole, keyword, type, , blanks = ""] = match;
    // `export const name = "..."` has a string too, and imports nothing.
    if (keyword === "export" && !/\bfrom\s*["']/.test(whole)) continue;
    const specifier = at(match.index + whole.length, blanks.length);
    found.push({ kind: type === undefined ? "static" : "type", specifier, line: lineOf(match.index) });
  }
  for (const match of code.matchAll(called)) {
    const [whole, , blanks = ""] = match;
    const specifier = at(match.index + whole.length, blanks.length);
    found.push({ kind: "dynamic", specifier, line: lineOf(match.index) });
  }
  return found.sort((a, b) => a.line - b.line);
}
