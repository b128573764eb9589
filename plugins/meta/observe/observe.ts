import type { CniError } from "../../../cni/errors.ts";
import type { Invocation } from "../../../cni/plugin.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { isMirrorOf, isOfNode, type PodIdentity, podOf } from "../../../kube/pod.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { MetaConfig } from "../config/config.ts";
import { admit } from "./admit.ts";
import { readAnnotations } from "./api.ts";
import { decodeTenants } from "./decode-definitions.ts";
import { readDefinitions } from "./definitions.ts";
import { assignDevices, type DeviceMode } from "./devices.ts";
import { isolate } from "./isolate.ts";
import { defaultNamespace, readConfigured, readRequests, warnOfIgnored } from "./requests.ts";
import { readSources } from "./source.ts";
import { primaryOf, type Wanted, wantedBy } from "./wanted.ts";

/** All that an operation depends on beyond its own input, read once. The stages after it are pure. */
export interface Observed {
  readonly pod: PodIdentity | undefined;
  /** A file of the node defines the pod; in the API it has another uid. */
  readonly isStatic: boolean;
  /** In the order in which they are attached. A network that is `not-asked` keeps its place, so that the others keep their names. */
  readonly wanted: readonly Wanted[];
  /** For people: what only the API could have told, and the API was not to be asked. */
  readonly notAsked: readonly string[];
}

/** Reads all that an operation depends on. Without an API client it reads what the node has; `notAsked` tells what is missing. */
export async function observe(
  sys: Sys,
  config: MetaConfig,
  { environment }: Invocation,
  api: KubeClient | undefined,
  devices: DeviceMode,
): Promise<Outcome<Observed, CniError>> {
  const pod = podOf(environment);
  const read = await readAnnotations(config, pod, api);
  if (!read.ok) return read;
  const annotations = read.value ?? {};
  const namespace = pod?.namespace ?? defaultNamespace;
  const requests = readRequests(config, { annotations, namespace, ifname: environment.ifname });
  if (!requests.ok) return requests;
  warnOfIgnored(sys, requests.value);
  const admitted = await lookUp(sys, config, namespace, wantedBy(config, pod, requests.value), api);
  if (!admitted.ok) return admitted;
  const wanted = await assignDevices(sys, config, pod, admitted.value, devices);
  if (!wanted.ok) return wanted;
  const notAsked = wanted.value.flatMap(({ lookup }) => (lookup.kind === "not-asked" ? lookup.what : []));
  return ok({
    pod,
    isStatic: isOfNode(annotations) || isMirrorOf(annotations, pod?.uid),
    wanted: wanted.value,
    notAsked: read.value === undefined ? ["the pod's annotations", ...notAsked] : notAsked,
  });
}

/** The networks that every pod gets, whatever its annotations say: STATUS and GC ask these, and never the API for them. */
export async function observeEveryPods(
  sys: Sys,
  config: MetaConfig,
): Promise<Outcome<readonly Wanted[], CniError>> {
  const configured = readConfigured(config);
  if (!configured.ok) return configured;
  const requests = { own: [], configured: configured.value, chosen: [] };
  return lookUp(sys, config, defaultNamespace, wantedBy(config, undefined, requests), undefined);
}

/** The node's primary network alone, as far as the node itself knows it; an empty list when hawser is chained. */
export async function observePrimary(
  sys: Sys,
  config: MetaConfig,
): Promise<Outcome<readonly Wanted[], CniError>> {
  return lookUp(sys, config, defaultNamespace, primaryOf(config), undefined);
}

/** Looks for these networks in this node's files. Nothing is admitted or refused. */
export async function findOnNode(sys: Sys, config: MetaConfig, wanted: readonly Wanted[]): Promise<Wanted[]> {
  return readSources(sys, config, await readDefinitions(sys, config, wanted, undefined));
}

/** Finds the networks, and admits those that a pod of this namespace may have. */
async function lookUp(
  sys: Sys,
  config: MetaConfig,
  podNamespace: string,
  wanted: readonly Wanted[],
  api: KubeClient | undefined,
): Promise<Outcome<readonly Wanted[], CniError>> {
  const defined = await readDefinitions(sys, config, wanted, api);
  const found = readSources(sys, config, defined);
  const decoded = await decodeTenants(sys, config, isolate(config, podNamespace, found));
  return decoded.ok ? admit(config, podNamespace, decoded.value) : decoded;
}
