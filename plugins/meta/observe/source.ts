import { isName } from "../../../cni/environment.ts";
import { type CniError, failWith, hasId, within } from "../../../cni/errors.ts";
import { isObject, type JsonObject, parseJson } from "../../../cni/json.ts";
import { withoutTrailingSlashes } from "../../../cni/slashes.ts";
import {
  type Definition,
  findByNetworkName,
  isConfiguration,
  readConfiguration,
} from "../../../kube/definition-files.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { Auxiliary, MetaConfig } from "../config/config.ts";
import type { Lookup, OperatorsChoice, Wanted } from "./wanted.ts";

/**
 * Completes what definitions do not say: networks of the operator's configuration itself, of files and folders that it names,
 * and definitions without a configuration of their own. An auxiliary chain with an empty folder leaves the list.
 */
export function readSources(sys: Sys, config: MetaConfig, wanted: readonly Wanted[]): Wanted[] {
  return wanted.flatMap((each) => {
    const { choice, lookup } = each;
    const read = choice === undefined ? completed(sys, config, lookup) : chosen(sys, config, choice, lookup);
    return read === undefined ? [] : [{ ...each, lookup: read }];
  });
}

/** A definition without a configuration of its own means the network of its name in confDir. */
function completed(sys: Sys, config: MetaConfig, lookup: Lookup): Lookup {
  if (lookup.kind !== "found") return lookup;
  const read = withConfiguration(sys, config, lookup.definition);
  return read.ok ? { ...lookup, definition: read.value } : { kind: "failed", error: read.error };
}

/** The same of a definition by itself. Errors: `kube.unknown-network`, `kube.read`. */
export function withConfiguration(
  sys: Sys,
  config: MetaConfig,
  definition: Definition,
): Outcome<Definition, CniError> {
  const { namespace, name } = definition;
  const { type, plugins } = definition.config;
  if (type !== undefined || plugins !== undefined) return ok(definition);
  const found = readNamed(sys, config, name);
  return found.ok
    ? ok({ ...definition, ...found.value, isOfConfDir: true })
    : { ok: false, error: within(`read network definition ${namespace}/${name}`, found.error) };
}

/** Undefined when there is nothing to attach. */
function chosen(
  sys: Sys,
  config: MetaConfig,
  { field, source }: OperatorsChoice,
  lookup: Lookup,
): Lookup | undefined {
  switch (source.kind) {
    case "inline":
      return foundIn(config, { source: field, config: source.config });
    case "auxiliary":
      return auxiliary(sys, config, source);
    case "named":
      return ofFile(config, field, readNamed(sys, config, source.name));
    case "path":
      return ofFile(config, field, readPath(sys, source.path));
    case "defined": {
      const found = definedOrNamed(sys, config, source.name, completed(sys, config, lookup));
      return found.kind === "failed" ? ofFile(config, field, { ok: false, error: found.error }) : found;
    }
  }
}

/** Where a configuration was read, and what it says. */
type Read = Pick<Definition, "source" | "config">;

function ofFile(config: MetaConfig, field: string, read: Outcome<Read, CniError>): Lookup {
  if (read.ok) return foundIn(config, read.value);
  return { kind: "failed", error: within(`find ${field}`, read.error) };
}

function foundIn({ network }: MetaConfig, { source, config }: Read): Lookup {
  const { name } = config;
  const named = typeof name === "string" && name !== "" ? name : network.name;
  const place = { namespace: "", name: named, source, keptIn: "disk" } as const;
  return { kind: "found", network: named, definition: { ...place, annotations: {}, config } };
}

/** If there is no definition, or the API may not be asked for it, the operator may mean a file of confDir. */
function definedOrNamed(sys: Sys, config: MetaConfig, name: string, lookup: Lookup): Lookup {
  // An API that is down must not put pods on another network.
  const isNowhere =
    lookup.kind === "not-asked" ||
    (lookup.kind === "failed" && hasId(lookup.error, "kube.unknown-network", "kube.name"));
  if (!isNowhere) return lookup;
  const named = readNamed(sys, config, name);
  return named.ok ? foundIn(config, named.value) : lookup;
}

/** The network of a file of confDir, by the name in it. */
function readNamed(sys: Sys, { confDir, network }: MetaConfig, name: string): Outcome<Read, CniError> {
  // Our own configuration may bear the name of the network that it took over: IPAM state is keyed by it.
  const found = findByNetworkName(sys, confDir, name, (config) => !calls(config, network.type));
  if (!found.ok) return found;
  const { source, config } = found.value;
  return ok({ source, config: chained(sys, confDir, config) });
}

function calls(config: JsonObject, type: string): boolean {
  const plugins = Array.isArray(config.plugins) ? config.plugins : [config];
  return plugins.some((plugin) => isObject(plugin) && plugin.type === type);
}

/** A configuration's own path; of a folder the first file by name that runtimes would take. Errors: `kube.unknown-network`, `kube.read`. */
function readPath(sys: Sys, path: string): Outcome<Read, CniError> {
  const names = sys.files.list(path);
  const [first] = names.ok ? names.value.filter(isConfiguration) : [];
  if (names.ok && first === undefined) {
    const hint = "It is to hold a .conf or .conflist file.";
    return failWith(
      "selection",
      "kube.unknown-network",
      `folder ${path}: there is no configuration in it`,
      hint,
    );
  }
  const source = first === undefined ? path : `${withoutTrailingSlashes(path)}/${first}`;
  const config = readConfiguration(sys, source);
  if (!config.ok) return config;
  return ok({ source, config: chained(sys, source.slice(0, source.lastIndexOf("/")), config.value) });
}

/** A list that goes on in a folder; undefined when that folder holds nothing. */
function auxiliary(sys: Sys, config: MetaConfig, { config: list, folder }: Auxiliary): Lookup | undefined {
  const more = siblingPlugins(sys, folder);
  if (more.length === 0) return undefined;
  const first = Array.isArray(list.plugins) ? list.plugins.filter(isObject) : [];
  return foundIn(config, { source: folder, config: { ...list, plugins: [...first, ...more] } });
}

/** CNI 1.1.0, section 1: a list that does not say `loadOnlyInlinedPlugins` goes on in the folder of its name. */
function chained(sys: Sys, folder: string, config: JsonObject): JsonObject {
  const { plugins, name } = config;
  if (!Array.isArray(plugins) || config.loadOnlyInlinedPlugins === true) return config;
  // A name that is none could lead out of the folder.
  if (typeof name !== "string" || !isName(name)) return config;
  return { ...config, plugins: [...plugins, ...siblingPlugins(sys, `${folder}/${name}`)] };
}

/** The plugins of a folder's .conf files, in the order of their names. */
function siblingPlugins(sys: Sys, folder: string): JsonObject[] {
  const names = sys.files.list(folder);
  if (!names.ok) return [];
  return names.value
    .filter((name) => name.endsWith(".conf"))
    .flatMap((name) => {
      const text = sys.files.read(`${folder}/${name}`);
      const json = text.ok ? parseJson(text.value) : text;
      if (json.ok && isObject(json.value)) return [json.value];
      // A plugin that is left out silently would be a hole in the chain.
      return [{ type: "", unreadable: `${folder}/${name}` }];
    });
}
