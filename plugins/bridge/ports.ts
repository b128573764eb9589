import type { CniError } from "../../cni/errors.ts";
import { addVlans, removeVlans, setBridgePort, type VlanSpec } from "../../net/bridge-vlans.ts";
import { readU16 } from "../../net/bytes.ts";
import type { Link } from "../../net/links.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import { ask, askWhether, type OpenNamespace } from "../link/site.ts";
import type { BridgeConfig } from "./config.ts";

/** IFLA_BR_VLAN_DEFAULT_PVID. */
const defaultVlan = 39;
/** What a bridge puts a new port into, unless it says otherwise. */
const usualVlan = 1;

type PortConfig = Pick<BridgeConfig, "hairpin" | "isolated" | "vlan" | "trunk" | "preservesDefaultVlan">;

/** The VLANs that a port of this configuration is in, beside the bridge's default one. */
export function portVlans({ vlan, trunk }: Pick<BridgeConfig, "vlan" | "trunk">): VlanSpec[] {
  const own = { isPvid: true, isUntagged: true };
  // A trunk alone has the first VLAN for frames without a tag.
  if (vlan === 0) return trunk.length === 0 ? [] : [...trunk, { id: usualVlan, ...own }];
  return [{ id: vlan, ...own }, ...trunk];
}

/** Sets what is special of a port: nothing, for most networks. Errors: `link.refused`. */
export function configurePort(
  host: OpenNamespace,
  bridge: Link,
  port: Pick<Link, "index" | "name">,
  config: PortConfig,
): Outcome<void, CniError> {
  const { index, name } = port;
  const { hairpin, isolated, preservesDefaultVlan } = config;
  if (hairpin || isolated) {
    const change = { ...(hairpin && { hairpin }), ...(isolated && { isolated }) };
    const set = ask(
      host,
      setBridgePort(index, change),
      `set ${Object.keys(change).join(", ")} of port ${name}`,
    );
    if (!set.ok) return set;
  }
  const vlans = portVlans(config);
  if (vlans.length === 0) return ok(undefined);
  const usual = readU16(bridge.kindData.get(defaultVlan) ?? Uint8Array.of(usualVlan, 0));
  if (!preservesDefaultVlan && usual !== 0) {
    const removed = askWhether(
      host,
      removeVlans(index, "master", [{ id: usual }]),
      ["ENOENT"],
      `take port ${name} out of VLAN ${usual}`,
    );
    if (!removed.ok) return removed;
  }
  return ask(host, addVlans(index, "master", vlans), `put port ${name} into its VLANs`);
}
