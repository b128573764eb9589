import { canonicalAddress } from "../../cni/address.ts";
import { type CniError, failWith } from "../../cni/errors.ts";
import { canonicalHardware } from "../../cni/hardware.ts";
import { ipsOf } from "../../cni/result.ts";
import type { CniResult, Interface, IpConfig, Route } from "../../cni/types.ts";
import { type FoundAddress, listAddresses } from "../../net/addresses.ts";
import { isSameBytes, printHardware } from "../../net/bytes.ts";
import { family } from "../../net/link-kinds.ts";
import { getLink, type Link } from "../../net/links.ts";
import { type IpRoute, listRoutes } from "../../net/routes.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import { bytesOf, familyOf, masked, subnetOf } from "./ip-bytes.ts";
import { ask, askWhether, type OpenNamespace, type Site } from "./site.ts";

/** What CHECK compares a link with. */
export interface ExpectedLink {
  readonly ifname: string;
  /** CNI_NETNS. */
  readonly netns: string;
  /** What kinds of link it may be, any if this is left out. */
  readonly kinds?: readonly string[];
  /** Undefined if the configuration names none. */
  readonly mtu?: number | undefined;
  readonly mayBeDown?: boolean;
}

export function drifted(why: string): Outcome<never, CniError> {
  return failWith(
    "drift",
    "link.drift",
    why,
    "Something on the node has changed it since. Run DEL, then ADD.",
  );
}

/**
 * CHECK of the container's interface against what ADD has reported: that it is there, its kind, state, hardware address, MTU,
 * addresses and routes. Returns the link. Errors: `link.drift`, `link.refused`.
 */
export function checkContainerLink(
  { container }: Site,
  previous: CniResult,
  expected: ExpectedLink,
): Outcome<Link, CniError> {
  const { ifname, netns } = expected;
  const { interfaces = [] } = previous;
  const index = interfaces.findIndex(({ name, sandbox }) => name === ifname && sandbox === netns);
  const own = interfaces[index];
  if (own === undefined) return drifted(`prevResult has no interface ${ifname} in ${netns}`);
  const found = checkInterface(container, own, expected.kinds);
  if (!found.ok) return found;
  const link = found.value;
  if (!link.isUp && expected.mayBeDown !== true) return drifted(`${ifname} is down`);
  const mtu = own.mtu ?? expected.mtu;
  if (mtu !== undefined && mtu !== link.mtu) return drifted(`${ifname} has MTU ${link.mtu}, not ${mtu}`);
  const addressed = checkAddresses(container, link, ipsOf(previous, index));
  if (!addressed.ok) return addressed;
  const routed = checkRoutes(container, previous.routes ?? []);
  return routed.ok ? ok(link) : routed;
}

/** Finds an interface of a result by its name, and compares its kind and hardware address. */
export function checkInterface(
  space: OpenNamespace,
  { name, mac = "" }: Interface,
  kinds?: readonly string[],
): Outcome<Link, CniError> {
  const found = askWhether(space, getLink(name), ["ENODEV"], `look at ${name}`);
  if (!found.ok) return found;
  const link = found.value;
  if (link === undefined) return drifted(`${space.whose} has no interface ${name} any more`);
  if (kinds !== undefined && !kinds.includes(link.kind ?? ""))
    return drifted(`${name} is a link of kind ${link.kind ?? "device"}, not ${kinds.join(" or ")}`);
  const hardware = printHardware(link.hardware);
  if (mac !== "" && canonicalHardware(mac) !== hardware)
    return drifted(`${name} has the hardware address ${hardware}, not ${mac}`);
  return ok(link);
}

/**
 * CHECK of the host's end of a veth pair: an interface of the result on the host that is the peer of the container's. Returns the
 * link.
 */
export function checkHostEnd(
  { host }: Site,
  { interfaces = [] }: CniResult,
  inside: Link,
): Outcome<Link, CniError> {
  for (const each of interfaces) {
    if ((each.sandbox ?? "") !== "") continue;
    const link = askWhether(host, getLink(each.name), ["ENODEV"], `look at ${each.name}`);
    if (!link.ok) return link;
    if (link.value?.kind !== "veth" || link.value.parent !== inside.index) continue;
    if (inside.parent !== link.value.index) continue;
    const checked = checkInterface(host, each, ["veth"]);
    if (!checked.ok) return checked;
    return checked.value.isUp ? checked : drifted(`${each.name} is down`);
  }
  return drifted(`no interface of prevResult on the node is the other end of ${inside.name}`);
}

/** The addresses of the container's interface, as ADD has reported them. */
export function ipsOfInterface(
  previous: CniResult,
  { ifname, netns }: { readonly ifname: string; readonly netns: string },
): IpConfig[] {
  const { interfaces = [] } = previous;
  return ipsOf(
    previous,
    interfaces.findIndex(({ name, sandbox }) => name === ifname && sandbox === netns),
  );
}

export function checkAddresses(
  space: OpenNamespace,
  link: Link,
  ips: readonly IpConfig[],
): Outcome<void, CniError> {
  if (ips.length === 0) return ok(undefined);
  const listed = ask(space, listAddresses(link.index), `list the addresses of ${link.name}`);
  if (!listed.ok) return listed;
  const lost = ips.find(({ address }) => !listed.value.some((each) => isAddress(each, address)));
  return lost === undefined
    ? ok(undefined)
    : drifted(`${link.name} has not the address ${lost.address} any more`);
}

function isAddress({ address, prefix }: FoundAddress, cidr: string): boolean {
  const wanted = subnetOf(canonicalAddress(cidr));
  return prefix === wanted.prefix && isSameBytes(address, wanted.bytes);
}

/** Finds each route of a result in the namespace: in its table, or in any table if the result names none. */
function checkRoutes(space: OpenNamespace, routes: readonly Route[]): Outcome<void, CniError> {
  const found: IpRoute[] = [];
  for (const of of [family.v4, family.v6]) {
    if (!routes.some(({ dst }) => dst.includes(":") === (of === family.v6))) continue;
    const listed = ask(space, listRoutes(of));
    if (!listed.ok) return listed;
    found.push(...listed.value);
  }
  const lost = routes.find((route) => !found.some((each) => isRoute(each, route)));
  if (lost === undefined) return ok(undefined);
  const via = lost.gw === undefined ? "" : ` via ${lost.gw}`;
  return drifted(`${space.whose} has not the route ${lost.dst}${via} any more`);
}

function isRoute(route: IpRoute, { dst, gw, priority, table }: Route): boolean {
  const subnet = subnetOf(dst);
  if (route.family !== familyOf(subnet.bytes) || route.prefix !== subnet.prefix) return false;
  if (subnet.prefix > 0 && !isSameBytes(route.destination, masked(subnet))) return false;
  if (table !== undefined && route.table !== table) return false;
  if (priority !== undefined && route.priority !== priority) return false;
  if (gw === undefined) return true;
  const gateway = bytesOf(gw);
  return [route, ...(route.multipath ?? [])].some(
    (hop) => hop.gateway !== undefined && isSameBytes(hop.gateway, gateway),
  );
}
