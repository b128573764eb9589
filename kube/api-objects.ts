import { type CniError, codes, failWith, within } from "../cni/errors.ts";
import { isObject, type JsonObject } from "../cni/json.ts";
import { fail, type Outcome, ok } from "../sys/outcome.ts";
import { definitionPath, podPath } from "./api-path.ts";
import type { KubeClient } from "./client.ts";
import { type Definition, parseResource } from "./definition.ts";
import { isMirrorOf, isOfNode, type PodIdentity } from "./pod.ts";
import { areTexts, quote } from "./text.ts";

/** The source of a definition of the API. A definition of a file has the file's path there. */
export const apiSource = "Kubernetes API";

/**
 * A pod's annotations, as they are now. Errors: the client's, `kube.pod-gone`, `kube.pod-uid`, `kube.api-answer`. A pod
 * that is gone is an error. Multus reports a success with invented addresses, which the runtime then believes.
 * `believesSource`: any pod that says that it is static counts as static, as in Multus.
 */
export async function fetchAnnotations(
  api: KubeClient,
  pod: PodIdentity,
  believesSource = false,
): Promise<Outcome<Readonly<Record<string, string>>, CniError>> {
  const doing = `read the annotations of pod ${pod.namespace}/${pod.name}`;
  const got = await api.get(podPath(pod.namespace, pod.name));
  if (!got.ok) return fail(isAbsence(got.error) ? gone(doing, got.error) : within(doing, got.error));
  const metadata = metadataOf(got.value, "Pod", pod.name);
  if (metadata === undefined) return otherObject(doing, "Pod");
  const annotations = metadata.annotations ?? {};
  if (!isObject(annotations) || !areTexts(annotations)) return otherObject(doing, "Pod");
  if (pod.uid === undefined || metadata.uid === pod.uid) return ok(annotations);
  if (isMirrorOf(annotations, pod.uid) || (believesSource && isOfNode(annotations))) return ok(annotations);
  return failWith(
    "tryAgainLater",
    "kube.pod-uid",
    `${doing}: its uid is ${quote(String(metadata.uid))}, and the sandbox is for ${quote(pod.uid)}`,
    "The pod was replaced by another of its name; the kubelet ends this sandbox and makes a new one.",
  );
}

/** Undefined where the API has none. Errors: the client's, `kube.bad-definition`, `kube.api-answer`. */
export async function fetchDefinition(
  api: KubeClient,
  namespace: string,
  name: string,
): Promise<Outcome<Definition | undefined, CniError>> {
  const doing = `read network definition ${namespace}/${name}`;
  const got = await api.get(definitionPath(namespace, name));
  if (!got.ok) return isAbsence(got.error) ? ok(undefined) : fail(within(doing, got.error));
  if (metadataOf(got.value, "NetworkAttachmentDefinition", name) === undefined)
    return otherObject(doing, "NetworkAttachmentDefinition");
  return parseResource(got.value, { namespace, name, source: apiSource, keptIn: "api" });
}

function isAbsence({ id }: CniError): boolean {
  return id === "kube.api-not-found" || id === "kube.api-gone";
}

function gone(doing: string, { msg }: CniError): CniError {
  return {
    code: codes.tryAgainLater,
    id: "kube.pod-gone",
    msg: `${doing}: the pod is gone (${msg})`,
    details: "It was deleted, or its name is another cluster's. The kubelet ends the sandbox or tries again.",
  };
}

/** The metadata of the object that was asked for; undefined when the document is another object. */
function metadataOf(object: JsonObject, kind: string, name: string): JsonObject | undefined {
  const { metadata } = object;
  return object.kind === kind && isObject(metadata) && metadata.name === name ? metadata : undefined;
}

function otherObject(doing: string, kind: string): Outcome<never, CniError> {
  return failWith(
    "api",
    "kube.api-answer",
    `${doing}: the answer of the Kubernetes API is not the ${kind} that was asked for`,
    "Is this an API server, and not something before it?",
  );
}
