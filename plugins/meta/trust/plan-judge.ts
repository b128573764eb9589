import { type CniError, failWith } from "../../../cni/errors.ts";
import type { Definition } from "../../../kube/definition.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { MetaConfig } from "../config/config.ts";
import { type Decoded, decodeDefinition } from "./decode.ts";
import { ownerOf } from "./owner.ts";
import { grantFor, opensTo, type Resources } from "./resources.ts";

export { readResources } from "./resources.ts";

/**
 * The part of a tenant's or borrower's definition that plugins may be given. A tenant's definition is decoded. A borrower gets
 * the operator's network if the network is open to its namespace. Errors: `meta.definition-denied`, `meta.network-denied`.
 */
export function judge(
  sys: Sys,
  config: MetaConfig,
  resources: Resources,
  definition: Definition,
): Outcome<Decoded, CniError> {
  if (ownerOf(config, definition) === "borrower") return lend(config, resources, definition);
  const decoded = decodeDefinition(config, resources, definition);
  if (decoded.ok) {
    for (const each of decoded.value.leftOut) {
      sys.warn(`hawser: network definition ${definition.namespace}/${definition.name}: left out: ${each}`);
    }
  }
  return decoded;
}

/**
 * Lends the operator's network to a namespace that it is open to. If the resources file names no networks, Multus's dialect
 * opens all of them and Hawser's none.
 */
function lend(
  { dialect }: MetaConfig,
  { networks }: Resources,
  { namespace, name, config }: Definition,
): Outcome<Decoded, CniError> {
  const grant = networks === undefined ? undefined : grantFor(networks, "networks", name);
  const isOpen =
    networks === undefined ? dialect === "multus" : grant !== undefined && opensTo(grant, namespace);
  if (isOpen) return ok({ config, grants: grant === undefined ? [] : [grant], leftOut: [] });
  return failWith(
    "selection",
    "meta.network-denied",
    `read network definition ${namespace}/${name}: it has no configuration, and so means a network of the node's operator, which is not open to namespace ${namespace}`,
    `Write the configuration into spec.config. The operator opens a network of confDir by its name under "networks" in resources.json.`,
  );
}
