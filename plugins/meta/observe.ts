import type { CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { NetworkRequest } from "../../kube/annotation.ts";
import type { KubeClient } from "../../kube/client.ts";
import type { Definition } from "../../kube/definitions.ts";
import type { AssignedDevice } from "../../kube/devices/assign.ts";
import { annotationsFrom, type PodIdentity, podOf } from "../../kube/pod.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import type { MetaConfig } from "./config.ts";
import { type DeviceMode, equip } from "./equip.ts";
import { readDefinitions } from "./lookup.ts";
import { type Admitted, admit } from "./policy.ts";
import { type Asked, configured, defaultNamespace, readRequests, warnOfIgnored } from "./requests.ts";
import { type FoundNetwork, readAuxiliary, readSource } from "./standing.ts";

export interface Wanted {
  /** For people, where it is no definition's `namespace/name`. */
  readonly label?: string;
  readonly origin: "configuration" | "annotation";
  readonly request: NetworkRequest;
  readonly definition: Definition;
  /** Where the definition names a resource: the pod's device of it that this network gets. */
  readonly device?: AssignedDevice;
}

/** All that an operation depends on beyond its own input, read once. The stages after it are pure. */
export interface Observed {
  readonly pod: PodIdentity | undefined;
  /** The primary's configuration and where it was found; undefined when we are chained. */
  readonly primary: FoundPrimary | undefined;
  readonly wanted: readonly Wanted[];
}

export interface FoundPrimary extends FoundNetwork {
  /** The pod's own choice of its primary; undefined: it has the node's. */
  readonly request?: NetworkRequest;
}

/** Without an API client, what the node itself knows must do. */
export async function observe(
  sys: Sys,
  config: MetaConfig,
  { environment }: Invocation,
  api: KubeClient | undefined,
  devices: DeviceMode,
): Promise<Outcome<Observed, CniError>> {
  const pod = podOf(environment);
  const annotations = annotationsFrom(config.runtimeConfig);
  if (!annotations.ok) return annotations;
  const namespace = pod?.namespace ?? defaultNamespace;
  const asked = readRequests(config, {
    annotations: annotations.value.kind === "given" ? annotations.value.values : {},
    namespace,
    ifname: environment.ifname,
  });
  if (!asked.ok) return asked;
  warnOfIgnored(sys, asked.value);
  const admitted = await readAdmitted(sys, config, namespace, asked.value, api);
  if (!admitted.ok) return admitted;
  const [own] = admitted.value.filter(({ role }) => role === "primary");
  const primary = own === undefined ? await readPrimary(sys, config, api) : ok(primaryOf(own));
  if (!primary.ok) return primary;
  const wanted = await withStanding(sys, config, pod, wantedOf(admitted.value), api);
  if (!wanted.ok) return wanted;
  return equip(sys, config, { pod, primary: primary.value, wanted: wanted.value }, devices);
}

/** What STATUS and GC ask: the networks that every pod gets, whatever its annotations say. */
export async function observeStanding(
  sys: Sys,
  config: MetaConfig,
  api: KubeClient | undefined,
): Promise<Outcome<Observed, CniError>> {
  const primary = await readPrimary(sys, config, api);
  if (!primary.ok) return primary;
  const asked = configured(config);
  if (!asked.ok) return asked;
  const admitted = await readAdmitted(sys, config, defaultNamespace, asked.value, api);
  if (!admitted.ok) return admitted;
  const wanted = await withStanding(sys, config, undefined, wantedOf(admitted.value), api);
  return wanted.ok ? ok({ pod: undefined, primary: primary.value, wanted: wanted.value }) : wanted;
}

export async function readPrimary(
  sys: Sys,
  config: MetaConfig,
  api: KubeClient | undefined,
): Promise<Outcome<Observed["primary"], CniError>> {
  const { primary, dialect } = config;
  if (primary.kind === "chained") return ok(undefined);
  const { inline, other } = primaryFields[dialect];
  return readSource(sys, config, primary, primary.kind === "inline" ? inline : other, api);
}

/** Where the configuration names the primary, for errors. */
const primaryFields = {
  hawser: { inline: "delegate", other: "the primary network (delegate.name)" },
  multus: { inline: "delegates[0]", other: "clusterNetwork" },
} as const;

/** With what the operator attaches to every pod without a request, but to those of system namespaces. */
async function withStanding(
  sys: Sys,
  config: MetaConfig,
  pod: PodIdentity | undefined,
  asked: readonly Wanted[],
  api: KubeClient | undefined,
): Promise<Outcome<Wanted[], CniError>> {
  const isSystems = pod !== undefined && config.systemNamespaces.includes(pod.namespace);
  const standing: Wanted[] = [];
  for (const [index, source] of isSystems ? [] : config.standing.entries()) {
    const field = source.kind === "inline" ? `delegates[${index + 1}]` : `defaultNetworks[${index}]`;
    const found = await readSource(sys, config, source, field, api);
    if (!found.ok) return found;
    standing.push(unasked(found.value));
  }
  const last = readAuxiliary(sys, config);
  return ok([...standing, ...asked, ...(last === undefined ? [] : [unasked(last)])]);
}

function unasked({ name, source, config, annotations }: FoundNetwork): Wanted {
  const place = { namespace: "", name };
  return {
    origin: "configuration",
    label: name,
    request: place,
    definition: { ...place, source, keptIn: "disk", config, annotations },
  };
}

function primaryOf({ request, definition }: Admitted): FoundPrimary {
  const { source, config, annotations } = definition;
  return { name: `${request.namespace}/${request.name}`, source, config, annotations, request };
}

function wantedOf(admitted: readonly Admitted[]): Wanted[] {
  return admitted
    .filter(({ role }) => role === "secondary")
    .map(({ origin, request, definition }) => ({ origin, request, definition }));
}

/** The definitions of all that is asked for, where the pod may have them. */
async function readAdmitted(
  sys: Sys,
  config: MetaConfig,
  podNamespace: string,
  asked: readonly Asked[],
  _api: KubeClient | undefined,
): Promise<Outcome<Admitted[], CniError>> {
  return admit(config, podNamespace, await readDefinitions(sys, config, asked));
}
