import { type CniError, failWith } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { CniResult, IpConfig, Route } from "../../cni/types.ts";
import { addAddress } from "../../net/addresses.ts";
import { printHardware } from "../../net/bytes.ts";
import { getLink, type Link } from "../../net/links.ts";
import { addRoute, type IpRoute, removeRoute, routeProtocol, routeScope } from "../../net/routes.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { addRoutes, configureLink, linkRoute, type NamedLink } from "../link/configure.ts";
import { forwardPackets } from "../link/forwarding.ts";
import { bytesOf, familyOf, isInSubnet, masked, type Subnet, subnetOf } from "../link/ip-bytes.ts";
import { addAddresses } from "../link/ipam.ts";
import { ask, askWhether, type OpenNamespace, type Site, trySetting, withSite } from "../link/site.ts";
import { type UndoStep, withUndo } from "../link/undo-steps.ts";
import { makeVeth, type VethPair } from "../link/veth.ts";
import { masqueradeAttachment } from "../link/veth-masquerade.ts";
import { type PtpConfig, parsePtpConfig } from "./config.ts";

/** An address of the container with the node's address at the other end of the link. */
export interface PtpSpan {
  readonly own: Subnet;
  readonly gateway: Uint8Array;
}

/** One ADD, and how it is taken back. */
interface Adding {
  readonly sys: Sys;
  readonly invocation: Invocation;
  readonly config: PtpConfig;
  readonly site: Site;
  readonly pair: VethPair;
  readonly note: (step: UndoStep) => void;
}

/** Connects the container to the node by a veth pair, whose node's end has the gateway's address. */
export async function add(sys: Sys, invocation: Invocation): Promise<Outcome<CniResult, CniError>> {
  const config = parsePtpConfig(invocation);
  if (!config.ok) return config;
  return withSite(sys, invocation, (site) =>
    withUndo(async (note) => {
      const { containerId, ifname } = invocation.environment;
      const { mtu } = config.value;
      const pair = makeVeth(site, { containerId, ifname, mtu }, note);
      if (!pair.ok) return pair;
      return attach({ sys, invocation, config: config.value, site, pair: pair.value, note });
    }),
  );
}

async function attach(adding: Adding): Promise<Outcome<CniResult, CniError>> {
  const { sys, invocation, config, site, pair, note } = adding;
  trySetting(sys, site.host, `ipv6/conf/${pair.host.name}/accept_ra`, "0");
  const given = await addAddresses(sys, invocation, config.ipam, note);
  if (!given.ok) return given;
  const spans = spansOf(given.value.ips ?? [], config.ipam);
  if (!spans.ok) return spans;
  const subnets = spans.value.map(({ own }) => own);
  const forwarded = forwardPackets(site.host, subnets);
  if (!forwarded.ok) return forwarded;
  const inside = await configureInside(adding, given.value, spans.value);
  if (!inside.ok) return inside;
  const outside = configureOutside(site.host, pair.host, spans.value);
  if (!outside.ok) return outside;
  const masqueraded = await masqueradeAttachment(sys, invocation, site.host, config, subnets, note);
  if (!masqueraded.ok) return masqueraded;
  return report(adding, given.value);
}

/** Errors: `delegate.bad-result`. */
function spansOf(ips: readonly IpConfig[], ipam: string): Outcome<PtpSpan[], CniError> {
  const spans: PtpSpan[] = [];
  for (const { address, gateway } of ips) {
    if (gateway === undefined) {
      const msg = `ADD of IPAM plugin ${JSON.stringify(ipam)}: it gave ${address} without a gateway`;
      const why = "The node's end of the link has the gateway's address. Configure one.";
      return failWith("delegate", "delegate.bad-result", msg, why);
    }
    spans.push({ own: subnetOf(address), gateway: bytesOf(gateway) });
  }
  return ok(spans);
}

