import { type CniError, failWith } from "../cni/errors.ts";
import type { JsonObject } from "../cni/json.ts";
import { type Fault, isAbsent } from "../sys/fault.ts";
import { fail, type Outcome, ok } from "../sys/outcome.ts";
import type { Sys } from "../sys/sys.ts";
import { badDefinition, type Definition, parseDefinition, parseObject } from "./definition.ts";
import { definitionNameProblem, namespaceProblem } from "./names.ts";
import { listed, quote } from "./text.ts";

export type { Definition } from "./definition.ts";

const suffixes = [".conf", ".conflist", ".json"];
const maxListed = 20;

/** A file of the definitions' folder: the name that a pod asks for, and the definition or why it cannot be read. */
export interface ListedDefinition {
  /** Empty for a file that lies in no namespace's folder. */
  readonly namespace: string;
  readonly name: string;
  readonly definition: Outcome<Definition, CniError>;
}

/**
 * Reads `<definitionsDir>/<namespace>/<name>.{conf,conflist,json}`. Errors: `kube.name`, `kube.unknown-network` (lists
 * what there is), `kube.bad-definition`, `kube.read`.
 */
export function readDefinition(
  sys: Sys,
  definitionsDir: string,
  namespace: string,
  name: string,
): Outcome<Definition, CniError> {
  // The caller has checked the names. They are checked again, because a path is made of them here.
  const why = namespaceProblem(namespace) ?? definitionNameProblem(name);
  if (why !== undefined) {
    const asked = quote(`${namespace}/${name}`);
    return failWith("selection", "kube.name", `find network ${asked}: nothing can have this name`, why);
  }
  const files = suffixes
    .map((suffix) => `${definitionsDir}/${namespace}/${name}${suffix}`)
    .map((source) => ({ source, text: sys.files.read(source) }))
    .filter(({ text }) => text.ok || !isNoFile(text.error));
  const [first, second] = files;
  if (first === undefined) return unknownDefinition(sys, definitionsDir, namespace, name);
  const place = { namespace, name, source: first.source, keptIn: "disk" as const };
  if (second !== undefined)
    return badDefinition(place, `${second.source} defines it too; remove one of them`);
  return first.text.ok
    ? parseDefinition(first.text.value, place)
    : unreadable(first.source, first.text.error);
}

/** Every definition of the folder, the unusable ones with the reason. Errors: `kube.read`, also when there is no folder. */
export function listDefinitions(sys: Sys, definitionsDir: string): Outcome<ListedDefinition[], CniError> {
  const entries = sys.files.list(definitionsDir);
  if (!entries.ok) return unreadable(definitionsDir, entries.error);
  const found: ListedDefinition[] = [];
  for (const entry of entries.value.filter((name) => !name.startsWith("."))) {
    const folder = `${definitionsDir}/${entry}`;
    const files = sys.files.list(folder);
    if (files.ok) {
      for (const name of definedNames(files.value)) {
        found.push({ namespace: entry, name, definition: readDefinition(sys, definitionsDir, entry, name) });
      }
    } else if (!isNoFile(files.error)) {
      return unreadable(folder, files.error);
    } else {
      found.push(...definedNames([entry]).map((name) => stray(definitionsDir, entry, name)));
    }
  }
  return ok(found);
}

/**
 * The configuration whose `name` this is, among the .conf, .conflist and .json files of a folder, the first by file
 * name. A file that does not parse is passed over with a warning. Errors:
 * `kube.unknown-network`, `kube.read`.
 */
export function findByNetworkName(
  sys: Sys,
  confDir: string,
  networkName: string,
  isWanted: (config: JsonObject) => boolean = () => true,
): Outcome<{ readonly source: string; readonly config: JsonObject }, CniError> {
  const files = sys.files.list(confDir);
  if (!files.ok) {
    if (!isNoFile(files.error)) return unreadable(confDir, files.error);
    return unknownNetwork(`find network ${quote(networkName)}`, `There is no folder ${confDir}.`);
  }
  const others: string[] = [];
  const passedOver: string[] = [];
  for (const file of files.value.filter(isConfiguration)) {
    const source = `${confDir}/${file}`;
    const config = readObject(sys, source);
    if (!config.ok) {
      passedOver.push(`${source} ${config.error}`);
    } else if (config.value.name === networkName && isWanted(config.value)) {
      for (const why of passedOver) sys.warn(`hawser: find network ${quote(networkName)}: ${why}`);
      return ok({ source, config: config.value });
    } else if (typeof config.value.name === "string") {
      others.push(quote(config.value.name));
    }
  }
  const unusable = passedOver.length === 0 ? "" : ` Not understood: ${listed(passedOver, maxListed)}.`;
  const there = others.length === 0 ? "no network" : listed(others, maxListed);
  return unknownNetwork(
    `find network ${quote(networkName)}`,
    `The files of ${confDir} define ${there}.${unusable}`,
  );
}

