import { type CniError, failWith, within } from "../../cni/errors.ts";
import { isObject, type JsonObject, parseJson } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { type NetworkRequest, parseNetworkList, parseNetworks } from "../../kube/annotation.ts";
import { type Definition, findByNetworkName, readDefinition } from "../../kube/definitions.ts";
import {
  annotationsFrom,
  defaultNetworkAnnotation,
  networksAnnotation,
  type PodIdentity,
  podOf,
} from "../../kube/pod.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import type { MetaConfig } from "./config.ts";
import { admit } from "./policy.ts";

export interface Wanted {
  readonly origin: "configuration" | "annotation";
  readonly request: NetworkRequest;
  readonly definition: Definition;
}

/** All that an operation depends on beyond its own input, read once. The stages after it are pure. */
export interface Observed {
  readonly pod: PodIdentity | undefined;
  /** The primary's configuration and where it was found; undefined when we are chained. */
  readonly primary: FoundPrimary | undefined;
  readonly wanted: readonly Wanted[];
}

export interface FoundPrimary {
  /** For people: its network's name. */
  readonly name: string;
  /** `delegate`, or a file of confDir. */
  readonly source: string;
  readonly config: JsonObject;
}

/** The namespace of operators' own networks, and of sandboxes that no pod's name comes with. */
export const defaultNamespace = "default";

export function observe(
  sys: Sys,
  config: MetaConfig,
  { environment }: Invocation,
): Outcome<Observed, CniError> {
  const pod = podOf(environment);
  const primary = readPrimary(sys, config);
  if (!primary.ok) return primary;
  const requests = readRequests(config, pod);
  if (!requests.ok) return requests;
  const wanted = readDefinitions(sys, config, requests.value);
  if (!wanted.ok) return wanted;
  return ok({ pod, primary: primary.value, wanted: wanted.value });
}

/** What STATUS and GC ask: the networks that every pod gets, whatever its annotations say. */
export function observeStanding(sys: Sys, config: MetaConfig): Outcome<Observed, CniError> {
  const primary = readPrimary(sys, config);
  if (!primary.ok) return primary;
  const requests = configured(config);
  if (!requests.ok) return requests;
  const wanted = readDefinitions(sys, config, requests.value);
  return wanted.ok ? ok({ pod: undefined, primary: primary.value, wanted: wanted.value }) : wanted;
}

export function readPrimary(sys: Sys, config: MetaConfig): Outcome<Observed["primary"], CniError> {
  switch (config.primary.kind) {
    case "chained":
      return ok(undefined);
    case "inline": {
      const { name } = config.primary.config;
      const named = typeof name === "string" && name !== "" ? name : config.network.name;
      return ok({ name: named, source: "delegate", config: config.primary.config });
    }
    case "named": {
      const { name } = config.primary;
      const found = readNamed(sys, config, name);
      if (!found.ok) return fail(within("find the primary network (delegate.name)", found.error));
      return ok({ name, ...found.value });
    }
  }
}

type Request = Pick<Wanted, "origin" | "request">;

function configured(config: MetaConfig): Outcome<Request[], CniError> {
  const requests = parseNetworkList(config.networks, defaultNamespace);
  if (!requests.ok) return fail(within("read the configuration's networks", requests.error));
  return ok(requests.value.map((request) => ({ origin: "configuration", request })));
}

function readRequests(config: MetaConfig, pod: PodIdentity | undefined): Outcome<Request[], CniError> {
  const standing = configured(config);
  if (!standing.ok) return standing;
  const annotations = annotationsFrom(config.runtimeConfig);
  if (!annotations.ok) return annotations;
  const values = annotations.value.kind === "given" ? annotations.value.values : {};
  // To ignore it would start the pod on another network than it asks for.
  if (values[defaultNetworkAnnotation] !== undefined) return defaultNetworkRefused(pod);
  const text = values[networksAnnotation];
  if (text === undefined) return standing;
  const namespace = pod?.namespace ?? defaultNamespace;
  const chosen = parseNetworks(text, namespace);
  if (!chosen.ok) return chosen;
  // Before any definition is read: the error of a forbidden one must not tell whether it exists.
  const admitted = admit(config, namespace, chosen.value);
  if (!admitted.ok) return admitted;
  return ok([
    ...standing.value,
    ...chosen.value.map((request) => ({ origin: "annotation" as const, request })),
  ]);
}

function defaultNetworkRefused(pod: PodIdentity | undefined): Outcome<never, CniError> {
  const whose = pod === undefined ? "" : ` of pod ${pod.namespace}/${pod.name}`;
  return failWith(
    "annotation",
    "annotation.default-network",
    `read the annotations${whose}: ${defaultNetworkAnnotation} is not supported by this version`,
    "Take it out; the pod's first network is the configuration's delegate.",
  );
}

function readDefinitions(
  sys: Sys,
  config: MetaConfig,
  requests: readonly Request[],
): Outcome<Wanted[], CniError> {
  const read = new Map<string, Definition>();
  const wanted: Wanted[] = [];
  for (const { origin, request } of requests) {
    const key = `${request.namespace}/${request.name}`;
    const known = read.get(key);
    const definition = known === undefined ? readComplete(sys, config, request) : ok(known);
    if (!definition.ok) return definition;
    read.set(key, definition.value);
    wanted.push({ origin, request, definition: definition.value });
  }
  return ok(wanted);
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
  return ok({ ...definition.value, ...found.value });
}

function readNamed(
  sys: Sys,
  { confDir, network }: MetaConfig,
  name: string,
): Outcome<{ source: string; config: JsonObject }, CniError> {
  // Our own configuration may bear the name of the network that it took over: IPAM state is keyed by it.
  const found = findByNetworkName(sys, confDir, name, (config) => !calls(config, network.type));
  if (!found.ok) return found;
  const { source, config } = found.value;
  const { plugins } = config;
  if (!Array.isArray(plugins) || config.loadOnlyInlinedPlugins === true) return ok({ source, config });
  return ok({
    source,
    config: { ...config, plugins: [...plugins, ...siblingPlugins(sys, `${confDir}/${name}`)] },
  });
}

function calls(config: JsonObject, type: string): boolean {
  const plugins = Array.isArray(config.plugins) ? config.plugins : [config];
  return plugins.some((plugin) => isObject(plugin) && plugin.type === type);
}

/** CNI 1.1.0, section 1: a list that does not say `loadOnlyInlinedPlugins` goes on in the folder of its name. */
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
