import type { CST, Lexer, ScalarTag, Tags } from "yaml";
import { isObject, type Json, objectsIn, parseJson } from "../cni/json.ts";
import { fail, type Outcome, ok } from "../sys/outcome.ts";

/*
 * YAML as kubectl and client-go read it (sigs.k8s.io/yaml on go-yaml 2), in one place for everybody here who reads YAML. They
 * take more than YAML 1.2 allows: inside of quotes and brackets they look neither at indentation nor at tabs, a key may come
 * twice, a byte order mark may come first. Words are those of YAML 1.1: `yes` is true.
 */

/** The documents of a file as `kubectl apply -f` tells them apart; empty ones are left out. */
export async function readDocuments(text: string): Promise<Outcome<Json[], string>> {
  const documents: Json[] = [];
  for (const { source, line } of splitDocuments(text)) {
    const objects = readJsonObjects(source) ?? (await parseYaml(source, line));
    if (!objects.ok) return objects;
    documents.push(...objects.value);
  }
  return ok(documents.filter((each) => each !== null));
}

/** The first document of a text, as client-go reads a kubeconfig; null where there is none. */
export async function readDocument(text: string): Promise<Outcome<Json, string>> {
  const source = withoutByteOrderMark(text);
  const json = parseJson(source);
  if (json.ok) return json;
  const documents = await parseYaml(source, 1);
  return documents.ok ? ok(documents.value[0] ?? null) : documents;
}

interface Part {
  readonly source: string;
  /** The line of the file that it begins in, counted from 1. */
  readonly line: number;
}

/** kubectl divides a file before it reads it, at each line of three dashes. What follows these in their line stays. */
function splitDocuments(text: string): Part[] {
  let line = 1;
  return text.split(/^---(?=\s|$)/m).map((source) => {
    const part = { source: withoutByteOrderMark(source), line };
    line += source.split("\n").length - 1;
    return part;
  });
}

export function withoutByteOrderMark(text: string): string {
  return text.replace(/^\s*\ufeff/, "");
}

/** Objects in JSON, one after the other as kubectl takes them; undefined for anything else, which YAML may understand. */
function readJsonObjects(text: string): Outcome<Json[], string> | undefined {
  if (!text.trimStart().startsWith("{")) return undefined;
  const objects: Json[] = [];
  for (const source of objectsIn(text)) {
    const json = parseJson(source);
    if (!json.ok) return undefined;
    objects.push(json.value);
  }
  return ok(objects);
}

const options = {
  version: "1.1",
  strict: false,
  uniqueKeys: false,
  intAsBigInt: true,
  logLevel: "error",
} as const;

/** Every document of a part; the library's `...` divides as well. */
async function parseYaml(source: string, line: number): Promise<Outcome<Json[], string>> {
  const yaml = await import("yaml");
  const counter = new yaml.LineCounter();
  counter.addNewLine(0);
  const parser = new yaml.Parser(counter.addNewLine);
  const composer = new yaml.Composer({ ...options, customTags });
  try {
    const documents: Json[] = [];
    for (const document of composer.compose(tokensOf(new yaml.Lexer(), parser, source), true)) {
      const [error] = document.errors;
      if (error !== undefined) {
        const at = counter.linePos(error.pos[0]);
        return fail(`${error.message} at line ${at.line + line - 1}, column ${at.col}`);
      }
      documents.push(toJson(document.toJS()));
    }
    return ok(documents);
  } catch (error) {
    // Aliases that multiply without end, and nesting without end, are refused by an exception.
    return fail(error instanceof Error ? error.message : String(error));
  }
}

/** The parts of the library's lexer that are loosened here. The library's types call them private. */
interface LooseLexer {
  indentNext: number;
  parseQuotedScalar(): Generator<string, unknown>;
  parseFlowCollection(): Generator<string, unknown>;
}

function* tokensOf(
  lexer: Lexer,
  parser: { next(source: string): Generator<CST.Token>; end(): Generator<CST.Token> },
  text: string,
): Generator<CST.Token> {
  loosen(lexer as unknown as LooseLexer);
  for (const lexeme of lexer.lex(text)) yield* parser.next(lexeme);
  yield* parser.end();
}

/** Within quotes and brackets a line may be indented in any way, also by tabs. */
function loosen(lexer: LooseLexer): void {
  for (const method of ["parseQuotedScalar", "parseFlowCollection"] as const) {
    const strict = lexer[method];
    lexer[method] = function* (this: LooseLexer) {
      const { indentNext } = this;
      this.indentNext = 0;
      const next = yield* strict.call(this);
      this.indentNext = indentNext;
      return next;
    };
  }
}

/** The scalars of YAML 1.1, but for what sigs.k8s.io/yaml leaves text (times, numbers to the base of 60) or reads otherwise. */
function customTags(tags: Tags): Tags {
  const left = tags.filter(
    (tag) => typeof tag === "string" || (tag.tag !== timestamp && tag.format !== "TIME"),
  );
  return [...left.filter((tag) => typeof tag === "string" || tag.tag !== binary.tag), octal, binary];
}

const timestamp = "tag:yaml.org,2002:timestamp";

const octal: ScalarTag = {
  tag: "tag:yaml.org,2002:int",
  default: true,
  test: /^[-+]?0o[0-7]+$/,
  resolve: (text) => Number(text.replace(/^[-+]/, "")) * (text.startsWith("-") ? -1 : 1),
};

const binary: ScalarTag = {
  tag: "tag:yaml.org,2002:binary",
  resolve: (text) => new TextDecoder().decode(Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0))),
};

/** Keeps large numbers digit for digit. */
function toJson(value: unknown): Json {
  if (typeof value === "bigint" || typeof value === "number") {
    const number = parseJson(String(value));
    return number.ok ? number.value : String(value);
  }
  if (Array.isArray(value)) return value.map(toJson);
  if (!isObject(value)) return typeof value === "string" || typeof value === "boolean" ? value : null;
  return Object.fromEntries(Object.entries(value).map(([key, each]): [string, Json] => [key, toJson(each)]));
}
