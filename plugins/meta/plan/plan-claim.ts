import { type Chain, declaredCapabilities } from "../../../cni/chain.ts";
import { foldKey } from "../../../cni/fold.ts";
import { isObject, type JsonObject } from "../../../cni/json.ts";
import type { MetaConfig } from "../config/config.ts";

/** The only IPAM plugin that has MAC addresses. */
export const giver = "hawser-flat";

/**
 * hawser-flat gives each identity a MAC address, and the main plugin sets it: but the main plugin learns nothing of it, for
 * it asks for addresses only. So they are claimed before it runs, in its name: the claim is the container's and the
 * interface's, and the main plugin's own call gets the same again.
 */
export interface EarlyClaim {
  /** The plugins, by their places in the chain, that are given the identity's MAC address. */
  readonly to: readonly number[];
  /** What is asked for instead. The plugin whose IPAM it is does not declare it, and would not pass it on. */
  readonly asked?: string;
  /** As Multus does, each plugin is told in CNI_ARGS as well. */
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
  // Who names one in the definition has decided.
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

/** As Go's plugins find it, in whatever case. */
function textAt(object: JsonObject, key: string): string {
  const found = Object.keys(object).find((each) => foldKey(each) === foldKey(key));
  const value = found === undefined ? "" : object[found];
  return typeof value === "string" ? value : "";
}
