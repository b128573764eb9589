import { isName } from "../../../cni/environment.ts";
import { type CniError, within } from "../../../cni/errors.ts";
import { isObject, type JsonObject, parseJson } from "../../../cni/json.ts";
import type { NetworkRequest } from "../../../kube/annotation.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { type Definition, findByNetworkName, readDefinition } from "../../../kube/definition-files.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { MetaConfig } from "../config/config.ts";
import type { Sought } from "./policy.ts";
import type { Asked } from "./requests.ts";

/** Requests under way at once: how many networks a pod asks for is its author's choice. */
const batchSize = 16;

/** A network that only the API could tell of, where it may not be asked. */
export interface NotAsked {
  readonly role: Asked["role"];
  /** For people. */
  readonly notAsked: string;
}

export function isNotAsked<T extends object>(each: T | NotAsked): each is NotAsked {
  return "notAsked" in each;
}

type Reading = Outcome<Definition, CniError>;

/**
 * Each network that is asked for with its definition, or why there is none; each is read once. What is not in
 * definitionsDir comes from the API, all of it at once.
 */
export async function readDefinitions(
  sys: Sys,
  config: MetaConfig,
  asked: readonly Asked[],
  api: KubeClient | undefined,
): Promise<(Sought | NotAsked)[]> {
  const read = new Map<string, Reading>();
  for (const { request } of asked) {
    const { namespace, name } = request;
    if (!read.has(keyOf(request)))
      read.set(keyOf(request), readDefinition(sys, config.definitionsDir, namespace, name));
  }
  const elsewhere = [...read].filter(([, each]) => isElsewhere(config, each)).map(([key]) => key);
  if (api !== undefined) await fetchAll(api, elsewhere, read);
  return asked.map((each) => {
    const key = keyOf(each.request);
    if (api === undefined && elsewhere.includes(key)) return { role: each.role, notAsked: `network ${key}` };
    const definition = read.get(key);
    if (definition === undefined) throw new Error("every network that is asked for has been read");
    return { ...each, definition: complete(sys, config, definition) };
  });
}

function keyOf({ namespace, name }: Pick<NetworkRequest, "namespace" | "name">): string {
  return `${namespace}/${name}`;
}

/** It is not on disk, and there is another place for it. */
function isElsewhere({ kubeconfig }: MetaConfig, read: Reading): boolean {
  return kubeconfig !== "" && !read.ok && read.error.id === "kube.unknown-network";
}

async function fetchAll(api: KubeClient, keys: readonly string[], read: Map<string, Reading>): Promise<void> {
  if (keys.length === 0) return;
  const { fetchDefinition } = await import("../../../kube/api-objects.ts");
  for (let at = 0; at < keys.length; at += batchSize) {
    const batch = keys.slice(at, at + batchSize).map(async (key) => {
      const [namespace = "", name = ""] = key.split("/");
      const got = await fetchDefinition(api, namespace, name);
      if (!got.ok) read.set(key, got);
      else if (got.value !== undefined) read.set(key, ok(got.value));
      else read.set(key, nowhere(read.get(key)));
    });
    await Promise.all(batch);
  }
}

/** Neither on disk nor in the API. */
function nowhere(onDisk: Reading | undefined): Reading {
  if (onDisk === undefined || onDisk.ok) throw new Error("only what is not on disk is looked for in the API");
  const { error } = onDisk;
  return fail({ ...error, details: `The Kubernetes API has none either. ${error.details}` });
}

/** A definition without a configuration of its own means the network of its name in confDir. */
export function complete(sys: Sys, config: MetaConfig, read: Reading): Reading {
  if (!read.ok) return read;
  const { type, plugins } = read.value.config;
  if (type !== undefined || plugins !== undefined) return read;
  const found = readNamed(sys, config, read.value.name);
  if (!found.ok) return fail(within(`read network definition ${keyOf(read.value)}`, found.error));
  return ok({ ...read.value, ...found.value, isOfConfDir: true });
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
