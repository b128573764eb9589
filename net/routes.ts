import { printBytes } from "./addresses.ts";
import { joined, readU8, readU16, readU32, u8, u16, u32 } from "./bytes.ts";
import { family } from "./link-kinds.ts";
import { attribute, flag, type Message, nested, readAttributes } from "./message.ts";
import type { Request } from "./talk.ts";

const routeMessage = { made: 24, removed: 25, get: 26 } as const;
/** RTA_*. */
const routeAttribute = {
  destination: 1,
  source: 2,
  link: 4,
  gateway: 5,
  priority: 6,
  preferredSource: 7,
  metrics: 8,
  multipath: 9,
  table: 15,
  via: 18,
  preference: 20,
  expires: 23,
} as const;
/** RTAX_*. */
const metric = { mtu: 2, advertisedSegment: 8 } as const;

export const routeTable = { main: 254, local: 255 } as const;
/** RTPROT_*. */
export const routeProtocol = { unspecified: 0, kernel: 2, boot: 3, static: 4, advertised: 9 } as const;
/** RT_SCOPE_*. */
export const routeScope = { universe: 0, link: 253, host: 254, nowhere: 255 } as const;
/** RTN_*. */
export const routeType = { unicast: 1, local: 2, broadcast: 3, blackhole: 6, unreachable: 7 } as const;

export interface NextHop {
  readonly link?: number;
  readonly gateway?: Uint8Array;
  /** RTNH_F_*: 4 is onlink. */
  readonly flags?: number;
  /** Weight less one. */
  readonly hops?: number;
}

/** A route, as it is to be or as the kernel tells it. */
export interface IpRoute extends NextHop {
  /** 2 (IPv4) or 10 (IPv6). */
  readonly family: number;
  /** No bytes: all addresses. */
  readonly destination: Uint8Array;
  readonly prefix: number;
  readonly source?: Uint8Array;
  readonly sourcePrefix?: number;
  readonly preferredSource?: Uint8Array;
  readonly priority?: number;
  /** `routeTable`, or any other number; the main table if it is left out. */
  readonly table?: number;
  readonly protocol?: number;
  readonly scope?: number;
  readonly type?: number;
  readonly mtu?: number;
  /** MSS that is advertised (advmss). */
  readonly advertisedSegment?: number;
  /** The other metrics (RTAX_*), each with its number. */
  readonly otherMetrics?: ReadonlyMap<number, number>;
  readonly multipath?: readonly NextHop[];
  /** Of IPv6: 0 medium, 1 high, 3 low. */
  readonly preference?: number;
  /** Seconds until an advertised route expires. */
  readonly expires?: number;
}

/** Errors: `EEXIST`, `ENETUNREACH` if the gateway cannot be reached, `ESRCH` if there is no such link. */
export function addRoute(route: IpRoute): Request<void> {
  return changing("add", routeMessage.made, flag.create | flag.exclusive, route);
}

export function replaceRoute(route: IpRoute): Request<void> {
  return changing("replace", routeMessage.made, flag.create | flag.replace, route);
}

/**
 * Adds a route although there are others of its destination and priority: of IPv4 before them, of IPv6 as a further path.
 * Errors: `EEXIST` if this very route is there.
 */
export function addRouteBesides(route: IpRoute): Request<void> {
  return changing("add", routeMessage.made, flag.create, route);
}

/** Adds a route beside others of its destination and priority. */
export function appendRoute(route: IpRoute): Request<void> {
  return changing("append", routeMessage.made, flag.create | flag.append, route);
}

/** Errors: `ESRCH` if there is no such route. */
export function removeRoute(route: IpRoute): Request<void> {
  return changing("remove", routeMessage.removed, 0, route);
}

/** The routes of a family (2 or 10), of every table. */
export function listRoutes(of: number): Request<IpRoute[]> {
  return {
    words: `list the routes of IPv${of === family.v4 ? 4 : 6}`,
    type: routeMessage.get,
    flags: flag.dump,
    payload: joined([u8(of), new Uint8Array(11)]),
    changes: false,
    read: (answers) =>
      answers
        .filter(({ type }) => type === routeMessage.made)
        .filter(({ payload }) => (readU32(payload, 8) & clonedFlag) === 0)
        .map(readRoute),
  };
}

/** RTM_F_CLONED: an entry of the kernel's cache. */
const clonedFlag = 0x200;

export function readRoute({ payload }: Message): IpRoute {
  const attributes = readAttributes(payload, 12);
  const number = (type: number): number | undefined => {
    const data = attributes.get(type);
    return data === undefined ? undefined : readU32(data);
  };
  const metrics = readAttributes(attributes.get(routeAttribute.metrics) ?? nothing);
  const measure = (type: number): number | undefined => {
    const data = metrics.get(type);
    return data === undefined ? undefined : readU32(data);
  };
  const multipath = attributes.get(routeAttribute.multipath);
  const preference = attributes.get(routeAttribute.preference);
  return {
    family: readU8(payload, 0),
    destination: attributes.get(routeAttribute.destination) ?? nothing,
    prefix: readU8(payload, 1),
    table: number(routeAttribute.table) ?? readU8(payload, 4),
    protocol: readU8(payload, 5),
    scope: readU8(payload, 6),
    type: readU8(payload, 7),
    flags: readU32(payload, 8),
    ...withKey("source", attributes.get(routeAttribute.source)),
    ...(readU8(payload, 2) === 0 ? {} : { sourcePrefix: readU8(payload, 2) }),
    ...withKey("link", number(routeAttribute.link)),
    ...withKey(
      "gateway",
      attributes.get(routeAttribute.gateway) ?? viaOf(attributes.get(routeAttribute.via)),
    ),
    ...withKey("priority", number(routeAttribute.priority)),
    ...withKey("preferredSource", attributes.get(routeAttribute.preferredSource)),
    ...withKey("mtu", measure(metric.mtu)),
    ...withKey("advertisedSegment", measure(metric.advertisedSegment)),
    ...withKey("otherMetrics", readOtherMetrics(metrics)),
    ...(multipath === undefined ? {} : { multipath: readHops(multipath) }),
    ...(preference === undefined ? {} : { preference: readU8(preference) }),
    ...withKey("expires", number(routeAttribute.expires)),
  };
}

