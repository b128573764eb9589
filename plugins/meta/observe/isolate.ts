import { hasId } from "../../../cni/errors.ts";
import { allowedNamespacesAnnotation, type Definition } from "../../../kube/definition.ts";
import type { MetaConfig } from "../config/config.ts";
import type { Lookup, Wanted } from "./wanted.ts";

/** In place of a list of names: all of them. */
export const everyone = "*";

type Isolation = Pick<MetaConfig, "crossNamespace">;

/**
 * Takes what was found of another namespace's network out of the list, unless the network is open to the pod's namespace:
 * from here on nobody can tell of it whether there is one. What the operator wants for every pod is not looked at.
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

/** What an annotation of a definition lists, separated by commas. */
export function wordsOf({ annotations }: Pick<Definition, "annotations">, annotation: string): string[] {
  const text = Object.hasOwn(annotations, annotation) ? (annotations[annotation] ?? "") : "";
  return text.split(",").flatMap((word) => (word.trim() === "" ? [] : [word.trim()]));
}
