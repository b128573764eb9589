import type { Definition } from "../../../kube/definition.ts";
import type { MetaConfig } from "../config/config.ts";

/**
 * Whose text a definition is. What lies on the node is the operator's, and so is what the namespaces hold that he trusts. A
 * `tenant` is whoever may write to another namespace; his definition without a configuration is a `borrower` of the
 * operator's network in confDir that has its name.
 */
export type Owner = "operator" | "tenant" | "borrower";

export function ownerOf(
  { trustedNamespaces }: Pick<MetaConfig, "trustedNamespaces">,
  { keptIn, namespace, isOfConfDir }: Definition,
): Owner {
  if (keptIn === "disk" || trustedNamespaces.includes(namespace)) return "operator";
  return isOfConfDir === true ? "borrower" : "tenant";
}
