import { type CniError, failWith, within } from "../../cni/errors.ts";
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
import { readDefinitions } from "./lookup.ts";
import { admit } from "./policy.ts";
import { type FoundNetwork, readAuxiliary, readSource } from "./standing.ts";

export interface Wanted {
  /** For people, where it is no definition's `namespace/name`. */
  readonly label?: string;
  readonly origin: "configuration" | "annotation";
  readonly request: NetworkRequest;
  readonly definition: Definition;
}

/** All that an operation depends on beyond its own input, read once. The stages after it are pure. */
export interface Observed {
  readonly pod: PodIdentity | undefined;
  /** The primary's configuration and where it was found; undefined when we are chained. */
  readonly primary: FoundNetwork | undefined;
  readonly wanted: readonly Wanted[];
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
  const requests = readRequests(config, pod);
  if (!requests.ok) return requests;
  warnOfIgnored(sys, requests.value);
  const primary = await readPrimary(sys, config, api);
  if (!primary.ok) return primary;
  const standing = await readStanding(sys, config, pod, api);
  if (!standing.ok) return standing;
  const wanted = await readWanted(sys, config, requests.value, api);
  if (!wanted.ok) return wanted;
  const all = [...standing.value, ...wanted.value, ...readLast(sys, config)];
  return ok({ pod, primary: primary.value, wanted: all });
}

/** What STATUS and GC ask: the networks that every pod gets, whatever its annotations say. */
export async function observeStanding(
  sys: Sys,
  config: MetaConfig,
  api: KubeClient | undefined,
): Promise<Outcome<Observed, CniError>> {
  const primary = await readPrimary(sys, config, api);
  if (!primary.ok) return primary;
  const standing = await readStanding(sys, config, undefined, api);
  if (!standing.ok) return standing;
  const requests = configured(config);
  if (!requests.ok) return requests;
  const wanted = await readWanted(sys, config, requests.value, api);
  if (!wanted.ok) return wanted;
  const all = [...standing.value, ...wanted.value, ...readLast(sys, config)];
  return ok({ pod: undefined, primary: primary.value, wanted: all });
}

export async function readPrimary(
  sys: Sys,
  config: MetaConfig,
  api: KubeClient | undefined,
): Promise<Outcome<Observed["primary"], CniError>> {
  const { primary, dialect } = config;
  if (primary.kind === "chained") return ok(undefined);
  const fields = dialect === "multus" ? { inline: "delegates[0]", other: "clusterNetwork" } : ownFields;
  return readSource(sys, config, primary, primary.kind === "inline" ? fields.inline : fields.other, api);
}

const ownFields = { inline: "delegate", other: "the primary network (delegate.name)" };

/** What the operator attaches to every pod without a request, but to those of system namespaces. */
async function readStanding(
  sys: Sys,
  config: MetaConfig,
  pod: PodIdentity | undefined,
  api: KubeClient | undefined,
): Promise<Outcome<Wanted[], CniError>> {
  if (pod !== undefined && config.systemNamespaces.includes(pod.namespace)) return ok([]);
  const wanted: Wanted[] = [];
  for (const [index, source] of config.standing.entries()) {
    const field = source.kind === "inline" ? `delegates[${index + 1}]` : `defaultNetworks[${index}]`;
    const found = await readSource(sys, config, source, field, api);
    if (!found.ok) return found;
    wanted.push(unasked(found.value));
  }
  return ok(wanted);
}

function readLast(sys: Sys, config: MetaConfig): Wanted[] {
  const found = readAuxiliary(sys, config);
  return found === undefined ? [] : [unasked(found)];
}

function unasked({ name, source, config, annotations }: FoundNetwork): Wanted {
  const place = { namespace: "", name };
  return {
    origin: "configuration",
    label: name,
    request: place,
    definition: { ...place, source, config, annotations },
  };
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
