import { posix } from "node:path";
import { findImports, type Import } from "./imports.ts";
import { mask } from "./mask.ts";

/** One file of the project. `code` and `imports` are empty where it is no TypeScript. */
export interface SourceFile {
  /** From the top of the project: `cni/chain.ts`. */
  readonly path: string;
  readonly text: string;
  /** The text without what comments and strings hold. */
  readonly code: string;
  readonly imports: readonly (Import & { readonly target: string | undefined })[];
}

export type Project = ReadonlyMap<string, SourceFile>;

/** What is wrong, where, and what to do. */
export interface Violation {
  readonly path: string;
  readonly line?: number;
  readonly message: string;
}

export function makeProject(texts: Readonly<Record<string, string>>): Project {
  return new Map(Object.entries(texts).map(([path, text]) => [path, makeSource(path, text)]));
}

function makeSource(path: string, text: string): SourceFile {
  if (!path.endsWith(".ts")) return { path, text, code: "", imports: [] };
  const code = mask(text);
  const imports = findImports(text, code).map((each) => ({ ...each, target: resolve(path, each.specifier) }));
  return { path, text, code, imports };
}

function resolve(importer: string, specifier: string): string | undefined {
  return specifier.startsWith(".") ? posix.join(posix.dirname(importer), specifier) : undefined;
}

/** `*` is any name, `**` any path. */
export function matches(path: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => posix.matchesGlob(path, pattern));
}

export function isTest(path: string): boolean {
  return path.endsWith(".test.ts");
}

export function sourcesOf(project: Project): SourceFile[] {
  return [...project.values()].filter(({ path }) => path.endsWith(".ts"));
}

/** Every file that `roots` load, themselves included; `kinds` says which imports are followed. */
export function reachable(
  project: Project,
  roots: readonly string[],
  kinds: readonly Import["kind"][] = ["type", "static", "dynamic"],
): Set<string> {
  const reached = new Set<string>();
  const pending = roots.filter((path) => project.has(path));
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    const imports = project.get(path)?.imports ?? [];
    for (const { kind, target } of imports) {
      if (target !== undefined && kinds.includes(kind) && project.has(target)) pending.push(target);
    }
  }
  return reached;
}
