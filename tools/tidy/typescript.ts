import { type Comment, type Node, type Program, parseSync, type TemplateLiteral, Visitor } from "oxc-parser";

/** `type`: erased. `static`: loaded with the importer. `dynamic`: loaded when the code gets there. */
export type ImportKind = "type" | "static" | "dynamic";

export interface Import {
  readonly kind: ImportKind;
  /** The text of the import: `node:fs`, `yargs/helpers`, `../sys/sys.ts`. */
  readonly specifier: string;
  readonly line: number;
}

export interface FunctionSpan {
  /** A declared function's or a method's name; empty for the others. */
  readonly name: string;
  readonly line: number;
  readonly lines: number;
}

/** What the checks want to know of a TypeScript source. */
export interface ParsedSource {
  readonly imports: readonly Import[];
  /** Every function that has a body in braces, nested ones too, but no body of a suite of tests. */
  readonly functions: readonly FunctionSpan[];
  /** The names of the interfaces, types and classes that it exports. */
  readonly exportedTypes: readonly string[];
  /** Whether the file has a function or a class. A file of types and tables is proved by the files that use it. */
  readonly doesSomething: boolean;
  /** The text, with spaces for its comments and for the insides of its strings, templates and regular expressions. */
  readonly code: string;
}

/** The body of one of these is a list of tests, not something that a reader has to follow. */
const suites = new Set(["describe", "suite", "suiteOfOne"]);

/** Throws where the text is no TypeScript: the compiler has told that before. */
export function parse(path: string, text: string): ParsedSource {
  const { program, comments, errors } = parseSync(path, text);
  if (errors[0] !== undefined) throw new Error(`${path}: ${errors[0].message}`);
  const lineOf = lineFinder(text);
  return {
    imports: findImports(program, lineOf),
    ...findFunctions(program, lineOf),
    exportedTypes: program.body.flatMap((statement) => exportedType(statement) ?? []),
    code: blankOut(text, program, comments),
  };
}

type LineOf = (offset: number) => number;

function lineFinder(text: string): LineOf {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    const next = starts.findIndex((start) => start > offset);
    return next < 0 ? starts.length : next;
  };
}

function findImports(program: Program, lineOf: LineOf): Import[] {
  const found: Import[] = [];
  const note = (kind: ImportKind, { start }: Node, source: Node | null): void => {
    if (source?.type !== "Literal" || typeof source.value !== "string") return;
    found.push({ kind, specifier: source.value, line: lineOf(start) });
  };
  const kindOf = (kind: "type" | "value" | undefined) => (kind === "type" ? "type" : "static");
  new Visitor({
    ImportDeclaration: (node) => note(kindOf(node.importKind), node, node.source),
    ExportNamedDeclaration: (node) => note(kindOf(node.exportKind), node, node.source),
    ExportAllDeclaration: (node) => note(kindOf(node.exportKind), node, node.source),
    ImportExpression: (node) => note("dynamic", node, node.source),
    TSImportType: (node) => note("type", node, node.source),
  }).visit(program);
  return found;
}

function findFunctions(program: Program, lineOf: LineOf): Pick<ParsedSource, "functions" | "doesSomething"> {
  const functions: FunctionSpan[] = [];
  const names = new Map<Node, string>();
  const bodiesOfSuites = new Set<Node>();
  let doesSomething = false;
  const note = (node: Node, name: string, body: Node | null): void => {
    doesSomething = true;
    if (body?.type !== "BlockStatement" || bodiesOfSuites.has(node)) return;
    const line = lineOf(node.start);
    functions.push({ name, line, lines: lineOf(node.end) - line + 1 });
  };
  const nameValue = ({ key, value }: { key: Node; value: Node | null }): void => {
    if (value !== null && key.type === "Identifier") names.set(value, key.name);
  };
  new Visitor({
    CallExpression(node) {
      if (suites.has(calledName(node))) for (const argument of node.arguments) bodiesOfSuites.add(argument);
    },
    ClassDeclaration() {
      doesSomething = true;
    },
    MethodDefinition: nameValue,
    Property: nameValue,
    FunctionDeclaration: (node) => note(node, node.id?.name ?? "", node.body),
    FunctionExpression: (node) => note(node, names.get(node) ?? node.id?.name ?? "", node.body),
    ArrowFunctionExpression: (node) => note(node, "", node.body),
  }).visit(program);
  return { functions, doesSomething };
}

/** `describe` of `describe.each([...])("...", () => {})`. */
function calledName(node: Node): string {
  if (node.type === "CallExpression") return calledName(node.callee);
  if (node.type === "MemberExpression") return calledName(node.object);
  return node.type === "Identifier" ? node.name : "";
}

function exportedType(statement: Node): string | undefined {
  const declaration = statement.type === "ExportNamedDeclaration" ? statement.declaration : null;
  switch (declaration?.type) {
    case "TSInterfaceDeclaration":
    case "TSTypeAliasDeclaration":
    case "ClassDeclaration":
      return declaration.id?.name;
    default:
      return undefined;
  }
}

function blankOut(text: string, program: Program, comments: readonly Comment[]): string {
  const out = text.split("");
  const blank = (from: number, to: number): void => {
    for (let at = from; at < to; at++) if (out[at] !== "\n") out[at] = " ";
  };
  for (const { start, end } of comments) blank(start, end);
  if (program.hashbang !== null) blank(program.hashbang.start, program.hashbang.end);
  const blankTexts = ({ start, end, quasis }: Pick<TemplateLiteral, "start" | "end" | "quasis">): void => {
    for (const each of quasis) blank(Math.max(each.start, start + 1), Math.min(each.end, end - 1));
  };
  new Visitor({
    Literal(node) {
      if ("regex" in node) blank(node.start + 1, node.start + 1 + node.regex.pattern.length);
      else if (typeof node.value === "string") blank(node.start + 1, node.end - 1);
    },
    TemplateLiteral: blankTexts,
    TSTemplateLiteralType: blankTexts,
  }).visit(program);
  return out.join("");
}
