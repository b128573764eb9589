import type { CniError } from "../../../cni/errors.ts";
import type { Invocation } from "../../../cni/plugin.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { isMirrorOf, isOfNode, type PodIdentity, podOf } from "../../../kube/pod.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { MetaConfig } from "../config/config.ts";
import { readAnnotations } from "./api.ts";
import { decodeTenants } from "./decode-definitions.ts";
import { assignDevices, type DeviceMode } from "./devices.ts";
import { isNotAsked, type NotAsked, readDefinitions } from "./lookup.ts";
import { type FoundPrimary, interfaceNameOf, type Observed, type Wanted } from "./observed.ts";
import { type Admitted, admit, type Sought } from "./policy.ts";
import { type Asked, configured, defaultNamespace, readRequests, warnOfIgnored } from "./requests.ts";
import { type FoundNetwork, readAuxiliary, readSource } from "./source.ts";

type Entry = Wanted | NotAsked;

/** Without an API client, what the node itself knows must do; `notAsked` tells what it does not. */
export async function observe(
  sys: Sys,
  config: MetaConfig,
  { environment }: Invocation,
  api: KubeClient | undefined,
  devices: DeviceMode,
): Promise<Outcome<Observed, CniError>> {
  const pod = podOf(environment);
  const annotations = await readAnnotations(config, pod, api);
  if (!annotations.ok) return annotations;
  const namespace = pod?.namespace ?? defaultNamespace;
  const asked = readRequests(config, {
    annotations: annotations.value ?? {},
    namespace,
    ifname: environment.ifname,
  });
  if (!asked.ok) return asked;
  warnOfIgnored(sys, asked.value);
  const choosesPrimary = asked.value.some(({ role }) => role === "primary");
  // At once: where the API is asked for several of them, it is waited for once.
  const [admitted, ofNode, defaultNetworks] = await Promise.all([
    readAdmitted(sys, config, namespace, asked.value, api),
    choosesPrimary ? undefined : readPrimary(sys, config, api),
    readDefaultNetworks(sys, config, pod, api),
  ]);
  if (!admitted.ok) return admitted;
  const own = admitted.value.find(({ role }) => role === "primary");
  const primary = ofNode ?? ok(own === undefined ? undefined : primaryOf(own));
  if (!primary.ok) return primary;
  if (!defaultNetworks.ok) return defaultNetworks;
  const entries = withDefaultNetworks(sys, config, defaultNetworks.value, secondariesOf(admitted.value));
  const unknown = annotations.value === undefined ? ["the pod's annotations"] : [];
  const told = annotations.value ?? {};
  const isStatic = isOfNode(told) || isMirrorOf(told, pod?.uid);
  const observed = {
    pod,
    isStatic,
    primary: primary.value,
    ...settle(config, primary.value, entries, unknown),
  };
  return assignDevices(sys, config, observed, devices);
}

/** What STATUS and GC ask: the networks that every pod gets, whatever its annotations say. */
export async function observeEveryPods(
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
  const defaultNetworks = await readDefaultNetworks(sys, config, undefined, api);
  if (!defaultNetworks.ok) return defaultNetworks;
  const entries = withDefaultNetworks(sys, config, defaultNetworks.value, secondariesOf(admitted.value));
  return ok({
    pod: undefined,
    primary: primary.value,
    ...settle(config, primary.value, entries, []),
  });
}

/** Undefined when we are chained, or when only the API could tell and it may not be asked. */
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

/** What the operator attaches to every pod without a request, but to those of system namespaces. */
async function readDefaultNetworks(
  sys: Sys,
  config: MetaConfig,
  pod: PodIdentity | undefined,
  api: KubeClient | undefined,
): Promise<Outcome<Entry[], CniError>> {
  const isSystems = pod !== undefined && config.systemNamespaces.includes(pod.namespace);
  const sources = (isSystems ? [] : config.defaultNetworks).map(async (source, index) => {
    const field = source.kind === "inline" ? `delegates[${index + 1}]` : `defaultNetworks[${index}]`;
    return { field, found: await readSource(sys, config, source, field, api) };
  });
  const defaultNetworks: Entry[] = [];
  for (const { field, found } of await Promise.all(sources)) {
    if (!found.ok) return found;
    defaultNetworks.push(
      found.value === undefined ? { role: "secondary", notAsked: field } : unasked(found.value),
    );
  }
  return ok(defaultNetworks);
}

function withDefaultNetworks(
  sys: Sys,
  config: MetaConfig,
  defaultNetworks: readonly Entry[],
  asked: readonly Entry[],
): Entry[] {
  const last = readAuxiliary(sys, config);
  return [...defaultNetworks, ...asked, ...(last === undefined ? [] : [unasked(last)])];
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

function primaryOf(own: Admitted | NotAsked): FoundPrimary | undefined {
  if (isNotAsked(own)) return undefined;
  const { request, definition } = own;
  const { source, config, annotations } = definition;
  return { name: `${request.namespace}/${request.name}`, source, config, annotations, request };
}

function secondariesOf(admitted: readonly (Admitted | NotAsked)[]): Entry[] {
  return admitted
    .filter(({ role }) => role === "secondary")
    .map((each) => {
      if (isNotAsked(each)) return each;
      const { origin, request, definition } = each;
      return { origin, request, definition };
    });
}

/** The definitions of all that is asked for, where the pod may have them. */
async function readAdmitted(
  sys: Sys,
  config: MetaConfig,
  podNamespace: string,
  asked: readonly Asked[],
  api: KubeClient | undefined,
): Promise<Outcome<(Admitted | NotAsked)[], CniError>> {
  const found = await readDefinitions(sys, config, asked, api);
  const judged = await decodeTenants(
    sys,
    config,
    found.filter((each): each is Sought => !isNotAsked(each)),
  );
  if (!judged.ok) return judged;
  const admitted = admit(config, podNamespace, judged.value);
  if (!admitted.ok) return admitted;
  // All or none are admitted, in their order.
  const left = admitted.value.values();
  return ok(found.map((each) => (isNotAsked(each) ? each : (left.next().value as Admitted))));
}

/** Parts what is left out from the rest, which keeps the interface names that it has among all. */
function settle(
  config: MetaConfig,
  primary: FoundPrimary | undefined,
  entries: readonly Entry[],
  unknown: readonly string[],
): Pick<Observed, "wanted" | "notAsked"> {
  const leftOut = entries.flatMap((each) => (isNotAsked(each) ? [each.notAsked] : []));
  const isPrimaryLeftOut = primary === undefined && config.primary.kind !== "chained";
  const notAsked = [...unknown, ...(isPrimaryLeftOut ? ["the primary network"] : []), ...leftOut];
  const wanted = entries.flatMap((each, index): Wanted[] => {
    if (isNotAsked(each)) return [];
    if (leftOut.length === 0) return [each];
    return [{ ...each, request: { ...each.request, interface: interfaceNameOf(each.request, index) } }];
  });
  return { wanted, notAsked };
}
