import type { CniError } from "../../../cni/errors.ts";
import type { Definition } from "../../../kube/definition-files.ts";
import type { AssignedDevice } from "../../../kube/devices/assign.ts";
import type { PodIdentity } from "../../../kube/pod.ts";
import type { NetworkRequest } from "../../../kube/request.ts";
import type { Outcome } from "../../../sys/outcome.ts";
import type { Auxiliary, MetaConfig, NetworkSource } from "../config/config.ts";
import type { Decoded } from "../trust/decode.ts";
import type { Requests } from "./requests.ts";

/**
 * One network that a pod is to get, from the moment when somebody wants it until it is found and admitted. Every stage of
 * `observe` takes the list of them and returns it.
 */
export interface Wanted {
  readonly role: "primary" | "secondary";
  /** Whether the operator wants it for every pod, or this pod's author asks for it. */
  readonly origin: "configuration" | "annotation";
  /** The request of an entry of an annotation or of `networks`. Undefined if there is a `choice`. */
  readonly request?: NetworkRequest;
  readonly choice?: OperatorsChoice;
  readonly lookup: Lookup;
  /** The pod's device that this network gets, where its definition names a resource. */
  readonly device?: AssignedDevice;
}

/** A network that a field of the operator's configuration names by where it is found. */
export interface OperatorsChoice {
  /** The configuration's field, for errors. */
  readonly field: string;
  readonly source: NetworkSource | ({ readonly kind: "auxiliary" } & Auxiliary);
}

/** How far looking for a wanted network has come. */
export type Lookup =
  | { readonly kind: "unread" }
  | FoundNetwork
  /** Only the API could tell, and it may not be asked; `what` is for people. */
  | { readonly kind: "not-asked"; readonly what: string }
  /** Another namespace's network that is not open to the pod. Nothing of it is kept, not even whether it exists. */
  | { readonly kind: "foreign" }
  | { readonly kind: "failed"; readonly error: CniError };

export interface FoundNetwork {
  readonly kind: "found";
  /** For people: `namespace/name` of its definition, else the name in its configuration. */
  readonly network: string;
  /** The definition as it is written. Once the network is admitted, its configuration is the one that plugins are given. */
  readonly definition: Definition;
  /** The decoded definition, if the definition is not the operator's own text. */
  readonly decoded?: Outcome<Decoded, CniError>;
}

/** All networks of a pod in the order in which they are attached: the primary first, unless hawser is chained. */
export function wantedBy(config: MetaConfig, pod: PodIdentity | undefined, requests: Requests): Wanted[] {
  const { own, configured, chosen } = requests;
  const isSystems = pod !== undefined && config.systemNamespaces.includes(pod.namespace);
  return [
    ...(own.length === 0 ? primaryOf(config) : own.map((request) => asked("primary", "annotation", request))),
    ...(isSystems ? [] : defaultNetworks(config)),
    ...configured.map((request) => asked("secondary", "configuration", request)),
    ...chosen.map((request) => asked("secondary", "annotation", request)),
    ...auxiliaryOf(config),
  ];
}

/** The node's primary network; none when hawser is chained behind its plugin. */
export function primaryOf({ primary, dialect }: MetaConfig): Wanted[] {
  if (primary.kind === "chained") return [];
  const { inline, other } = primaryFields[dialect];
  return [choice("primary", primary.kind === "inline" ? inline : other, primary)];
}

/** Where the configuration names the primary. */
const primaryFields = {
  hawser: { inline: "delegate", other: "the primary network (delegate.name)" },
  multus: { inline: "delegates[0]", other: "clusterNetwork" },
} as const;

/** The networks that the operator attaches to every pod without a request. */
export function defaultNetworks(config: MetaConfig): Wanted[] {
  return config.defaultNetworks.map((source, index) => {
    const field = source.kind === "inline" ? `delegates[${index + 1}]` : `defaultNetworks[${index}]`;
    return choice("secondary", field, source);
  });
}

function auxiliaryOf({ auxiliary }: MetaConfig): Wanted[] {
  if (auxiliary === undefined) return [];
  return [choice("secondary", "auxiliaryCNIChainName", { kind: "auxiliary", ...auxiliary })];
}

function asked(role: Wanted["role"], origin: Wanted["origin"], request: NetworkRequest): Wanted {
  return { role, origin, request, lookup: { kind: "unread" } };
}

function choice(role: Wanted["role"], field: string, source: OperatorsChoice["source"]): Wanted {
  return { role, origin: "configuration", choice: { field, source }, lookup: { kind: "unread" } };
}