const nothing = new Uint8Array();

function readOtherMetrics(metrics: ReadonlyMap<number, Uint8Array>): ReadonlyMap<number, number> | undefined {
  const others = new Map<number, number>();
  for (const [type, data] of metrics) {
    const isOther = type !== metric.mtu && type !== metric.advertisedSegment;
    // A name, as that of a congestion control, is longer or shorter.
    if (isOther && data.length === 4) others.set(type, readU32(data));
  }
  return others.size === 0 ? undefined : others;
}

function withKey<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [key in K]?: V };
}

/** A gateway of another family (`RTA_VIA`) has its family in front. */
function viaOf(data: Uint8Array | undefined): Uint8Array | undefined {
  return data?.subarray(2);
}

function readHops(bytes: Uint8Array): NextHop[] {
  const hops: NextHop[] = [];
  for (let at = 0; at + 8 <= bytes.length; ) {
    const length = readU16(bytes, at);
    if (length < 8) break;
    const attributes = readAttributes(bytes.subarray(at + 8, at + length));
    hops.push({
      flags: readU8(bytes, at + 2),
      hops: readU8(bytes, at + 3),
      link: readU32(bytes, at + 4),
      ...withKey(
        "gateway",
        attributes.get(routeAttribute.gateway) ?? viaOf(attributes.get(routeAttribute.via)),
      ),
    });
    at += (length + 3) & ~3;
  }
  return hops;
}

function changing(verb: string, type: number, flags: number, route: IpRoute): Request<void> {
  return {
    words: `${verb} route ${printRoute(route)}`,
    type,
    flags,
    payload: joined([encodeHeader(route), ...encodeAttributes(route)]),
    changes: true,
    read: () => undefined,
  };
}

function printRoute({ destination, prefix, gateway, link }: IpRoute): string {
  const to = destination.length === 0 ? "default" : `${printBytes(destination)}/${prefix}`;
  return [
    to,
    ...(gateway === undefined ? [] : [`via ${printBytes(gateway)}`]),
    ...(link === undefined ? [] : [`on link ${link}`]),
  ].join(" ");
}

function encodeHeader(route: IpRoute): Uint8Array {
  const { table = routeTable.main, protocol = routeProtocol.boot, type = routeType.unicast } = route;
  const { prefix, sourcePrefix = 0, scope = routeScope.universe, flags = 0 } = route;
  return joined([
    joined([u8(route.family), u8(prefix), u8(sourcePrefix), u8(0)]),
    // A table above 255 is told by its attribute alone.
    joined([u8(table > 255 ? 0 : table), u8(protocol), u8(scope), u8(type)]),
    u32(flags),
  ]);
}

function encodeAttributes(route: IpRoute): Uint8Array[] {
  const { destination, source, link, gateway, preferredSource, priority, table, mtu } = route;
  const { advertisedSegment, otherMetrics = [], multipath, preference } = route;
  const metrics = [
    ...(mtu === undefined ? [] : [attribute(metric.mtu, u32(mtu))]),
    ...(advertisedSegment === undefined ? [] : [attribute(metric.advertisedSegment, u32(advertisedSegment))]),
    ...Array.from(otherMetrics, ([type, value]) => attribute(type, u32(value))),
  ];
  return [
    ...(destination.length === 0 ? [] : [attribute(routeAttribute.destination, destination)]),
    ...(source === undefined ? [] : [attribute(routeAttribute.source, source)]),
    ...(gateway === undefined ? [] : [encodeGateway(route.family, gateway)]),
    ...(link === undefined ? [] : [attribute(routeAttribute.link, u32(link))]),
    ...(preferredSource === undefined ? [] : [attribute(routeAttribute.preferredSource, preferredSource)]),
    ...(priority === undefined ? [] : [attribute(routeAttribute.priority, u32(priority))]),
    ...(table === undefined ? [] : [attribute(routeAttribute.table, u32(table))]),
    ...(metrics.length === 0 ? [] : [nested(routeAttribute.metrics, metrics)]),
    ...(preference === undefined ? [] : [attribute(routeAttribute.preference, u8(preference))]),
    ...(multipath === undefined
      ? []
      : [attribute(routeAttribute.multipath, joined(multipath.map((hop) => encodeHop(route.family, hop))))]),
  ];
}

function encodeGateway(of: number, gateway: Uint8Array): Uint8Array {
  const own = gateway.length === 4 ? family.v4 : family.v6;
  if (own === of) return attribute(routeAttribute.gateway, gateway);
  return attribute(routeAttribute.via, joined([u16(own), gateway]));
}

function encodeHop(of: number, { link = 0, gateway, flags = 0, hops = 0 }: NextHop): Uint8Array {
  const parts = gateway === undefined ? nothing : encodeGateway(of, gateway);
  return joined([u16(8 + parts.length), u8(flags), u8(hops), u32(link), parts]);
}
