import type { Definition } from "../../../kube/definition.ts";
import type { MetaConfig } from "../config/config.ts";

/**
 * Whose text a definition is. The operator writes the files of the node and the definitions of the namespaces that he trusts. A
 * `tenant` may write to any other namespace. A tenant's definition without a configuration is a `borrower`: it means the
 * operator's network of its name in confDir.
 */
export type Owner = "operator" | "tenant" | "borrower";

export function ownerOf(
  { trustedNamespaces }: Pick<MetaConfig, "trustedNamespaces">,
  { keptIn, namespace, isOfConfDir }: Definition,
): Owner {
  if (keptIn === "disk" || trustedNamespaces.includes(namespace)) return "operator";
  return isOfConfDir === true ? "borrower" : "tenant";
}
