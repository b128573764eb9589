import { kindOf } from "../cni/config.ts";
import { cut } from "../cni/errors.ts";
import { foldKey } from "../cni/fold.ts";
import { isObject, type Json, type JsonObject, printJson } from "../cni/json.ts";
import { maskSecrets } from "../cni/secrets.ts";

/**
 * A field by its name, written in whatever case: the reference plugins, being Go programs, read `rangestart` as
 * `rangeStart`, and a range silently widened would be the price of not doing so. Null is absent.
 */
export function fieldOf(object: JsonObject, key: string): Json | undefined {
  const exact = object[key] ?? undefined;
  if (exact !== undefined) return exact;
  // Folding keeps the length, and nearly all keys differ in it.
  const similar = Object.keys(object).find(
    (each) => each.length === key.length && foldKey(each) === foldKey(key),
  );
  return similar === undefined ? undefined : (object[similar] ?? undefined);
}

/** A text, empty when it is absent; undefined, and a problem more, when it is something else. */
export function readText(
  object: JsonObject,
  key: string,
  place: string,
  problems: string[],
): string | undefined {
  const value = fieldOf(object, key) ?? "";
  if (typeof value === "string") return value;
  problems.push(`${place}.${key}: is ${kindOf(value)}, not a string`);
  return undefined;
}

export function readTexts(object: JsonObject, key: string, place: string, problems: string[]): string[] {
  const list = readList(object, key, place, problems);
  return list.flatMap((value, index) => {
    if (typeof value === "string") return [value];
    problems.push(`${place}.${key}[${index}]: is ${kindOf(value)}, not a string`);
    return [];
  });
}

export function readList(object: JsonObject, key: string, place: string, problems: string[]): Json[] {
  const value = fieldOf(object, key) ?? [];
  if (Array.isArray(value)) return value;
  problems.push(`${place}.${key}: is ${kindOf(value)}, not an array`);
  return [];
}

/** An object, empty when it is absent. `place` is its own path. */
export function readObject(object: JsonObject, key: string, place: string, problems: string[]): JsonObject {
  const value = fieldOf(object, key) ?? {};
  if (isObject(value)) return value;
  problems.push(`${place}: is ${kindOf(value)}, not an object`);
  return {};
}

/** A value as an error shows it: without the password of a URL. */
export function show(value: Json): string {
  return cut(printJson(maskSecrets(value)));
}
