import { cut, longestShown } from "../cni/errors.ts";
import type { Json, JsonObject } from "../cni/json.ts";
import { findSyntaxMistake } from "../cni/json-syntax.ts";

/**
 * A text from outside as an error may show it: quoted, cut to a length, and nothing in it that a terminal obeys or that
 * only looks like another letter.
 */
export function quote(text: string): string {
  return JSON.stringify(cut(text)).replaceAll(/[^ -~]/g, escapeUnit);
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** A JSON parser's own words, cut and printable. They repeat a part of the text, under Bun a whole word of any length. */
export function plainReason(reason: string): string {
  return cut(reason, 2 * longestShown).replaceAll(/[^ -~]/g, "?");
}

/** Why a text is no JSON and where, `reason` being the parser's own words: the same under every engine. */
export function jsonMistake(text: string, reason: string): string {
  const mistake = findSyntaxMistake(text);
  if (mistake === undefined) return plainReason(reason);
  return `line ${mistake.line}, column ${mistake.column}: ${plainReason(mistake.why)}`;
}

/** The first items, and how many more there are. */
export function listed(items: readonly string[], atMost: number): string {
  const shown = items.slice(0, atMost).join(", ");
  return items.length > atMost ? `${shown} and ${items.length - atMost} more` : shown;
}

/** Whether Go's decoder, which Multus uses, takes the value for a missing key. */
export function isUnset(value: Json | undefined): boolean {
  return value === undefined || value === null || value === "";
}

export function areTexts(values: JsonObject): values is Record<string, string> {
  return Object.values(values).every((value) => typeof value === "string");
}
