import {
  isTest,
  matches,
  type Project,
  reachable,
  type SourceFile,
  sourcesOf,
  type Violation,
} from "./project.ts";
import type { Layer, Rules, WordRule } from "./rules.ts";

export type Check = (project: Project, rules: Rules) => Violation[];

/**
 * Checks who may import whom (CONTRIBUTING.md, "The house"). Imports of types count as well: a judge must not even know the
 * types.
 */
export const checkDirections: Check = (project, { layers, testHelpers }) => {
  return sourcesOf(project).flatMap(({ path, imports }) =>
    imports.flatMap(({ target, specifier, line }) => {
      if (target === undefined) return [];
      const problem = directionProblem(path, target, layers, testHelpers);
      return problem === undefined ? [] : [{ path, line, message: `imports ${specifier}: ${problem}` }];
    }),
  );
};

function directionProblem(
  from: string,
  to: string,
  layers: readonly Layer[],
  testHelpers: readonly string[],
): string | undefined {
  if (matches(to, testHelpers)) {
    const may = isTest(from) || matches(from, [...testHelpers, "tools/**", "bench/**"]);
    return may ? undefined : "only tests, tools and the bench may";
  }
  const layer = layers.find(({ folder }) => from.startsWith(`${folder}/`));
  const folder = to.slice(0, to.indexOf("/"));
  if (layer === undefined)
    return from.includes("/") ? `its folder has no layer in tools/tidy/rules.ts` : undefined;
  if (folder !== layer.folder) {
    const allowed = layer.imports.join(", ") || "nothing outside itself";
    return layer.imports.includes(folder) ? undefined : `${layer.folder} may import ${allowed}`;
  }
  const [here, there] = [from, to].map((path) => path.split("/").slice(1, -1)[0]);
  if (layer.separate !== true || here === undefined || there === undefined || here === there)
    return undefined;
  if (there === layer.shared) return undefined;
  return `parts of ${folder} never import each other; what they share lies above them`;
}

export const checkPackages: Check = (project, { packages }) =>
  sourcesOf(project).flatMap(({ path, imports }) =>
    imports.flatMap(({ target, specifier, line }) => {
      if (target !== undefined) return [];
      const rule = packages.find(({ name }) => name.test(specifier));
      if (rule === undefined)
        return [{ path, line, message: `imports ${specifier}: no rule of tools/tidy allows it` }];
      const message = `imports ${specifier}: ${rule.why}`;
      return matches(path, rule.importers) ? [] : [{ path, line, message }];
    }),
  );

/** The modules that a verb loads at its start may import nothing slow. */
export const checkHotPath: Check = (project, { hotPath }) => {
  const entries = [...project.keys()].filter((path) => matches(path, hotPath.entries));
  const loaded = reachable(project, entries, ["static"]);
  return [...loaded].flatMap((path) =>
    (project.get(path)?.imports ?? []).flatMap(({ kind, specifier, target, line }) => {
      const slow =
        hotPath.packages.test(specifier) || (target !== undefined && matches(target, hotPath.files));
      if (kind !== "static" || !slow) return [];
      return [
        {
          path,
          line,
          message: `imports ${specifier} on the path of ADD and DEL: use await import() where it is needed`,
        },
      ];
    }),
  );
};

export const checkSizes: Check = (project, { limits }) =>
  sourcesOf(project).flatMap(({ path, text, functions }) => {
    const limit = limits.find(({ files }) => matches(path, files));
    if (limit === undefined) return [];
    const lines = text.trimEnd().split("\n").length;
    const long =
      lines > limit.fileLines
        ? [{ path, message: `has ${lines} lines, may have ${limit.fileLines}: one subject a file` }]
        : [];
    return [
      ...long,
      ...functions
        .filter((each) => each.lines > limit.functionLines)
        .map(({ name, line, lines: length }) => ({
          path,
          line,
          message: `${name === "" ? "a function" : name} has ${length} lines, may have ${limit.functionLines}`,
        })),
    ];
  });

/** A file is alive when an entry reaches it; when only tests do, it must be a helper of theirs. */
export const checkDead: Check = (project, { entries, testHelpers, unfinished }) => {
  const paths = sourcesOf(project).map(({ path }) => path);
  const started = reachable(project, entries);
  const tested = reachable(project, paths.filter(isTest));
  const dead = paths.filter((path) => {
    // A file of declarations only is for the compiler.
    if (started.has(path) || isTest(path) || path.endsWith(".d.ts")) return false;
    return !(matches(path, testHelpers) && tested.has(path));
  });
  const waits = (path: string) => Object.keys(unfinished).some((pattern) => matches(path, [pattern]));
  const stale = Object.keys(unfinished).filter((pattern) => !dead.some((path) => matches(path, [pattern])));
  return [
    ...dead
      .filter((path) => !waits(path))
      .map((path) => ({
        path,
        message: tested.has(path) ? "is used by tests only" : "is imported by nobody",
      })),
    ...stale.map((path) => ({
      path,
      message: 'is reached: remove it from "unfinished" in tools/tidy/rules.ts',
    })),
  ];
};

