import { type CniError, within } from "../../cni/errors.ts";
import type { JsonObject } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { NetworkRequest } from "../../kube/annotation.ts";
import type { KubeClient } from "../../kube/client.ts";
import type { Definition } from "../../kube/definitions.ts";
import { annotationsFrom, type PodIdentity, podOf } from "../../kube/pod.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import type { MetaConfig } from "./config.ts";
import { readDefinitions, readNamed } from "./lookup.ts";
import { type Admitted, admit } from "./policy.ts";
import { type Asked, configured, defaultNamespace, readRequests, warnOfIgnored } from "./requests.ts";

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
  /** `delegate`, a file of confDir, or the definition that the pod has chosen in its place. */
  readonly source: string;
  readonly config: JsonObject;
  /** The pod's own choice of its primary; undefined: it has the node's. */
  readonly request?: NetworkRequest;
}

/** Without an API client, what the node itself knows must do. */
export async function observe(
  sys: Sys,
  config: MetaConfig,
  { environment }: Invocation,
  api: KubeClient | undefined,
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
  const primary = own === undefined ? readPrimary(sys, config) : ok(primaryOf(own));
  if (!primary.ok) return primary;
  return ok({ pod, primary: primary.value, wanted: wantedOf(admitted.value) });
}

/** What STATUS and GC ask: the networks that every pod gets, whatever its annotations say. */
export async function observeStanding(
  sys: Sys,
  config: MetaConfig,
  api: KubeClient | undefined,
): Promise<Outcome<Observed, CniError>> {
  const primary = readPrimary(sys, config);
  if (!primary.ok) return primary;
  const asked = configured(config);
  if (!asked.ok) return asked;
  const admitted = await readAdmitted(sys, config, defaultNamespace, asked.value, api);
  if (!admitted.ok) return admitted;
  return ok({ pod: undefined, primary: primary.value, wanted: wantedOf(admitted.value) });
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

function primaryOf({ request, definition }: Admitted): FoundPrimary {
  const { source, config } = definition;
  return { name: `${request.namespace}/${request.name}`, source, config, request };
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
