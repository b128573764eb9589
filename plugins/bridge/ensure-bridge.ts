import { type CniError, failWith } from "../../cni/errors.ts";
import { readU8 } from "../../net/bytes.ts";
import { linkFlag } from "../../net/link-kinds.ts";
import { getLink, type Link, makeLink, setLink } from "../../net/links.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { ask, askWhether, ensureSetting, type OpenNamespace } from "../link/site.ts";
import type { BridgeConfig } from "./config.ts";

/** IFLA_BR_VLAN_FILTERING. */
const vlanFiltering = 7;

/**
 * Finds the bridge, or makes it, and takes it up. Pods that come at the same time may make it together. Errors: `link.other-kind`,
 * `link.refused`.
 */
export function ensureBridge(sys: Sys, host: OpenNamespace, config: BridgeConfig): Outcome<Link, CniError> {
  const found = findBridge(host, config.bridge);
  if (!found.ok) return found;
  const bridge = found.value ?? makeBridge(sys, host, config);
  if ("ok" in bridge) return bridge.ok ? prepare(sys, host, bridge.value, config) : bridge;
  return prepare(sys, host, bridge, config);
}

/** Undefined if there is no link of that name. Errors: `link.other-kind`. */
export function findBridge(host: OpenNamespace, name: string): Outcome<Link | undefined, CniError> {
  const found = askWhether(host, getLink(name), ["ENODEV"], `look at bridge ${name}`);
  if (!found.ok || found.value === undefined || found.value.kind === "bridge") return found;
  const msg = `${name} is a link of kind ${found.value.kind ?? "device"}, not a bridge`;
  return failWith("link", "link.other-kind", msg, `Correct "bridge" of the network, or rename that link.`);
}

function makeBridge(
  sys: Sys,
  host: OpenNamespace,
  { bridge: name, mtu, filtersVlans }: BridgeConfig,
): Outcome<Link, CniError> {
  const request = makeLink(
    // With an address of its own the bridge keeps it. Otherwise it would have its lowest port's, and change with its pods.
    { name, hardware: localHardware(sys), up: true, ...(mtu !== undefined && { mtu }) },
    { kind: "bridge", ...(filtersVlans && { vlanFiltering: true }) },
  );
  const made = askWhether(host, request, ["EEXIST"]);
  if (!made.ok) return made;
  const found = findBridge(host, name);
  if (!found.ok) return found;
  return found.value === undefined ? ask(host, getLink(name)) : ok(found.value);
}

/** A hardware address of nobody's: local, and of one interface. */
function localHardware(sys: Sys): Uint8Array {
  const digits = sys.random.hex(12);
  const bytes = Uint8Array.from({ length: 6 }, (_, at) =>
    Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16),
  );
  bytes[0] = ((bytes[0] ?? 0) & 0xfc) | 0x02;
  return bytes;
}

function prepare(
  sys: Sys,
  host: OpenNamespace,
  bridge: Link,
  { promiscuous, filtersVlans }: BridgeConfig,
): Outcome<Link, CniError> {
  const { name, index } = bridge;
  if (filtersVlans && readU8(bridge.kindData.get(vlanFiltering) ?? new Uint8Array()) === 0) {
    sys.warn(
      `hawser: bridge ${name} does not tell VLANs apart: it was made without. Run: ip link set ${name} type bridge vlan_filtering 1`,
    );
  }
  // The routes of the bridge are the plugin's, and nobody's who advertises some on it.
  const owned = ensureSetting(host, `ipv6/conf/${name}/accept_ra`, "0");
  if (!owned.ok) return owned;
  const lacksPromiscuity = promiscuous && (bridge.flags & linkFlag.promiscuous) === 0;
  if (bridge.isUp && !lacksPromiscuity) return ok(bridge);
  const change = { up: true, ...(lacksPromiscuity && { promiscuous: true }) };
  const risen = ask(host, setLink(index, change), `take bridge ${name} up`);
  return risen.ok ? ok(bridge) : risen;
}