/** A file with code is reached by a test of its folder or of the folder above, or is listed with the test that runs it. */
export const checkTests: Check = (project, { testedFolders, testedElsewhere, testHelpers, unfinished }) => {
  const candidates = sourcesOf(project).filter(
    ({ path, doesSomething }) =>
      doesSomething &&
      matches(path, testedFolders) &&
      !isTest(path) &&
      !matches(path, testHelpers) &&
      !matches(path, Object.keys(unfinished)),
  );
  const untested = candidates.filter(({ path }) => !hasTestBeside(project, path));
  const missing = untested.filter(({ path }) => testedElsewhere[path] === undefined);
  const listed = Object.entries(testedElsewhere);
  return [
    ...missing.map(({ path }) => ({
      path,
      message:
        'no test of its folder or the one above reaches it: write one, or name the one that runs it in "testedElsewhere" of tools/tidy/rules.ts',
    })),
    ...listed
      .filter(([path]) => !untested.some((each) => each.path === path))
      .map(([path]) => ({
        path,
        message: 'has its test near it, or is gone: remove it from "testedElsewhere"',
      })),
    ...listed
      .filter(([path, test]) => !runs(project, test, path))
      .map(([path, test]) => ({
        path,
        message: `"testedElsewhere" says ${test}, which ${project.has(test) ? "does not reach it" : "does not exist"}`,
      })),
  ];
};

/**
 * Whether a test reaches the file by way of files of its folder or of the folder above: a plugin's verbs test the plugin's
 * folders. A test that is farther away proves little.
 */
function hasTestBeside(project: Project, path: string): boolean {
  const parents = path.split("/").slice(0, -1);
  const folder = `${parents.slice(0, Math.max(1, parents.length - 1)).join("/")}/`;
  const near = new Map([...project].filter(([each]) => each.startsWith(folder)));
  return reachable(near, [...near.keys()].filter(isTest)).has(path);
}

/** A live test runs the executable, so it reaches everything. */
function runs(project: Project, test: string, path: string): boolean {
  if (!project.has(test)) return false;
  return test.endsWith(".live.test.ts") || reachable(project, [test]).has(path);
}

/**
 * Folders of one folder are floors: no import runs back up, types included. Tests and their helpers may import every
 * floor. Biome looks for circles of files (`noImportCycles`).
 */
export const checkFloors: Check = (project, { testHelpers }) => {
  const stairs = sourcesOf(project)
    .filter(({ path }) => !isTest(path) && !matches(path, testHelpers))
    .flatMap(({ path, imports }) =>
      imports.flatMap(({ target, specifier, line }) => {
        const floors = target === undefined ? undefined : floorsBetween(path, target);
        return floors === undefined ? [] : [{ path, line, specifier, ...floors }];
      }),
    );
  return stairs
    .filter(({ from, to }) => leadsTo(stairs, to, from))
    .map(({ path, line, specifier, from, to }) => ({
      path,
      line,
      message: `imports ${specifier}: ${from} and ${to} are in a circle of folders`,
    }));
};

interface Stair {
  readonly from: string;
  readonly to: string;
}

/** The two folders at which the paths part; undefined where one of the files lies in a folder above the other. */
function floorsBetween(from: string, to: string): Stair | undefined {
  const [here, there] = [from.split("/").slice(0, -1), to.split("/").slice(0, -1)];
  const at = here.findIndex((name, index) => name !== there[index]);
  if (at < 0 || there[at] === undefined) return undefined;
  return { from: here.slice(0, at + 1).join("/"), to: there.slice(0, at + 1).join("/") };
}

function leadsTo(stairs: readonly Stair[], start: string, end: string): boolean {
  const reached = new Set([start]);
  // A set that grows while it is walked through is walked through to its new end.
  for (const floor of reached) for (const { from, to } of stairs) if (from === floor) reached.add(to);
  return reached.has(end);
}

/** A reader takes two types of one name for the same type, so no two files export one name. */
export const checkTypeNames: Check = (project) => {
  const exported = sourcesOf(project).flatMap(({ path, exportedTypes }) =>
    exportedTypes.map((name) => ({ path, name })),
  );
  return exported.flatMap(({ path, name }) => {
    const other = exported.find((each) => each.name === name && each.path !== path);
    return other === undefined ? [] : [{ path, message: `exports ${name}, as ${other.path} does` }];
  });
};

/** No two files have one name. `namesakes` lists the files that may, with the reason. */
export const checkFileNames: Check = (project, { namesakes }) => {
  const paths = sourcesOf(project).map(({ path }) => path);
  const clashes = (path: string) =>
    paths.filter((each) => each !== path && baseName(each) === baseName(path));
  const patterns = Object.keys(namesakes);
  const free = paths.filter((path) => !isTest(path) && !matches(path, patterns));
  const needless = patterns.filter(
    (pattern) => !paths.some((path) => matches(path, [pattern]) && clashes(path).length > 0),
  );
  return [
    ...free.flatMap((path) => {
      const other = clashes(path).find((each) => free.includes(each));
      return other === undefined ? [] : [{ path, message: `has the name of ${other}: rename one of them` }];
    }),
    ...needless.map((path) => ({ path, message: 'has no namesake: remove it from "namesakes"' })),
  ];
};

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export const checkWords: Check = (project, { words }) =>
  [...project.values()].flatMap((file) => words.flatMap((rule) => findWord(file, rule)));

function findWord(file: SourceFile, { word, where, files, except, message }: WordRule): Violation[] {
  if (!matches(file.path, files) || matches(file.path, except ?? [])) return [];
  const lines = (where === "code" ? file.code : file.text).split("\n");
  return lines.flatMap((text, index) => {
    const found = word.exec(text)?.[0];
    return found === undefined ? [] : [{ path: file.path, line: index + 1, message: `${found}: ${message}` }];
  });
}

export const checks: readonly Check[] = [
  checkDirections,
  checkFloors,
  checkPackages,
  checkHotPath,
  checkSizes,
  checkDead,
  checkTests,
  checkTypeNames,
  checkFileNames,
  checkWords,
];
