import { asUnavailable, type CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { previousResult } from "../../cni/previous-result.ts";
import type { CniResult } from "../../cni/types.ts";
import { listAddresses } from "../../net/addresses.ts";
import { isSameBytes } from "../../net/bytes.ts";
import type { Link } from "../../net/links.ts";
import { type IpRoute, listRoutes } from "../../net/routes.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { checkContainerLink, checkHostEnd, drifted, ipsOfInterface } from "../link/check-link.ts";
import { bytesOf, familyOf, printSubnet, subnetOf } from "../link/ip-bytes.ts";
import { passToIpam } from "../link/ipam.ts";
import { ask, type OpenNamespace, type Site, withHost, withSite } from "../link/site.ts";
import { checkAttachmentMasquerade } from "../link/veth-masquerade.ts";
import { hostRoute, type PtpSpan, spanRoutes } from "./add.ts";
import { type PtpConfig, parsePtpConfig } from "./config.ts";

/** Compares both ends of the veth pair, their addresses and routes, and the rules with what ADD has reported. */
export async function check(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const config = parsePtpConfig(invocation);
  if (!config.ok) return config;
  const previous = previousResult(invocation.config);
  if (!previous.ok) return previous;
  const allocated = await passToIpam(sys, "CHECK", invocation, config.value.ipam);
  if (!allocated.ok) return allocated;
  return withSite(sys, invocation, async (site) =>
    checkAll(sys, invocation, site, config.value, previous.value),
  );
}

/** Whether an ADD could succeed: the configuration, the kernel, and the IPAM plugin. */
export async function status(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const config = parsePtpConfig(invocation);
  if (!config.ok) return fail(asUnavailable(config.error));
  const opened = await withHost(sys, async () => ok(undefined));
  if (!opened.ok) return fail(asUnavailable(opened.error));
  return passToIpam(sys, "STATUS", invocation, config.value.ipam);
}

async function checkAll(
  sys: Sys,
  invocation: Invocation,
  site: Site,
  config: PtpConfig,
  previous: CniResult,
): Promise<Outcome<void, CniError>> {
  const { ifname, netns } = invocation.environment;
  const inside = checkContainerLink(site, previous, { ifname, netns, kinds: ["veth"] });
  if (!inside.ok) return inside;
  const end = checkHostEnd(site, previous, inside.value);
  if (!end.ok) return end;
  const { mtu } = config;
  if (mtu !== undefined && end.value.mtu !== mtu)
    return drifted(`${end.value.name} has MTU ${end.value.mtu}, not ${mtu}`);
  const ips = ipsOfInterface(previous, invocation.environment);
  const spans = ips.flatMap(({ address, gateway }): PtpSpan[] =>
    gateway === undefined ? [] : [{ own: subnetOf(address), gateway: bytesOf(gateway) }],
  );
  const spanned = checkSpans(site, inside.value, end.value, spans);
  if (!spanned.ok) return spanned;
  const subnets = ips.map(({ address }) => subnetOf(address));
  return checkAttachmentMasquerade(sys, invocation, site.host, config, subnets);
}

/** The node's end has the gateways' addresses, and each side its routes to the other. */
function checkSpans(
  { host, container }: Site,
  inside: Link,
  end: Link,
  spans: readonly PtpSpan[],
): Outcome<void, CniError> {
  const listed = ask(host, listAddresses(end.index), `list the addresses of ${end.name}`);
  if (!listed.ok) return listed;
  for (const span of spans) {
    const { gateway } = span;
    if (!listed.value.some(({ address }) => isSameBytes(address, gateway)))
      return drifted(`${end.name} has not the gateway's address any more`);
    const outside = checkRoutes(host, [hostRoute(end.index, span)]);
    if (!outside.ok) return outside;
    const routed = checkRoutes(container, spanRoutes(inside.index, span));
    if (!routed.ok) return routed;
  }
  return ok(undefined);
}

function checkRoutes(space: OpenNamespace, wanted: readonly IpRoute[]): Outcome<void, CniError> {
  for (const route of wanted) {
    const listed = ask(space, listRoutes(familyOf(route.preferredSource ?? route.destination)));
    if (!listed.ok) return listed;
    if (listed.value.some((each) => isRoute(each, route))) continue;
    const to = printSubnet({ bytes: route.destination, prefix: route.prefix });
    return drifted(`${space.whose} has not the route ${to} any more`);
  }
  return ok(undefined);
}

function isRoute(route: IpRoute, { destination, prefix, link, gateway }: IpRoute): boolean {
  if (route.prefix !== prefix || route.link !== link) return false;
  if (!isSameBytes(route.destination, destination)) return false;
  return gateway === undefined || (route.gateway !== undefined && isSameBytes(route.gateway, gateway));
}
