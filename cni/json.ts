import { fail, type Outcome, ok } from "../sys/outcome.ts";

/**
 * JSON that loses nothing: a number that JavaScript cannot hold exactly (12345678901234567890, 1.0, 1e400) stays the
 * text that it was, so that a delegate's configuration arrives digit for digit (CNI 1.1.0, section 4, "derived
 * configuration").
 */
export type Json = null | boolean | number | string | ExactNumber | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}
/** A number kept as text. Opaque: it can be printed again and nothing else. */
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

export function parseJson(text: string): Outcome<Json, string> {
  try {
    return ok(engine.parse(text, keepExact));
  } catch (error) {
    if (error instanceof SyntaxError) return fail(error.message);
    // The engine's stack, a few thousand levels; its own message says nothing of the text.
    if (error instanceof RangeError) return fail("arrays or objects are nested too deeply");
    throw error;
  }
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
