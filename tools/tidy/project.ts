import { posix } from "node:path";
import { type Import, type ParsedSource, parse } from "./typescript.ts";

/** One file of the project. If it is no TypeScript, its parsed parts are empty. */
export interface SourceFile extends ParsedSource {
  /** The path from the top of the project: `cni/chain.ts`. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly (Import & { readonly target: string | undefined })[];
}

const unparsed: ParsedSource = {
  imports: [],
  functions: [],
  exportedTypes: [],
  doesSomething: false,
  code: "",
};

export type Project = ReadonlyMap<string, SourceFile>;

/** What is wrong, where, and what to do. */
export interface Violation {
  readonly path: string;
  readonly line?: number;
  readonly message: string;
}

export function makeProject(texts: Readonly<Record<string, string>>): Project {
  const choices = readChoices(texts["package.json"] ?? "{}");
  return new Map(Object.entries(texts).map(([path, text]) => [path, makeSource(path, text, choices)]));
}

/** The files that an import of `#name` may be, by the name: the bundler chooses one of them. */
type Choices = Readonly<Record<string, readonly string[]>>;

function readChoices(packageJson: string): Choices {
  const { imports = {} } = JSON.parse(packageJson) as { imports?: Record<string, Record<string, string>> };
  return Object.fromEntries(
    Object.entries(imports).map(([name, files]) => [name, Object.values(files).map(posix.normalize)]),
  );
}

function makeSource(path: string, text: string, choices: Choices): SourceFile {
  const parsed = path.endsWith(".ts") ? parse(path, text) : unparsed;
  const imports = parsed.imports.flatMap((each) =>
    resolve(path, each.specifier, choices).map((target) => ({ ...each, target })),
  );
  return { ...parsed, path, text, imports };
}

function resolve(importer: string, specifier: string, choices: Choices): readonly (string | undefined)[] {
  if (specifier.startsWith(".")) return [posix.join(posix.dirname(importer), specifier)];
  return choices[specifier] ?? [undefined];
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
