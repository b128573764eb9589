import { cidrFamily, prefixOf } from "../../cni/address.ts";
import type { Chain } from "../../cni/chain.ts";
import type { CniError } from "../../cni/errors.ts";
import { canonicalHardware } from "../../cni/hardware.ts";
import type { JsonObject } from "../../cni/json.ts";
import type { CniResult } from "../../cni/types.ts";

/**
 * Plugins whose CHECK fails on what their own ADD has just made. Multus never sends CHECK to a pod's networks, so nobody sees
 * such a failure there. CRI-O sends CHECK after each ADD, and the pod would never start. Each case is known by the plugin's
 * words and by their cause. The cases are of the reference plugins 1.8.0 and of whereabouts.
 */

/** Plugins that come later in a chain and take away routes that the plugins before them look for. */
const routeMovers = ["sbr", "vrf", "route-override"];
const mainTables = [undefined, 0, 254];

/** Why this failure says nothing of the attachment; undefined when it does. */
export function whyWrong(
  chain: Chain,
  plugin: JsonObject,
  { msg, details }: CniError,
  result: CniResult,
): string | undefined {
  // No known message is longer, and a plugin may say megabytes.
  const said = `${msg} ${details}`.slice(0, 4096);
  return (
    hasNoCheck(said) ??
    routesElsewhere(chain, plugin, said, result) ??
    otherBridge(said) ??
    sameInOtherWords(said)
  );
}

/** bridge asks its IPAM plugin although there is none; whereabouts refuses every CHECK, and with it its main plugin does. */
function hasNoCheck(said: string): string | undefined {
  if (/no plugin name provided/.test(said)) return "it checks an IPAM plugin although the network has none";
  if (/not (yet )?implemented|unimplemented|unknown CNI_COMMAND/i.test(said))
    return "the plugin has no CHECK";
  return undefined;
}

/** Main plugins look only into the main table, for each address's subnet and each route of the result. */
function routesElsewhere(
  { plugins }: Chain,
  plugin: JsonObject,
  said: string,
  { ips = [], routes = [] }: CniResult,
): string | undefined {
  const noSubnet = /Failed to find Gateway/.test(said);
  if (!noSubnet && !/Expected Route .* not found in routing table/.test(said)) return undefined;
  const mover = plugins
    .slice(plugins.indexOf(plugin) + 1)
    .find(({ type }) => routeMovers.includes(String(type)));
  if (mover !== undefined) return `it looks for routes that ${String(mover.type)} has moved`;
  const isAlone = ips.some(({ address }) => cidrFamily(address) === "4" && prefixOf(address) === 32);
  if (noSubnet && isAlone)
    return "it looks for a subnet's route, and an address of the network has no subnet";
  const hasOtherTable = routes.some(({ table }) => !mainTables.includes(table));
  return !noSubnet && hasOtherTable ? "it looks for a route in another table than the route's" : undefined;
}

/** A bridge's own address and mode change with the other pods on it. */
function otherBridge(said: string): string | undefined {
  return /Bridge interface \S+ (Mac doesn't match|configured Promisc Mode)/.test(said)
    ? "it expects of the bridge what changes with the other pods on it"
    : undefined;
}

/** tuning compares texts: the kernel answers with tabs for blanks. */
function sameInOtherWords(said: string): string | undefined {
  const [, wanted = "", found = ""] =
    /configured \S+ of \S+ is (.*?), current value is (.*?)(?: *$|\n)/m.exec(said) ?? [];
  if (wanted === "" || spelt(wanted) !== spelt(found)) return undefined;
  return "it compares texts, and both say the same";
}

function spelt(value: string): string {
  return canonicalHardware(value.trim().split(/\s+/).join(" "));
}
