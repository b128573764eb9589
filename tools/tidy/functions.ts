export interface FunctionSpan {
  /** What stands before its parameters; empty for most arrow functions. */
  readonly name: string;
  readonly line: number;
  readonly lines: number;
}

const noFunctions = new Set(["if", "for", "while", "switch", "catch", "with", "return", "await", "typeof"]);
const noNames = new Set(["async", "function"]);
const opening = "([{<";
const closing = ")]}>";

/** Every function that has a body in braces, nested ones too; `code` is what `mask` leaves. */
export function findFunctions(code: string): FunctionSpan[] {
  const lineOf = (index: number) => code.slice(0, index).split("\n").length;
  const found: FunctionSpan[] = [];
  for (let at = code.indexOf("("); at >= 0; at = code.indexOf("(", at + 1)) {
    const name = /([\w$#]*)\s*(?:<[^()]*>)?$/.exec(code.slice(Math.max(0, at - 200), at))?.[1] ?? "";
    if (noFunctions.has(name)) continue;
    const body = bodyBehind(code, matching(code, at));
    if (body === undefined) continue;
    const line = lineOf(at);
    const lines = lineOf(matching(code, body)) - line + 1;
    found.push({ name: noNames.has(name) ? "" : name, line, lines });
  }
  return found;
}

/** Where the `{` of the body is, behind parameters that end before `at`; undefined when these were no parameters. */
function bodyBehind(code: string, at: number): number | undefined {
  const start = skipSpace(code, at + 1);
  if (code[start] === "{") return start;
  const end = code[start] === ":" ? skipType(code, start + 1) : start;
  if (!code.startsWith("=>", end)) return code[end] === "{" ? end : undefined;
  const body = skipSpace(code, end + 2);
  return code[body] === "{" ? body : undefined;
}

/** To the first `{` or `=>` that is no part of the type, or to what ends a declaration without a body. */
function skipType(code: string, start: number): number {
  let at = skipSpace(code, start);
  let wantsOperand = true;
  while (at < code.length) {
    const char = code[at] ?? "";
    if (code.startsWith("=>", at)) return at;
    if (";,)=]}".includes(char) || (char === "{" && !wantsOperand)) return at;
    if (opening.includes(char)) at = matching(code, at);
    wantsOperand =
      "|&:?".includes(char) ||
      /\b(is|keyof|typeof|extends|readonly|asserts)$/.test(code.slice(at - 8, at + 1));
    at = skipSpace(code, at + 1);
  }
  return at;
}

/** The bracket that closes the one at `open`; the end of the text when there is none. */
function matching(code: string, open: number): number {
  // Angle brackets are brackets in types only: elsewhere they compare and shift.
  const isType = code[open] === "<";
  let depth = 0;
  for (let at = open; at < code.length; at++) {
    const char = code[at] ?? "";
    if (!isType && "<>".includes(char)) continue;
    if (opening.includes(char)) depth++;
    else if (closing.includes(char) && code.slice(at - 1, at + 1) !== "=>") depth--;
    if (depth === 0) return at;
  }
  return code.length;
}

function skipSpace(code: string, start: number): number {
  let at = start;
  while (/\s/.test(code[at] ?? "")) at++;
  return at;
}
