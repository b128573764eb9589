import { hasId } from "../../../cni/errors.ts";
import { allowedNamespacesAnnotation, type Definition } from "../../../kube/definition.ts";
import type { MetaConfig } from "../config/config.ts";
import type { Lookup, Wanted } from "./wanted.ts";

/** In place of a list of namespaces, this word stands for all of them. */
export const everyone = "*";

type Isolation = Pick<MetaConfig, "crossNamespace">;

/**
 * Takes from the list the definition that was found of a foreign network, unless the network is open to the pod's namespace.
 * After that, no error can show whether the network exists. The networks that the operator wants for every pod are not looked
 * at.
 */
export function isolate(policy: Isolation, podNamespace: string, wanted: readonly Wanted[]): Wanted[] {
  return wanted.map((each): Wanted => {
    const { origin, request, lookup } = each;
    if (origin === "configuration" || request === undefined || lookup.kind === "not-asked") return each;
    const isOpen = mayUse(policy, podNamespace, request.namespace, lookup) || isOutage(lookup);
    return isOpen ? each : { ...each, lookup: { kind: "foreign" } };
  });
}

function mayUse(
  { crossNamespace }: Isolation,
  podNamespace: string,
  namespace: string,
  lookup: Lookup,
): boolean {
  if (namespace === podNamespace) return true;
  if (crossNamespace.includes(namespace) || crossNamespace.includes(everyone)) return true;
  if (lookup.kind !== "found") return false;
  const opened = wordsOf(lookup.definition, allowedNamespacesAnnotation);
  return opened.includes(podNamespace) || opened.includes(everyone);
}

/** The API did not answer, or refused us: such an error tells nothing of the network. */
function isOutage(lookup: Lookup): boolean {
  return (
    lookup.kind === "failed" &&
    !hasId(lookup.error, "kube.unknown-network", "kube.bad-definition", "kube.read")
  );
}

/** The names that an annotation of a definition lists, with commas between them. */
export function wordsOf({ annotations }: Pick<Definition, "annotations">, annotation: string): string[] {
  const text = Object.hasOwn(annotations, annotation) ? (annotations[annotation] ?? "") : "";
  return text.split(",").flatMap((word) => (word.trim() === "" ? [] : [word.trim()]));
}
