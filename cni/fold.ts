import type { JsonObject } from "./json.ts";

/**
 * Go's encoding/json takes a key in any case for the field that it folds to. So whoever decides by a key, and then hands
 * the document to a Go program, has to know what that program will take the key for.
 *
 * Two keys are the same field when they are equal after simple case folding (Go: foldName in encoding/json/fold.go). A
 * field's name is ASCII, and beside the ASCII letters two characters only fold into it: U+017F (long s) to s and U+212A
 * (Kelvin sign) to k. toLowerCase is another thing: it leaves the long s, and makes an i with a dot of U+0130.
 */
export function foldKey(key: string): string {
  return isAscii(key) ? key.toLowerCase() : foldOther(key);
}

function isAscii(key: string): boolean {
  for (let at = 0; at < key.length; at++) if (key.charCodeAt(at) > 0x7f) return false;
  return true;
}

/** Hardly any key comes here, so hardly any process compiles the expression. */
function foldOther(key: string): string {
  return key.replace(/[A-Z\u017F\u212A]/g, toFolded);
}

function toFolded(character: string): string {
  if (character === "\u017F") return "s";
  return character === "\u212A" ? "k" : character.toLowerCase();
}

/** A key, and what a Go program takes it for. */
export interface FoldedTwin {
  readonly key: string;
  readonly known: string;
}

/**
 * The keys of the object that Go takes for another: those that fold to a known key and are not spelled as it is, and those
 * that fold to an earlier key of the same object. Looks at the object's own keys, not at what lies within their values.
 */
export function foldedTwins(object: JsonObject, known: readonly string[]): FoldedTwin[] {
  const byFold = new Map(known.map((name) => [foldKey(name), name]));
  const twins: FoldedTwin[] = [];
  for (const key of Object.keys(object)) {
    const folded = foldKey(key);
    const other = byFold.get(folded);
    if (other === undefined) byFold.set(folded, key);
    else if (other !== key) twins.push({ key, known: other });
  }
  return twins;
}
