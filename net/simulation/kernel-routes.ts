import { joined, readU8, u8, u32 } from "../bytes.ts";
import { family } from "../link-kinds.ts";
import { attribute, flag, type Message, readAttributes } from "../message.ts";
import {
  type IpRoute,
  type NextHop,
  readRoute,
  routeProtocol,
  routeScope,
  routeTable,
  routeType,
} from "../routes.ts";
import {
  done,
  hasCarrier,
  isRefusal,
  type KernelAnswer,
  type KernelReply,
  type NetSpace,
  type Refusal,
  type RouteHop,
  refuse,
  type SimulatedHost,
  type StoredRoute,
} from "./kernel-model.ts";
import { isSameMaybe, isSamePlace, isSameRoute, masked } from "./kernel-own-routes.ts";
import { checkHop } from "./kernel-reach.ts";
import { encodeHops } from "./kernel-route-bytes.ts";

/** What a message about a route asks for. */
export interface AskedRoute {
  readonly route: IpRoute;
  readonly tos: number;
  readonly metrics: Uint8Array | undefined;
  readonly family: number;
}

const addsRoute = 24;
const listsRoutes = 26;
const metricsAttribute = 8;
/** The metric of a route of IPv6 that is given none. */
const usualMetric = 1024;

export function answerRoute(machine: SimulatedHost, space: NetSpace, message: Message): KernelReply {
  const { type, payload, flags } = message;
  const of = readU8(payload, 0);
  if (type === listsRoutes) return listed(machine, space, of);
  const asked: AskedRoute = {
    route: readRoute(message),
    tos: readU8(payload, 3),
    metrics: readAttributes(payload, 12).get(metricsAttribute),
    family: of,
  };
  if (of !== family.v4 && of !== family.v6) return refuse("EOPNOTSUPP");
  if (type === addsRoute) return add(space, asked, flags) ?? done;
  return remove(space, asked) ?? done;
}

function add(space: NetSpace, asked: AskedRoute, flags: number): Refusal | undefined {
  const { route } = asked;
  const full = asked.family === family.v4 ? 4 : 16;
  if (route.prefix > full * 8) return refuse("EINVAL", "Invalid prefix length");
  const destination = route.destination.length === 0 ? new Uint8Array(full) : route.destination;
  const net = masked(destination, route.prefix);
  if (asked.family === family.v4 && !isSameMaybe(net, destination)) {
    return refuse("EINVAL", "Invalid prefix for given prefix length");
  }
  const hops = findHops(space, asked);
  if (isRefusal(hops)) return hops;
  const unpreferred = checkPreferred(space, route.preferredSource);
  if (unpreferred !== undefined) return unpreferred;
  return insert(space, storedOf(asked, net, hops), flags);
}

function storedOf(
  { route, tos, metrics, family: of }: AskedRoute,
  net: Uint8Array,
  hops: readonly RouteHop[],
): StoredRoute {
  const {
    protocol = routeProtocol.unspecified,
    scope = routeScope.universe,
    type = routeType.unicast,
  } = route;
  const isV6 = of === family.v6;
  return {
    family: of,
    destination: net,
    prefix: route.prefix,
    source: route.source,
    sourcePrefix: route.sourcePrefix ?? 0,
    table: route.table === undefined || route.table === 0 ? routeTable.main : route.table,
    protocol: isV6 && protocol === routeProtocol.unspecified ? routeProtocol.boot : protocol,
    // IPv6 has no scopes.
    scope: isV6 ? routeScope.universe : scope,
    type,
    tos,
    priority:
      route.priority === undefined || route.priority === 0 ? (isV6 ? usualMetric : 0) : route.priority,
    preferredSource: route.preferredSource,
    metrics: metrics === undefined || metrics.length === 0 ? undefined : Uint8Array.from(metrics),
    preference: route.preference ?? 0,
    hops,
  };
}

function findHops(space: NetSpace, asked: AskedRoute): readonly RouteHop[] | Refusal {
  const { route } = asked;
  const { type = routeType.unicast } = route;
  if (type >= routeType.blackhole) return [];
  const wanted: readonly NextHop[] = route.multipath ?? [
    {
      ...(route.link === undefined ? {} : { link: route.link }),
      ...(route.gateway === undefined ? {} : { gateway: route.gateway }),
      flags: route.flags ?? 0,
    },
  ];
  const hops: RouteHop[] = [];
  for (const each of wanted) {
    const hop = checkHop(space, asked, each);
    if (isRefusal(hop)) return hop;
    hops.push(hop);
  }
  return hops;
}

function checkPreferred(space: NetSpace, source: Uint8Array | undefined): Refusal | undefined {
  if (source === undefined) return undefined;
  for (const device of space.devices.values()) {
    if (device.addresses.some(({ address }) => isSameMaybe(address, source))) return undefined;
  }
  return refuse("EINVAL", source.length === 4 ? "Invalid prefsrc address" : "Invalid source address");
}

