import { printAddress } from "../../cni/address.ts";
import { type CniError, failWith } from "../../cni/errors.ts";
import type { CniResult, IpConfig, Route } from "../../cni/types.ts";
import { addAddress, type FoundAddress, listAddresses, removeAddress } from "../../net/addresses.ts";
import { isSameBytes } from "../../net/bytes.ts";
import { getLink, type Link, makeLink, setLink } from "../../net/links.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import { linkAddress } from "../link/configure.ts";
import { forwardPackets } from "../link/forwarding.ts";
import { hostEndName } from "../link/host-end.ts";
import {
  addressOf,
  bytesOf,
  firstHostOf,
  isInSubnet,
  printSubnet,
  type Subnet,
  subnetOf,
} from "../link/ip-bytes.ts";
import { ask, askWhether, type OpenNamespace } from "../link/site.ts";
import { type BridgeConfig, gatewayLink } from "./config.ts";
import { configurePort } from "./ports.ts";

/** RT_SCOPE_LINK. */
const linkScope = 253;

/** The index of the container's interface in the result: the bridge and the host's end come before it. */
const containerIndex = 2;

/**
 * Completes what the IPAM plugin has given: an address without a gateway has the first address of its subnet, and the default
 * route goes by the gateway, if the configuration says so.
 */
export function withGateways(
  { ips = [], routes = [] }: CniResult,
  { isGateway, isDefaultGateway }: BridgeConfig,
): { readonly ips: IpConfig[]; readonly routes: Route[] } {
  const completed = ips.map((ip): IpConfig => {
    const { gateway = isGateway ? firstAddress(ip) : undefined } = ip;
    return { ...ip, ...(gateway !== undefined && { gateway }), interface: containerIndex };
  });
  const all = [...routes];
  for (const { address, gateway } of isDefaultGateway ? completed : []) {
    const dst = address.includes(":") ? "::/0" : "0.0.0.0/0";
    if (gateway !== undefined && !all.some((route) => route.dst === dst)) all.push({ dst, gw: gateway });
  }
  return { ips: completed, routes: all };
}

function firstAddress({ address }: IpConfig): string {
  return printAddress(addressOf(firstHostOf(subnetOf(address))));
}

/** The gateways with the prefixes of their subnets. */
export function gatewaysOf(ips: readonly IpConfig[]): Subnet[] {
  return ips.flatMap(({ address, gateway }) =>
    gateway === undefined ? [] : [{ bytes: bytesOf(gateway), prefix: subnetOf(address).prefix }],
  );
}

/** The link that is to have the gateways' addresses: the bridge, or in a VLAN a link of its own. Errors: `link.refused`. */
export function ensureGatewayLink(
  host: OpenNamespace,
  bridge: Link,
  config: BridgeConfig,
): Outcome<Link, CniError> {
  const { vlan, mtu } = config;
  if (vlan === 0) return ok(bridge);
  const name = gatewayLink(bridge.name, vlan);
  const found = askWhether(host, getLink(name), ["ENODEV"], `look at ${name}`);
  if (!found.ok) return found;
  if (found.value !== undefined) return connectGatewayLink(host, bridge, found.value, config);
  const ownMtu = { mtu: mtu ?? bridge.mtu };
  const peer = { name: hostEndName(bridge.name, name), transmitQueue: 0, ...ownMtu };
  // Another pod may make it just now.
  const made = askWhether(host, makeLink({ name, up: true, ...ownMtu }, { kind: "veth", peer }), ["EEXIST"]);
  if (!made.ok) return made;
  const link = ask(host, getLink(name), `look at ${name}`);
  return link.ok ? connectGatewayLink(host, bridge, link.value, config) : link;
}

/** Puts the other end of the gateway's link into the bridge, if nobody has done so yet. Returns the link. */
function connectGatewayLink(
  host: OpenNamespace,
  bridge: Link,
  link: Link,
  config: BridgeConfig,
): Outcome<Link, CniError> {
  if (link.kind !== "veth" || link.parent === undefined) return ok(link);
  const port = ask(host, getLink(link.parent), `look at the other end of ${link.name}`);
  if (!port.ok || port.value.master === bridge.index) return port.ok ? ok(link) : port;
  const { index, name } = port.value;
  const change = { master: bridge.index, up: true };
  const enslaved = ask(host, setLink(index, change), `put ${name} into ${bridge.name}`);
  if (!enslaved.ok) return enslaved;
  const plain = { ...config, hairpin: false, isolated: false, trunk: [] };
  const configured = configurePort(host, bridge, port.value, plain);
  if (!configured.ok || link.isUp) return configured.ok ? ok(link) : configured;
  const risen = ask(host, setLink(link.index, { up: true }), `take ${link.name} up`);
  return risen.ok ? ok(link) : risen;
}

/**
 * Gives a link the gateways' addresses, and has the node forward. Returns whether the link has got one. Errors:
 * `link.other-address`, `link.refused`.
 */
export function ensureGateways(
  host: OpenNamespace,
  link: Link,
  gateways: readonly Subnet[],
  config: BridgeConfig,
): Outcome<boolean, CniError> {
  const listed = ask(host, listAddresses(link.index), `list the addresses of ${link.name}`);
  if (!listed.ok) return listed;
  // Gateways of one network are not in each other's way, whichever came first.
  const others = listed.value.filter((each) => !gateways.some((gateway) => isThis(each, gateway)));
  let isNew = false;
  for (const gateway of gateways) {
    if (listed.value.some((each) => isThis(each, gateway))) continue;
    const cleared = clearWay(host, link, others, gateway, config.forceAddress);
    if (!cleared.ok) return cleared;
    const request = addAddress(linkAddress(link.index, gateway));
    const given = askWhether(host, request, ["EEXIST"], `give ${printSubnet(gateway)} to ${link.name}`);
    if (!given.ok) return given;
    isNew = true;
  }
  if (isNew) {
    // A bridge that others have made has its lowest port's address, until it is given one: from now on hosts know this one.
    const kept = ask(
      host,
      setLink(link.index, { hardware: link.hardware }),
      `keep the MAC address of ${link.name}`,
    );
    if (!kept.ok) return kept;
  }
  const forwarded = forwardPackets(host, gateways);
  return forwarded.ok ? ok(isNew) : forwarded;
}

/** IPv6 subnets that do not overlap may be beside each other. Any other address is in the gateway's way. */
function clearWay(
  host: OpenNamespace,
  link: Link,
  present: readonly FoundAddress[],
  gateway: Subnet,
  force: boolean,
): Outcome<void, CniError> {
  for (const each of present) {
    const { address: bytes, prefix } = each;
    if (bytes.length !== gateway.bytes.length) continue;
    // The kernel gives every link such an address, which no gateway's is in the way of.
    if (bytes.length === 16 && each.scope === linkScope) continue;
    const overlaps = isInSubnet(gateway.bytes, { bytes, prefix }) || isInSubnet(bytes, gateway);
    if (bytes.length === 16 && !overlaps) continue;
    if (!force) {
      const msg = `${link.name} has the address ${printSubnet({ bytes, prefix })}, not ${printSubnet(gateway)}`;
      const why = `Two networks may share a bridge only with one gateway for each family. "forceAddress": true replaces the address.`;
      return failWith("link", "link.other-address", msg, why);
    }
    const removed = askWhether(host, removeAddress(each), ["EADDRNOTAVAIL"]);
    if (!removed.ok) return removed;
  }
  return ok(undefined);
}

export function isThis({ address, prefix }: FoundAddress, subnet: Subnet): boolean {
  return prefix === subnet.prefix && isSameBytes(address, subnet.bytes);
}
