import { type Chain, declaredCapabilities } from "../../../cni/chain.ts";
import { foldKey } from "../../../cni/fold.ts";
import { isObject, type JsonObject } from "../../../cni/json.ts";
import type { MetaConfig } from "../config/config.ts";

/** The only IPAM plugin that has MAC addresses. */
export const giver = "hawser-flat";

/**
 * hawser-flat gives each identity a MAC address, which the main plugin has to set. But the main plugin asks for addresses only, and
 * learns no MAC address. So the addresses are claimed before the main plugin runs, in its name. A claim belongs to a container
 * and an interface: the main plugin's own call gets the same addresses.
 */
export interface EarlyClaim {
  /** The plugins, by their places in the chain, that are given the identity's MAC address. */
  readonly to: readonly number[];
  /** The MAC address that the pod asks for. The plugin with the IPAM part does not declare `mac`, and would not pass it on. */
  readonly asked?: string;
  /** Each plugin finds the MAC address in CNI_ARGS, too, as with Multus. */
  readonly inArgs?: true;
}

/**
 * Whether a chain's addresses are to be claimed early. `chain` as its author wrote it, `complete` as it is sent; `asked` is
 * the MAC address that was supplied, if any.
 */
export function planClaim(
  { dialect }: Pick<MetaConfig, "dialect">,
  chain: Chain,
  complete: Chain,
  asked: unknown,
): EarlyClaim | undefined {
  // A plugin of a definition that was written for Multus finds the address in CNI_ARGS.
  const isInArgs = dialect === "multus";
  const source = chain.plugins.find(isSource);
  const to = [...chain.plugins.keys()].filter((at) => declaresMac(chain.plugins[at]));
  if (source === undefined || to.length === 0) return undefined;
  if (typeof asked === "string") return declaresMac(source) || isInArgs ? undefined : { to: [], asked };
  const isOff = isObject(source.ipam) && textAt(source.ipam, "mac") === "none";
  // A MAC address in the definition goes before the identity's.
  return isOff || complete.plugins.some(namesMac) ? undefined : { to, ...(isInArgs && { inArgs: true }) };
}

function declaresMac(plugin: JsonObject | undefined): boolean {
  return plugin !== undefined && declaredCapabilities(plugin).includes("mac");
}

export function isSource({ ipam }: JsonObject): boolean {
  return isObject(ipam) && ipam.type === giver;
}

function namesMac(plugin: JsonObject): boolean {
  const cni = isObject(plugin.args) && isObject(plugin.args.cni) ? plugin.args.cni : {};
  return textAt(plugin, "mac") !== "" || textAt(cni, "mac") !== "";
}

/** The text under a key in any case, as plugins of Go's find it. */
function textAt(object: JsonObject, key: string): string {
  const found = Object.keys(object).find((each) => foldKey(each) === foldKey(key));
  const value = found === undefined ? "" : object[found];
  return typeof value === "string" ? value : "";
}