/** The names of all networks in a folder; undefined when any file of it, or the folder, cannot be read. */
export function networkNames(sys: Sys, confDir: string): string[] | undefined {
  const files = sys.files.list(confDir);
  if (!files.ok) return undefined;
  const configs = files.value.filter(isConfiguration).map((file) => readObject(sys, `${confDir}/${file}`));
  if (!configs.every((config) => config.ok)) return undefined;
  return configs.map((config) => String(config.value.name));
}

/** A CNI configuration by the path of its file. Errors: `kube.read`, `kube.bad-configuration`. */
export function readConfiguration(sys: Sys, path: string): Outcome<JsonObject, CniError> {
  const text = sys.files.read(path);
  if (!text.ok) return unreadable(path, text.error);
  const config = parseObject(text.value);
  if (config.ok) return config;
  const hint = "The file holds a CNI configuration, or a list of plugins.";
  return failWith("invalidConfig", "kube.bad-configuration", `read ${path}: it ${config.error}`, hint);
}

function readObject(sys: Sys, path: string): Outcome<JsonObject, string> {
  const text = sys.files.read(path);
  return text.ok ? parseObject(text.value) : fail(`cannot be read: ${text.error.message}`);
}

/** Whether runtimes would take a file of this name for a configuration. */
export function isConfiguration(file: string): boolean {
  return suffixes.some((suffix) => file.endsWith(suffix));
}

/** The definitions of a folder's files, each once. Dot files are left out: they are a writer's temporary ones. */
function definedNames(files: readonly string[]): string[] {
  const names = files
    .filter((file) => isConfiguration(file) && !file.startsWith("."))
    .map((file) => file.slice(0, file.lastIndexOf(".")));
  return [...new Set(names)];
}

function stray(definitionsDir: string, file: string, name: string): ListedDefinition {
  const place = { namespace: "", name, source: `${definitionsDir}/${file}`, keptIn: "disk" as const };
  const why = `it lies in no namespace's folder; move it to ${definitionsDir}/<namespace>/${file}`;
  return { namespace: "", name, definition: badDefinition(place, why) };
}

/** Whether there is no such file: no file of the name, no folder on the way, or a name too long for any file. */
function isNoFile(fault: Fault): boolean {
  return isAbsent(fault) || fault.code === "ENAMETOOLONG";
}

function unreadable(path: string, { message }: Fault): Outcome<never, CniError> {
  return failWith(
    "ioFailure",
    "kube.read",
    `read ${path}: ${message}`,
    "Check that it is there and may be read.",
  );
}

function unknownDefinition(
  sys: Sys,
  definitionsDir: string,
  namespace: string,
  name: string,
): Outcome<never, CniError> {
  const folder = `${definitionsDir}/${namespace}`;
  const there = whatIsIn(sys, definitionsDir, folder);
  const hint = `Ask for one that exists, or define it in ${folder}/${name}.json.`;
  return unknownNetwork(`find network ${namespace}/${name}`, `${there} ${hint}`);
}

function whatIsIn(sys: Sys, definitionsDir: string, folder: string): string {
  const files = sys.files.list(folder);
  if (files.ok) {
    const names = definedNames(files.value);
    return names.length === 0 ? `${folder} defines none.` : `${folder} defines ${listed(names, maxListed)}.`;
  }
  if (!isNoFile(files.error)) return `${folder} cannot be read: ${files.error.message}.`;
  const missing = sys.files.list(definitionsDir).ok ? folder : definitionsDir;
  return `There is no folder ${missing}.`;
}

function unknownNetwork(doing: string, details: string): Outcome<never, CniError> {
  return failWith("selection", "kube.unknown-network", `${doing}: there is none of this name`, details);
}
