import { encodingProblem } from "./json.ts";

/** Where a text stops being JSON, and what is wrong there. Lines and columns are counted from 1. */
export interface SyntaxMistake {
  readonly line: number;
  readonly column: number;
  readonly why: string;
}

/** The deepest nesting that is looked into. `parseJson` refuses a deeper one anyway. */
const maxDepth = 200;

/** How far the reading has come. It changes. */
interface Cursor {
  readonly text: string;
  at: number;
}

/**
 * Finds the first mistake. Undefined if there is none, or if it is nested too deep. The engines describe a mistake in different
 * words, and Bun does not say where it is. This is called only for a text that the engine has refused.
 */
export function findSyntaxMistake(text: string): SyntaxMistake | undefined {
  const encoding = encodingProblem(text);
  if (encoding !== undefined) return { line: 1, column: 1, why: encoding };
  const cursor: Cursor = { text, at: 0 };
  const why = valueMistake(cursor, 0) ?? endMistake(cursor);
  if (why === undefined || why === tooDeep) return undefined;
  const before = text.slice(0, cursor.at).split("\n");
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1, why };
}

const tooDeep = "too deep";

/** Each of these functions reads on as long as it can, returns what is wrong, and leaves the cursor there. */
function valueMistake(cursor: Cursor, depth: number): string | undefined {
  if (depth > maxDepth) return tooDeep;
  skipBlanks(cursor);
  switch (cursor.text[cursor.at]) {
    case "{":
      return listMistake(cursor, "}", () => memberMistake(cursor, depth));
    case "[":
      return listMistake(cursor, "]", () => valueMistake(cursor, depth + 1));
    case '"':
      return stringMistake(cursor);
    default:
      return take(cursor, /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y)
        ? undefined
        : expected(cursor, "a value");
  }
}

function listMistake(cursor: Cursor, close: string, item: () => string | undefined): string | undefined {
  cursor.at++;
  skipBlanks(cursor);
  if (cursor.text[cursor.at] === close) {
    cursor.at++;
    return undefined;
  }
  for (;;) {
    const why = item();
    if (why !== undefined) return why;
    skipBlanks(cursor);
    const next = cursor.text[cursor.at];
    if (next !== "," && next !== close) return expected(cursor, `"," or "${close}"`);
    cursor.at++;
    if (next === close) return undefined;
  }
}

function memberMistake(cursor: Cursor, depth: number): string | undefined {
  skipBlanks(cursor);
  if (cursor.text[cursor.at] !== '"') return expected(cursor, "a key in double quotes");
  const why = stringMistake(cursor);
  if (why !== undefined) return why;
  skipBlanks(cursor);
  if (cursor.text[cursor.at] !== ":") return expected(cursor, '":"');
  cursor.at++;
  return valueMistake(cursor, depth + 1);
}

function stringMistake(cursor: Cursor): string | undefined {
  const start = cursor.at++;
  for (;;) {
    take(cursor, /[ !#-[\]-\uffff]*/y);
    const next = cursor.text[cursor.at];
    if (next === undefined) {
      cursor.at = start;
      return "this string does not end";
    }
    if (next === '"') {
      cursor.at++;
      return undefined;
    }
    if (next !== "\\") return "a string holds no line break and no other control character";
    if (!take(cursor, /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y)) return "there is no such escape in a string";
  }
}

function endMistake(cursor: Cursor): string | undefined {
  skipBlanks(cursor);
  return cursor.at === cursor.text.length ? undefined : expected(cursor, "nothing more");
}

function skipBlanks(cursor: Cursor): void {
  take(cursor, /[ \t\n\r]*/y);
}

function take(cursor: Cursor, pattern: RegExp): boolean {
  pattern.lastIndex = cursor.at;
  const isThere = pattern.test(cursor.text);
  if (isThere) cursor.at = pattern.lastIndex;
  return isThere;
}

function expected({ text, at }: Cursor, what: string): string {
  const found = String.fromCodePoint(text.codePointAt(at) ?? 0);
  return `expected ${what}, found ${at < text.length ? JSON.stringify(found) : "the end"}`;
}