async function configureInside(
  { sys, site: { container }, pair }: Adding,
  given: CniResult,
  spans: readonly PtpSpan[],
): Promise<Outcome<void, CniError>> {
  const { name, index } = pair.container;
  const { ips = [] } = given;
  const [near, far] = byReach({ name, index }, given, spans);
  // A route by another host of the subnet than the gateway needs the kernel's route to the subnet, which goes next.
  const configured = await configureLink(sys, container, { name, index }, { ips, routes: near });
  if (!configured.ok) return configured;
  for (const span of spans) {
    const routed = routeBySpan(container, pair.container, span);
    if (!routed.ok) return routed;
  }
  // Only now is a gateway reached that is in no subnet of the container.
  return addRoutes(container, { name, index }, far, ips);
}

/** The routes that can be added once the addresses are there, and those whose gateway is in no subnet of the container. */
function byReach(
  link: NamedLink,
  { ips = [], routes = [] }: CniResult,
  spans: readonly PtpSpan[],
): [near: Route[], far: Route[]] {
  const isNear = (route: Route): boolean => {
    const { gateway } = linkRoute(link, route, ips);
    return gateway === undefined || spans.some(({ own }) => isInSubnet(gateway, own));
  };
  return [routes.filter(isNear), routes.filter((route) => !isNear(route))];
}

/** The routes that a span has in the container: to the gateway by the link, and to the rest of the subnet by the gateway. */
export function spanRoutes(link: number, { own, gateway }: PtpSpan): IpRoute[] {
  const common = { family: familyOf(own.bytes), link, preferredSource: own.bytes };
  const whole = own.bytes.length * 8;
  const near = { ...common, destination: gateway, prefix: gateway.length * 8, scope: routeScope.link };
  if (own.prefix === whole) return [near];
  return [near, { ...common, destination: masked(own), prefix: own.prefix, gateway }];
}

/** Replaces the route that the kernel has added with the address: only the gateway is on this link. */
function routeBySpan(
  container: OpenNamespace,
  { index, name }: Link,
  span: PtpSpan,
): Outcome<void, CniError> {
  const { own } = span;
  const kernels: IpRoute = {
    family: familyOf(own.bytes),
    destination: masked(own),
    prefix: own.prefix,
    link: index,
    protocol: routeProtocol.unspecified,
    scope: routeScope.nowhere,
  };
  // With an address that is a subnet by itself there is none.
  const removed = askWhether(container, removeRoute(kernels), ["ESRCH"]);
  if (!removed.ok) return removed;
  for (const route of spanRoutes(index, span)) {
    const request = addRoute(route);
    const added = ask(container, request, request.words.replace(/link \d+$/, name));
    if (!added.ok) return added;
  }
  return ok(undefined);
}

/** Gives the node's end the gateways' addresses, and routes the container's to it. */
function configureOutside(
  host: OpenNamespace,
  { index }: Link,
  spans: readonly PtpSpan[],
): Outcome<void, CniError> {
  for (const span of spans) {
    const prefix = span.gateway.length * 8;
    const given = askWhether(host, addAddress({ link: index, address: span.gateway, prefix }), ["EEXIST"]);
    if (!given.ok) return given;
    const added = askWhether(host, addRoute(hostRoute(index, span)), ["EEXIST"]);
    if (!added.ok) return added;
  }
  return ok(undefined);
}

/** The node's route to the container's address. */
export function hostRoute(link: number, { own: { bytes } }: PtpSpan): IpRoute {
  return {
    family: familyOf(bytes),
    destination: bytes,
    prefix: bytes.length * 8,
    link,
    scope: routeScope.host,
  };
}

function report({ invocation, config, site, pair }: Adding, given: CniResult): Outcome<CniResult, CniError> {
  const host = ask(site.host, getLink(pair.host.index), `look at ${pair.host.name}`);
  if (!host.ok) return host;
  const [outside, inside] = [host.value, pair.container].map(({ name, hardware }) => ({
    name,
    mac: printHardware(hardware),
  }));
  if (outside === undefined || inside === undefined) throw new Error("a veth pair has two ends");
  const { ips = [], routes = [] } = given;
  const dns = config.dns ?? given.dns;
  return ok({
    interfaces: [outside, { ...inside, sandbox: invocation.environment.netns }],
    ips: ips.map((ip) => ({ ...ip, interface: 1 })),
    ...(routes.length > 0 && { routes }),
    ...(dns && { dns }),
  });
}
