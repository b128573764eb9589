import { isName } from "../../cni/environment.ts";
import { type CniError, within } from "../../cni/errors.ts";
import { isObject, type JsonObject, parseJson } from "../../cni/json.ts";
import type { NetworkRequest } from "../../kube/annotation.ts";
import { type Definition, findByNetworkName, readDefinition } from "../../kube/definitions.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import type { MetaConfig } from "./config.ts";
import type { Sought } from "./policy.ts";
import type { Asked } from "./requests.ts";

/** Each network that is asked for with its definition, or why there is none; each is read once. */
export async function readDefinitions(
  sys: Sys,
  config: MetaConfig,
  asked: readonly Asked[],
): Promise<Sought[]> {
  const read = new Map<string, Outcome<Definition, CniError>>();
  return asked.map((each) => {
    const key = `${each.request.namespace}/${each.request.name}`;
    const definition = read.get(key) ?? readComplete(sys, config, each.request);
    read.set(key, definition);
    return { ...each, definition };
  });
}

/** A definition without a configuration of its own means the network of its name in confDir. */
function readComplete(sys: Sys, config: MetaConfig, request: NetworkRequest): Outcome<Definition, CniError> {
  const definition = readDefinition(sys, config.definitionsDir, request.namespace, request.name);
  if (!definition.ok) return definition;
  const { type, plugins } = definition.value.config;
  if (type !== undefined || plugins !== undefined) return definition;
  const found = readNamed(sys, config, request.name);
  if (!found.ok)
    return fail(within(`read network definition ${request.namespace}/${request.name}`, found.error));
  // Whoever keeps the definition, the file is the operator's.
  return ok({ ...definition.value, ...found.value, keptIn: "disk" });
}

/** The network of a file of confDir, by the name in it. */
export function readNamed(
  sys: Sys,
  { confDir, network }: MetaConfig,
  name: string,
): Outcome<{ source: string; config: JsonObject }, CniError> {
  // Our own configuration may bear the name of the network that it took over: IPAM state is keyed by it.
  const found = findByNetworkName(sys, confDir, name, (config) => !calls(config, network.type));
  if (!found.ok) return found;
  const { source, config } = found.value;
  return ok({ source, config: chained(sys, confDir, config) });
}

/** CNI 1.1.0, section 1: a list that does not say `loadOnlyInlinedPlugins` goes on in the folder of its name. */
export function chained(sys: Sys, folder: string, config: JsonObject): JsonObject {
  const { plugins, name } = config;
  if (!Array.isArray(plugins) || config.loadOnlyInlinedPlugins === true) return config;
  // Not what could lead out of the folder.
  if (typeof name !== "string" || !isName(name)) return config;
  return { ...config, plugins: [...plugins, ...siblingPlugins(sys, `${folder}/${name}`)] };
}

function calls(config: JsonObject, type: string): boolean {
  const plugins = Array.isArray(config.plugins) ? config.plugins : [config];
  return plugins.some((plugin) => isObject(plugin) && plugin.type === type);
}

/** The plugins of a folder's .conf files, in the order of their names. */
export function siblingPlugins(sys: Sys, folder: string): JsonObject[] {
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
