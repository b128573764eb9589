import { cut } from "./errors.ts";
import { foldKey } from "./fold.ts";
import { type Json, type JsonObject, printJson } from "./json.ts";
import { anyList, anyObject, list, type Notes, text } from "./readers.ts";
import { maskSecrets } from "./secrets.ts";

/**
 * Reads a field by its name, in upper or lower case. The reference plugins are Go programs, which read `rangestart` as
 * `rangeStart`: if we ignored it, the range would be wider than the operator wants. Null means absent.
 */
export function fieldOf(object: JsonObject, key: string): Json | undefined {
  const exact = object[key] ?? undefined;
  if (exact !== undefined) return exact;
  // Folding keeps the length, and nearly all keys have another one. So the comparison of lengths saves time.
  const similar = Object.keys(object).find(
    (each) => each.length === key.length && foldKey(each) === foldKey(key),
  );
  return similar === undefined ? undefined : (object[similar] ?? undefined);
}

/** Reads a text, which is empty if the field is absent. If the value is no text, it is undefined and a problem is noted. */
export function readText(object: JsonObject, key: string, place: string, notes: Notes): string | undefined {
  return text(fieldOf(object, key) ?? "", `${place}.${key}`, notes);
}

export function readTexts(object: JsonObject, key: string, place: string, notes: Notes): string[] {
  return texts(fieldOf(object, key) ?? [], `${place}.${key}`, notes) ?? [];
}
const texts = list(text);

export function readEntries(object: JsonObject, key: string, place: string, notes: Notes): Json[] {
  return anyList(fieldOf(object, key) ?? [], `${place}.${key}`, notes) ?? [];
}

/** Reads an object, which is empty if the field is absent. `place` is the path of the object itself. */
export function readObject(object: JsonObject, key: string, place: string, notes: Notes): JsonObject {
  return anyObject(fieldOf(object, key) ?? {}, place, notes) ?? {};
}

/** Prints a value for an error, without the password of a URL. */
export function show(value: Json): string {
  return cut(printJson(maskSecrets(value)));
}
