import type { Definition } from "../../../kube/definition.ts";
import type { AssignedDevice } from "../../../kube/devices/assign.ts";
import type { PodIdentity } from "../../../kube/pod.ts";
import type { NetworkRequest } from "../../../kube/request.ts";
import type { FoundNetwork } from "./source.ts";

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
  /** A file of the node defines the pod; in the API it has another uid. */
  readonly isStatic?: boolean;
  /** What only the API could have told, where it was not to be asked: for people. */
  readonly notAsked?: readonly string[];
}

export interface FoundPrimary extends FoundNetwork {
  /** The pod's own choice of its primary; undefined: it has the node's. */
  readonly request?: NetworkRequest;
}

/** `index` counts the secondaries from 0. */
export function interfaceNameOf(request: NetworkRequest, index: number): string {
  return request.interface ?? `net${index + 1}`;
}
