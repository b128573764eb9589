import { type CniError, failWith, within } from "../../cni/errors.ts";
import type { JsonObject } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { type NetworkRequest, parseNetworkList, parseNetworks } from "../../kube/annotation.ts";
import type { KubeClient } from "../../kube/client.ts";
import type { Definition } from "../../kube/definitions.ts";
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
import { readDefinitions, readNamed } from "./lookup.ts";
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

/** Without an API client, what the node itself knows must do. */
export async function observe(
  sys: Sys,
  config: MetaConfig,
  { environment }: Invocation,
  api: KubeClient | undefined,
): Promise<Outcome<Observed, CniError>> {
  const pod = podOf(environment);
  const primary = readPrimary(sys, config);
  if (!primary.ok) return primary;
  const requests = readRequests(config, pod);
  if (!requests.ok) return requests;
  warnOfIgnored(sys, requests.value);
  const wanted = await readWanted(sys, config, requests.value, api);
  if (!wanted.ok) return wanted;
  return ok({ pod, primary: primary.value, wanted: wanted.value });
}

/** What STATUS and GC ask: the networks that every pod gets, whatever its annotations say. */
export async function observeStanding(
  sys: Sys,
  config: MetaConfig,
  api: KubeClient | undefined,
): Promise<Outcome<Observed, CniError>> {
  const primary = readPrimary(sys, config);
  if (!primary.ok) return primary;
  const requests = configured(config);
  if (!requests.ok) return requests;
  const wanted = await readWanted(sys, config, requests.value, api);
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
  const { unknownKeys } = config;
  const chosen = parseNetworks(text, { defaultNamespace: namespace, unknownKeys });
  if (!chosen.ok) return chosen;
  // Before any definition is read: the error of a forbidden one must not tell whether it exists.
  const admitted = admit(config, namespace, chosen.value);
  if (!admitted.ok) return admitted;
  return ok([
    ...standing.value,
    ...chosen.value.map((request) => ({ origin: "annotation" as const, request })),
  ]);
}

function warnOfIgnored(sys: Sys, requests: readonly Request[]): void {
  for (const { namespace, name, ignored = [] } of requests.map(({ request }) => request)) {
    for (const key of ignored)
      sys.warn(`hawser: the request for network ${namespace}/${name}: ignored key ${key}`);
  }
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

async function readWanted(
  sys: Sys,
  config: MetaConfig,
  requests: readonly Request[],
  _api: KubeClient | undefined,
): Promise<Outcome<Wanted[], CniError>> {
  const definitions = await readDefinitions(
    sys,
    config,
    requests.map(({ request }) => request),
  );
  if (!definitions.ok) return definitions;
  return ok(definitions.value.map((definition, index) => ({ ...(requests[index] as Request), definition })));
}
