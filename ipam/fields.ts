import { cut } from "../cni/errors.ts";
import { foldKey } from "../cni/fold.ts";
import { type Json, type JsonObject, printJson } from "../cni/json.ts";
import { anyList, anyObject, list, type Notes, text } from "../cni/readers.ts";
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

/** An object, empty when it is absent. `place` is its own path. */
export function readObject(object: JsonObject, key: string, place: string, notes: Notes): JsonObject {
  return anyObject(fieldOf(object, key) ?? {}, place, notes) ?? {};
}

/** A value as an error shows it: without the password of a URL. */
export function show(value: Json): string {
  return cut(printJson(maskSecrets(value)));
}
