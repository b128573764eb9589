import { fail, type Outcome, ok } from "../sys/outcome.ts";

/**
 * JSON that loses nothing. A number that JavaScript cannot represent exactly (12345678901234567890, 1.0, 1e400) stays
 * the text that it was, so that a delegate's configuration arrives digit for digit (CNI 1.1.0, section 4, "derived
 * configuration").
 */
export type Json = null | boolean | number | string | ExactNumber | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}
/** A number kept as text. It can be printed again, and nothing else can be done with it. */
export interface ExactNumber {
  readonly rawJSON: string;
}

interface SourceContext {
  readonly source?: string;
}
type SourceReviver = (key: string, value: unknown, context: SourceContext) => unknown;
/** ES2026, in Bun and Node >= 22; TypeScript's library does not describe it yet. */
const engine = JSON as unknown as {
  parse(text: string, reviver: SourceReviver): Json;
  rawJSON(text: string): ExactNumber;
  isRawJSON(value: unknown): boolean;
};

/**
 * The deepest nesting. It is far below any engine's own limit, so that a document can be put into a record and read
 * again.
 */
const maxDepth = 200;

/** `deeper` is for documents of our own, which contain other documents. */
export function parseJson(text: string, deeper = 0): Outcome<Json, string> {
  const encoding = encodingProblem(text);
  if (encoding !== undefined) return fail(encoding);
  if (mayBeDeep(text, maxDepth + deeper) && depthOf(text) > maxDepth + deeper)
    return fail("arrays or objects are nested too deeply");
  try {
    return ok(engine.parse(text, keepExact));
  } catch (error) {
    if (error instanceof SyntaxError) return fail(error.message);
    // The engine's stack has ended, after a few thousand levels. Its own message says nothing of the text.
    if (error instanceof RangeError) return fail("arrays or objects are nested too deeply");
    throw error;
  }
}

/**
 * Refuses the byte order mark that editors of Windows put before a text. Go's decoder, and so every other CNI program,
 * refuses it as well. The parser's own message would show a character that nobody sees.
 */
export function encodingProblem(text: string): string | undefined {
  if (text.startsWith("\ufeff"))
    return "it begins with a byte order mark (BOM), which is no JSON: save it as UTF-8 without BOM";
  const head = text.slice(0, 3);
  if (!head.includes("\0") && !head.startsWith("\ufffd")) return undefined;
  // Read as UTF-8, its byte order mark comes out as two replacement characters.
  if (/^(?:\ufffd{2}|\0?[[{"]\0)/.test(text)) return "it is UTF-16: save it as UTF-8";
  return undefined;
}

/**
 * Splits a text after each point where all braces are closed: a program may print several objects. A piece may begin
 * with other words.
 */
export function objectsIn(text: string): string[] {
  const pieces: string[] = [];
  let depth = 0;
  let start = 0;
  let isInText = false;
  for (const { 0: found, index } of text.matchAll(/\\.|["{}]/gs)) {
    if (found === '"') isInText = !isInText;
    if (isInText || (found !== "{" && found !== "}")) continue;
    depth += found === "{" ? 1 : -1;
    if (depth > 0) continue;
    pieces.push(text.slice(start, index + 1));
    start = index + 1;
    depth = 0;
  }
  const rest = text.slice(start);
  return rest.trim() === "" ? pieces : [...pieces, rest];
}

/**
 * A text with no more brackets than allowed levels cannot be too deep. So its characters need not be looked at, which
 * an engine that has just started does slowly.
 */
function mayBeDeep(text: string, levels: number): boolean {
  return text.split("{").length + text.split("[").length - 2 > levels;
}

/** How deep brackets are nested, outside of strings. Of a text that is no JSON the answer means nothing. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (inString) {
      if (character === "\\") at++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === "[" || character === "{") deepest = Math.max(deepest, ++depth);
    else if (character === "]" || character === "}") depth--;
  }
  return deepest;
}

function keepExact(_key: string, value: unknown, context: SourceContext): unknown {
  if (typeof value !== "number" || context.source === undefined) return value;
  return String(value) === context.source ? value : engine.rawJSON(context.source);
}

export function printJson(value: unknown): string {
  return JSON.stringify(value);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !engine.isRawJSON(value);
}

/** The same object without some of its keys. */
export function without(object: JsonObject, ...keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}
