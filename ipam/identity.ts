import { type Environment, isName, parseArgs } from "../cni/environment.ts";
import { type CniError, failWith } from "../cni/errors.ts";
import { type Outcome, ok } from "../sys/outcome.ts";

/** Whom an address belongs to: an interface of a pod, whatever its sandbox, or of one container only. */
export type Identity =
  | {
      readonly kind: "pod";
      readonly namespace: string;
      readonly pod: string;
      readonly ifname: string;
      /** Evidence, never part of the key: not every runtime tells it. */
      readonly uid: string | undefined;
    }
  | { readonly kind: "container"; readonly containerId: string; readonly ifname: string };

/**
 * Who asks. `pod`: namespace, name and interface, as the runtime's CNI_ARGS name them; where they name no pod, and under
 * `container`, it is the container. Errors: `ipam.identity` when what is named cannot be a pod.
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

/** For people, and for hashing: no two identities are written alike, as no namespace holds a colon. */
export function printIdentity(identity: Identity): string {
  return identity.kind === "pod"
    ? `${identity.namespace}/${identity.pod}/${identity.ifname}`
    : `container:${identity.containerId}/${identity.ifname}`;
}

/** Whom an attachment may have been recorded for, whatever the configuration said then. */
export function possibleIdentities(environment: Environment): string[] {
  const { containerId, ifname } = environment;
  const pod = identify(environment, "pod");
  const identities = [...(pod.ok ? [pod.value] : []), { kind: "container", containerId, ifname } as const];
  return [...new Set(identities.map(printIdentity))];
}
