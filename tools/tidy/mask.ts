/**
 * The same text, of the same length and lines, with spaces for what comments, strings, templates and regular
 * expressions hold (their delimiters stay): what is left of it is code, and its braces match.
 */
export function mask(text: string): string {
  const out = [...text];
  let at = 0;
  while (at < text.length) at = skipCode(text, at, out, "");
  return out.join("");
}

/** Walks over code from `at` to behind the `}` that closes it, or to the end of the text when `closing` is empty. */
function skipCode(text: string, start: number, out: string[], closing: string): number {
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const char = text[at] ?? "";
    if (char === closing && depth === 0) return at + 1;
    if (char === "{") depth++;
    if (char === "}") depth--;
    at = skipToken(text, at, out);
  }
  return at;
}

function skipToken(text: string, at: number, out: string[]): number {
  const two = text.slice(at, at + 2);
  if (two === "//" || two === "#!") return blank(out, at, endOr(text, text.indexOf("\n", at)));
  if (two === "/*") return blank(out, at, endOr(text, text.indexOf("*/", at + 2) + 2, 2));
  const char = text[at];
  if (char === '"' || char === "'") return skipQuoted(text, at, out, char);
  if (char === "`") return skipTemplate(text, at, out);
  if (char === "/" && startsRegex(text.slice(0, at))) return skipRegex(text, at, out);
  return at + 1;
}

function skipQuoted(text: string, start: number, out: string[], quote: string): number {
  let at = start + 1;
  while (at < text.length && text[at] !== quote && text[at] !== "\n") at += text[at] === "\\" ? 2 : 1;
  blank(out, start + 1, at);
  return at + 1;
}

function skipTemplate(text: string, start: number, out: string[]): number {
  let at = start + 1;
  while (at < text.length && text[at] !== "`") {
    if (text.startsWith("${", at)) {
      blank(out, at, at + 2);
      const end = skipCode(text, at + 2, out, "}");
      at = blank(out, end - 1, end);
    } else {
      at = blank(out, at, at + (text[at] === "\\" ? 2 : 1));
    }
  }
  return at + 1;
}

function skipRegex(text: string, start: number, out: string[]): number {
  let at = start + 1;
  let inClass = false;
  while (at < text.length && text[at] !== "\n" && (inClass || text[at] !== "/")) {
    if (text[at] === "[") inClass = true;
    if (text[at] === "]") inClass = false;
    at += text[at] === "\\" ? 2 : 1;
  }
  blank(out, start + 1, at);
  return at + 1;
}

/** A slash divides after a value, and starts a regular expression after anything else. */
function startsRegex(before: string): boolean {
  const code = before.slice(-200).trimEnd();
  return /(^|[^\w$)\]}"'`])$/.test(code) || /\b(return|typeof|case|in|of|await|void)$/.test(code);
}

function blank(out: string[], from: number, to: number): number {
  for (let at = from; at < Math.min(to, out.length); at++) if (out[at] !== "\n") out[at] = " ";
  return to;
}

function endOr(text: string, found: number, offset = 0): number {
  return found === offset - 1 ? text.length : found;
}
