/**
 * The one place where texts of others (tenants, delegates, servers, file names) are made fit for a log or a terminal.
 * Whatever goes to stderr, into an error document or to a terminal passes here; nobody above has to remember to.
 *
 * Shown by its number is what a terminal obeys (C0, DEL, C1), what reorders or hides text (bidirectional controls,
 * zero-width characters, tags), what ends a line, and half of a surrogate pair. Everything else stays as it is: names in
 * Chinese are not an attack.
 */
const dangerous = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const dangerousInLines = /[^\P{Cc}\n\t]|[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

const short: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** The text for one line. Numbers of characters are written as in JSON, so that JSON stays JSON. */
export function harmless(text: string): string {
  return text.replace(dangerous, numbered);
}

/** The text for several lines: line ends and tabs stay. */
export function harmlessLines(text: string): string {
  return text.replace(dangerousInLines, numbered);
}

/** The text for one line of the same width, because each character counts in a table. */
export function harmlessCell(text: string): string {
  return text.replace(dangerous, "?");
}

function numbered(character: string): string {
  return (
    short[character] ?? Array.from({ length: character.length }, (_, at) => unit(character, at)).join("")
  );
}

function unit(text: string, at: number): string {
  return `\\u${text.charCodeAt(at).toString(16).padStart(4, "0")}`;
}
