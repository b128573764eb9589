import { type Environment, isName, parseArgs } from "../cni/environment.ts";
import { type CniError, failWith } from "../cni/errors.ts";
import { type Outcome, ok } from "../sys/outcome.ts";

/** The owner of an address: an interface of a pod in all its sandboxes, or an interface of one container. */
export type Identity =
  | {
      readonly kind: "pod";
      readonly namespace: string;
      readonly pod: string;
      readonly ifname: string;
      /** Only evidence, and no part of the key, because not every runtime tells it. */
      readonly uid: string | undefined;
    }
  | { readonly kind: "container"; readonly containerId: string; readonly ifname: string };

/**
 * Finds the identity that asks. Under `pod` it is namespace, name and interface, as the runtime's CNI_ARGS name them. If they
 * name no pod, and under `container`, it is the container. Errors: `ipam.identity` if the names cannot be a pod's.
 */
export function identify(environment: Environment, kind: Identity["kind"]): Outcome<Identity, CniError> {
  const { containerId, ifname, args } = environment;
  const pairs = parseArgs(args);
  const namespace = pairs.get("K8S_POD_NAMESPACE") ?? "";
  const pod = pairs.get("K8S_POD_NAME") ?? "";
  if (kind === "container" || namespace === "" || pod === "")
    return ok({ kind: "container", containerId, ifname });
  if (!isName(namespace) || !isName(pod)) {
    return failWith(
      "badEnvironment",
      "ipam.identity",
      `identify the pod: CNI_ARGS name ${JSON.stringify(`${namespace}/${pod}`)}, which can be no pod`,
      "Names start with a letter or digit; letters, digits, '_', '.' and '-' follow.",
    );
  }
  return ok({ kind: "pod", namespace, pod, ifname, uid: pairs.get("K8S_POD_UID") });
}

/** Writes an identity for people and for hashing. No two are written alike, because no namespace has a colon. */
export function printIdentity(identity: Identity): string {
  return identity.kind === "pod"
    ? `${identity.namespace}/${identity.pod}/${identity.ifname}`
    : `container:${identity.containerId}/${identity.ifname}`;
}

/** All identities that an attachment may have been recorded for, by whichever configuration. */
export function possibleIdentities(environment: Environment): string[] {
  const { containerId, ifname } = environment;
  const pod = identify(environment, "pod");
  const identities = [...(pod.ok ? [pod.value] : []), { kind: "container", containerId, ifname } as const];
  return [...new Set(identities.map(printIdentity))];
}
