import type { CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { previousResult } from "../../cni/previous-result.ts";
import type { CniResult } from "../../cni/types.ts";
import { listAddresses } from "../../net/addresses.ts";
import { listVlans, type PortVlan, readBridgePort, type VlanSpec } from "../../net/bridge-vlans.ts";
import { linkFlag } from "../../net/link-kinds.ts";
import { getLink, type Link } from "../../net/links.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import {
  checkContainerLink,
  checkHostEnd,
  checkInterface,
  drifted,
  ipsOfInterface,
} from "../link/check-link.ts";
import { subnetOf } from "../link/ip-bytes.ts";
import { passToIpam } from "../link/ipam.ts";
import { loadSpoofCheck } from "../link/late-filter.ts";
import { ask, askWhether, type OpenNamespace, type Site, withSite } from "../link/site.ts";
import { checkAttachmentMasquerade } from "../link/veth-masquerade.ts";
import { type BridgeConfig, gatewayLink, parseBridgeConfig } from "./config.ts";
import { gatewaysOf, isThis } from "./gateway.ts";
import { portVlans } from "./ports.ts";

/** Compares the bridge, both ends of the veth pair, addresses, routes and rules with what ADD has reported. */
export async function check(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const config = parseBridgeConfig(invocation);
  if (!config.ok) return config;
  const previous = previousResult(invocation.config);
  if (!previous.ok) return previous;
  const allocated = await passToIpam(sys, "CHECK", invocation, config.value.ipam);
  if (!allocated.ok) return allocated;
  return withSite(sys, invocation, async (site) =>
    checkAll(sys, invocation, site, config.value, previous.value),
  );
}

async function checkAll(
  sys: Sys,
  invocation: Invocation,
  site: Site,
  config: BridgeConfig,
  previous: CniResult,
): Promise<Outcome<void, CniError>> {
  const { ifname, netns } = invocation.environment;
  const bridge = checkBridge(site.host, config, previous);
  if (!bridge.ok) return bridge;
  const expected = { ifname, netns, kinds: ["veth"], mayBeDown: config.leavesDown };
  const inside = checkContainerLink(site, previous, expected);
  if (!inside.ok) return inside;
  const end = checkHostEnd(site, previous, inside.value);
  if (!end.ok) return end;
  const port = checkPort(site.host, config, bridge.value, end.value);
  if (!port.ok) return port;
  const gateways = checkGateways(site.host, config, previous, bridge.value);
  if (!gateways.ok) return gateways;
  return checkRules(sys, invocation, site, config, previous, inside.value, end.value);
}

function checkBridge(
  host: OpenNamespace,
  { bridge: name, promiscuous }: BridgeConfig,
  { interfaces = [] }: CniResult,
): Outcome<Link, CniError> {
  const reported = interfaces.find((each) => each.name === name && (each.sandbox ?? "") === "");
  if (reported === undefined) return drifted(`prevResult has no bridge ${name}`);
  const bridge = checkInterface(host, reported, ["bridge"]);
  if (!bridge.ok) return bridge;
  if (!bridge.value.isUp) return drifted(`bridge ${name} is down`);
  if (promiscuous && (bridge.value.flags & linkFlag.promiscuous) === 0)
    return drifted(`bridge ${name} is not in promiscuous mode`);
  return bridge;
}

function checkPort(
  host: OpenNamespace,
  config: BridgeConfig,
  bridge: Link,
  end: Link,
): Outcome<void, CniError> {
  if (end.master !== bridge.index) return drifted(`${end.name} is no port of bridge ${bridge.name} any more`);
  if (config.mtu !== undefined && end.mtu !== config.mtu)
    return drifted(`${end.name} has MTU ${end.mtu}, not ${config.mtu}`);
  const modes = readBridgePort(end.portData);
  for (const key of ["hairpin", "isolated"] as const) {
    if (modes[key] !== config[key]) return drifted(`port ${end.name} is ${modes[key] ? "" : "not "}${key}`);
  }
  const wanted = portVlans(config);
  if (wanted.length === 0) return ok(undefined);
  const listed = ask(host, listVlans());
  if (!listed.ok) return listed;
  const present = listed.value.find(({ link }) => link === end.index)?.vlans ?? [];
  const lost = wanted.find((vlan) => !hasVlan(present, vlan));
  return lost === undefined ? ok(undefined) : drifted(`port ${end.name} is not in VLAN ${lost.id} as it was`);
}

function hasVlan(present: readonly PortVlan[], { id, last = id, isPvid = false }: VlanSpec): boolean {
  for (let each = id; each <= last; each++) {
    const found = present.find((vlan) => vlan.id === each);
    if (found === undefined || (isPvid && !found.isPvid)) return false;
  }
  return true;
}

function checkGateways(
  host: OpenNamespace,
  { isGateway, vlan }: BridgeConfig,
  { ips = [] }: CniResult,
  bridge: Link,
): Outcome<void, CniError> {
  const gateways = isGateway ? gatewaysOf(ips) : [];
  if (gateways.length === 0) return ok(undefined);
  const name = vlan === 0 ? bridge.name : gatewayLink(bridge.name, vlan);
  const link = vlan === 0 ? ok(bridge) : askWhether(host, getLink(name), ["ENODEV"], `look at ${name}`);
  if (!link.ok) return link;
  if (link.value === undefined) return drifted(`the node has no interface ${name} any more`);
  const listed = ask(host, listAddresses(link.value.index), `list the addresses of ${name}`);
  if (!listed.ok) return listed;
  const lost = gateways.find((gateway) => !listed.value.some((each) => isThis(each, gateway)));
  return lost === undefined ? ok(undefined) : drifted(`${name} has not the gateway's address any more`);
}

async function checkRules(
  sys: Sys,
  invocation: Invocation,
  { host }: Site,
  config: BridgeConfig,
  previous: CniResult,
  inside: Link,
  end: Link,
): Promise<Outcome<void, CniError>> {
  if (config.checksSpoofing) {
    const { checkSpoofCheck } = await loadSpoofCheck();
    const restricted = checkSpoofCheck(host.namespace, invocation.environment, end.name, inside.hardware);
    if (!restricted.ok) return restricted;
  }
  const subnets = ipsOfInterface(previous, invocation.environment).map(({ address }) => subnetOf(address));
  return checkAttachmentMasquerade(sys, invocation, host, config, subnets);
}