function insert(space: NetSpace, route: StoredRoute, flags: number): Refusal | undefined {
  const at = space.routes.findIndex((each) => isSamePlace(each, route));
  const found = space.routes[at];
  if (found === undefined) {
    if ((flags & flag.create) === 0) return refuse("ENOENT");
    space.routes.push(route);
    return undefined;
  }
  if ((flags & flag.exclusive) !== 0) return refuse("EEXIST");
  if ((flags & flag.replace) !== 0) {
    space.routes[at] = route;
    return undefined;
  }
  if (space.routes.some((each) => isSameRoute(each, route))) return refuse("EEXIST");
  if (found.family === family.v6 && hasHopOf(found, route)) return refuse("EEXIST");
  const isMultipath =
    route.family === family.v6 && [...found.hops, ...route.hops].every((hop) => hop.gateway);
  if (isMultipath) space.routes[at] = { ...found, hops: [...found.hops, ...route.hops] };
  else space.routes.push(route);
  return undefined;
}

function hasHopOf(held: StoredRoute, { hops }: StoredRoute): boolean {
  return held.hops.some((hop) =>
    hops.some((each) => each.device === hop.device && isSameMaybe(each.gateway, hop.gateway)),
  );
}

function remove(space: NetSpace, asked: AskedRoute): Refusal | undefined {
  // Of several, the one goes that counts most.
  let first: StoredRoute | undefined;
  for (const each of space.routes) {
    if (isMeant(each, asked) && (first === undefined || each.priority < first.priority)) first = each;
  }
  if (first === undefined) return refuse("ESRCH");
  space.routes = space.routes.filter((each) => each !== first);
  return undefined;
}

/** What is not said is any. */
function isMeant(held: StoredRoute, { route, family: of, tos }: AskedRoute): boolean {
  const { protocol = 0, scope = 0, type = 0, priority = 0, table = 0 } = route;
  const full = of === family.v4 ? 4 : 16;
  const destination =
    route.destination.length === 0 ? new Uint8Array(full) : masked(route.destination, route.prefix);
  if (held.family !== of || held.prefix !== route.prefix || !isSameMaybe(held.destination, destination))
    return false;
  if (held.table !== (table === 0 ? routeTable.main : table) || held.tos !== tos) return false;
  if (priority !== 0 && held.priority !== priority) return false;
  if (protocol !== 0 && held.protocol !== protocol) return false;
  if (of === family.v4) {
    if (type !== 0 && held.type !== type) return false;
    if (scope !== routeScope.nowhere && held.scope !== scope) return false;
    if (route.preferredSource !== undefined && !isSameMaybe(held.preferredSource, route.preferredSource))
      return false;
  }
  const hops: readonly NextHop[] = route.multipath ?? [route];
  if (route.multipath === undefined && route.link === undefined && route.gateway === undefined) return true;
  return hops.every((hop, at) => {
    const its = held.hops[at];
    const isLink = hop.link === undefined || its?.device?.index === hop.link;
    return isLink && (hop.gateway === undefined || isSameMaybe(its?.gateway, hop.gateway));
  });
}

function listed(machine: SimulatedHost, space: NetSpace, of: number): KernelReply {
  const routes = space.routes.filter((route) => of === 0 || route.family === of);
  return routes.map((route): KernelAnswer => ({ type: addsRoute, payload: encodeRoute(machine, route) }));
}

const linkdown = 16;

function encodeRoute(machine: SimulatedHost, route: StoredRoute): Uint8Array {
  const { prefix, sourcePrefix, tos, table, protocol, scope, type, priority, hops } = route;
  const [only] = hops.length === 1 ? hops : [];
  const isDown = type !== routeType.local && only?.device !== undefined && !hasCarrier(machine, only.device);
  const flags = (only?.flags ?? 0) | (isDown ? linkdown : 0);
  const isV6 = route.family === family.v6;
  return joined([
    joined([u8(route.family), u8(prefix), u8(sourcePrefix), u8(tos)]),
    joined([u8(table > 255 ? 0 : table), u8(protocol), u8(scope), u8(type), u32(flags)]),
    attribute(15, u32(table)),
    ...(prefix === 0 ? [] : [attribute(1, route.destination)]),
    ...(route.source === undefined ? [] : [attribute(2, route.source)]),
    ...(priority === 0 && !isV6 ? [] : [attribute(6, u32(priority))]),
    ...(route.preferredSource === undefined ? [] : [attribute(7, route.preferredSource)]),
    ...(route.metrics === undefined ? [] : [attribute(metricsAttribute, route.metrics)]),
    ...encodeHops(route.family, hops),
    ...(isV6 ? [attribute(20, u8(route.preference))] : []),
  ]);
}
