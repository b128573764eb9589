import type { CniError } from "../../cni/errors.ts";
import type { CniResult, IpConfig, Route } from "../../cni/types.ts";
import { addAddress, type LinkAddress } from "../../net/addresses.ts";
import { family } from "../../net/link-kinds.ts";
import { setLink } from "../../net/links.ts";
import { addRouteBesides, type IpRoute } from "../../net/routes.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { bytesOf, familyOf, lastOf, masked, type Subnet, subnetOf } from "./ip-bytes.ts";
import { settleAddresses } from "./settle.ts";
import { ask, ensureSetting, type OpenNamespace, writeSetting } from "./site.ts";

/** A link by its name and its index in the namespace that it is in. */
export interface NamedLink {
  readonly name: string;
  readonly index: number;
}

/**
 * Gives a link its addresses, takes it up, waits until the addresses can be used, and adds the routes, as the reference plugins do
 * (`ipam.ConfigureIface`). All addresses of the result are for this link. Errors: `link.refused`, `link.duplicate-address`.
 */
export async function configureLink(
  sys: Sys,
  space: OpenNamespace,
  link: NamedLink,
  { ips = [], routes = [] }: CniResult,
): Promise<Outcome<void, CniError>> {
  const hasV6 = ips.some(({ address }) => address.includes(":"));
  if (hasV6) {
    const enabled = enableV6(space, link.name);
    if (!enabled.ok) return enabled;
  }
  for (const { address } of ips) {
    const given = giveAddress(space, link, subnetOf(address));
    if (!given.ok) return given;
  }
  const risen = ask(space, setLink(link.index, { up: true }), `take ${link.name} up`);
  if (!risen.ok) return risen;
  if (hasV6) {
    const settled = await settleAddresses(sys, space, link);
    if (!settled.ok) return settled;
  }
  return addRoutes(space, link, routes, ips);
}

/** Adds the routes of a result by a link that is up. Errors: `link.refused`. */
export function addRoutes(
  space: OpenNamespace,
  link: NamedLink,
  routes: readonly Route[],
  ips: readonly IpConfig[],
): Outcome<void, CniError> {
  for (const route of routes) {
    const added = ask(space, addRouteBesides(linkRoute(link, route, ips)), routeWords(link, route));
    if (!added.ok) return added;
  }
  return ok(undefined);
}

/** Gives one address, with the broadcast address that IPv4 has by custom. */
export function giveAddress(
  space: OpenNamespace,
  { name, index }: NamedLink,
  subnet: Subnet,
): Outcome<void, CniError> {
  const request = addAddress(linkAddress(index, subnet));
  return ask(space, request, request.words.replace(/link \d+$/, name));
}

export function linkAddress(link: number, subnet: Subnet): LinkAddress {
  const { bytes, prefix } = subnet;
  const isBroadcast = bytes.length === 4 && prefix < 31;
  return { link, address: bytes, prefix, ...(isBroadcast && { broadcast: lastOf(subnet) }) };
}

/** Distributions and runtimes may have switched IPv6 off in a new namespace. `lo` needs it for the container's own traffic. */
function enableV6(space: OpenNamespace, name: string): Outcome<void, CniError> {
  for (const each of ["lo", name]) {
    const enabled = ensureSetting(space, `ipv6/conf/${each}/disable_ipv6`, "0");
    if (!enabled.ok) return enabled;
  }
  // Otherwise the kernel would take the addresses away whenever the link goes down.
  return writeSetting(space, `ipv6/conf/${name}/keep_addr_on_down`, "1");
}

/** A route of a result as the kernel takes it. Without a gateway of its own it has that of the first address of its family. */
export function linkRoute(link: NamedLink, route: Route, ips: readonly IpConfig[]): IpRoute {
  const subnet = subnetOf(route.dst);
  const of = familyOf(subnet.bytes);
  const usual = ips.find(
    ({ gateway }) => gateway !== undefined && gateway.includes(":") === (of === family.v6),
  );
  const gateway = route.gw ?? usual?.gateway;
  const { priority, table, scope, mtu, advmss } = route;
  return {
    family: of,
    destination: subnet.prefix === 0 ? new Uint8Array() : masked(subnet),
    prefix: subnet.prefix,
    link: link.index,
    ...(gateway !== undefined && { gateway: bytesOf(gateway) }),
    ...(priority !== undefined && { priority }),
    ...(table !== undefined && { table }),
    ...(scope !== undefined && { scope }),
    ...(mtu !== undefined && { mtu }),
    ...(advmss !== undefined && { advertisedSegment: advmss }),
  };
}

function routeWords({ name }: NamedLink, { dst, gw }: Route): string {
  return `add route ${dst}${gw === undefined ? "" : ` via ${gw}`} to ${name}`;
}
