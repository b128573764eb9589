import { kindOf } from "../cni/config.ts";
import { type Environment, parseArgs } from "../cni/environment.ts";
import { type CniError, failWith } from "../cni/errors.ts";
import { isObject, type Json } from "../cni/json.ts";
import { type Outcome, ok } from "../sys/outcome.ts";
import { areTexts, listed, quote } from "./text.ts";

/** The annotation with the pod's choice of networks (multi-network specification 1.3, section 4.1). */
export const networksAnnotation = "k8s.v1.cni.cncf.io/networks";
/** The annotation that tells everybody what the pod got. */
export const networkStatusAnnotation = "k8s.v1.cni.cncf.io/network-status";
/** Multus's annotation for another primary network of this pod. */
export const defaultNetworkAnnotation = "v1.multus-cni.io/default-network";

/** What a configuration must declare under `capabilities` for the runtime to pass the pod's annotations. */
export const podAnnotationsCapability = "io.kubernetes.cri.pod-annotations";

/** The pod of the sandbox, by the kubelet's values in CNI_ARGS. */
export interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid?: string;
  /** The sandbox's container ID. */
  readonly infraContainerId?: string;
}

/** Undefined when the sandbox is no pod's: `ctr` and podman name no namespace. */
export function podOf({ args }: Environment): PodIdentity | undefined {
  // The pairs come in random order (containerd); an empty value says as little as none.
  const pairs = parseArgs(args);
  const namespace = pairs.get("K8S_POD_NAMESPACE") ?? "";
  const name = pairs.get("K8S_POD_NAME") ?? "";
  if (namespace === "" || name === "") return undefined;
  const uid = pairs.get("K8S_POD_UID") ?? "";
  const infraContainerId = pairs.get("K8S_POD_INFRA_CONTAINER_ID") ?? "";
  return {
    namespace,
    name,
    ...(uid !== "" && { uid }),
    ...(infraContainerId !== "" && { infraContainerId }),
  };
}

/** What the runtime said of the pod's annotations. */
export type Annotations =
  | { readonly kind: "given"; readonly values: Readonly<Record<string, string>> }
  /** The runtime has not passed them: it is too old, or the configuration does not ask for them. */
  | { readonly kind: "absent" };

/**
 * The pod's annotations out of runtimeConfig (containerd >= 1.5, CRI-O >= 1.29); null means that the pod has none.
 * Errors: `kube.pod-annotations`.
 */
export function annotationsFrom(runtimeConfig: Json | undefined): Outcome<Annotations, CniError> {
  if (runtimeConfig === undefined || runtimeConfig === null) return ok({ kind: "absent" });
  if (!isObject(runtimeConfig)) return refuse(`runtimeConfig is ${kindOf(runtimeConfig)}, not an object`);
  const values = runtimeConfig[podAnnotationsCapability];
  if (values === undefined) return ok({ kind: "absent" });
  if (values === null) return ok({ kind: "given", values: {} });
  if (!isObject(values)) return refuse(`it is ${kindOf(values)}, not an object`);
  if (areTexts(values)) return ok({ kind: "given", values });
  const wrong = Object.entries(values).filter(([, value]) => typeof value !== "string");
  const shown = wrong.map(([key, value]) => `${quote(key)} is ${kindOf(value)}`);
  return refuse(`${listed(shown, 5)}, not a string`);
}

function refuse(why: string): Outcome<never, CniError> {
  return failWith(
    "invalidConfig",
    "kube.pod-annotations",
    `read the pod's annotations (runtimeConfig ${podAnnotationsCapability}): ${why}`,
    "The container runtime passes them; by hand, give an object of strings.",
  );
}

/**
 * Whether the object in the API is the mirror of the static pod that the sandbox is for. The kubelet names a static pod by
 * a uid of its own, which it writes into this annotation of the mirror. Anybody who may create pods can write it, too: only
 * with the sandbox's own uid in it does it say anything.
 */
export function isMirrorOf(annotations: Readonly<Record<string, string>>, uid: string | undefined): boolean {
  return uid !== undefined && annotations["kubernetes.io/config.mirror"] === uid;
}

/** Whether the kubelet has the pod from elsewhere than the API. It tells the runtime so, whatever the pod's author wrote. */
export function isOfNode(annotations: Readonly<Record<string, string>>): boolean {
  return (annotations["kubernetes.io/config.source"] ?? "api") !== "api";
}
