import { type Family, parseAddress, printAddress } from "../../../cni/address.ts";
import { type IpRoute, type NextHop, routeProtocol, routeScope, routeTable } from "../../../net/routes.ts";
import { addressBytes, addressOf, familyNumber } from "../../link/ip-bytes.ts";
import type { FoundRoute, KernelRoute } from "./ip-route.ts";

/** Routes as messages have them, and in the words of `ip route`. */

/** RTN_*, but for the usual type. */
const types: Readonly<Record<string, number>> = { blackhole: 6, unreachable: 7, prohibit: 8, throw: 9 };
const scopes: Readonly<Record<string, number>> = { global: 0, site: 200, link: 253, host: 254, nowhere: 255 };
/** RTPROT_*, as iproute2 names them. */
const protocols: Readonly<Record<string, number>> = {
  ...{ redirect: 1, kernel: 2, boot: 3, static: 4, gated: 8, ra: 9, mrt: 10, zebra: 11, bird: 12 },
  ...{ dnrouted: 13, xorp: 14, ntk: 15, dhcp: 16, keepalived: 18, babel: 42, openr: 99, bgp: 186, isis: 187 },
  ...{ ospf: 188, rip: 189, eigrp: 192 },
};
const preferences: Readonly<Record<string, number>> = { medium: 0, high: 1, low: 3 };
/** RTAX_*, but for those that `ip` prints with a unit. */
const metrics: Readonly<Record<string, number>> = {
  ...{ mtu: 2, window: 3, ssthresh: 6, cwnd: 7, advmss: 8, reordering: 9, hoplimit: 10, initcwnd: 11 },
  ...{ initrwnd: 14, quickack: 15, fastopen_no_cookie: 17 },
};
const onlink = 4;

/** The default routes of the main table among a family's routes. `names` are the links' names by their indexes. */
export function defaultRoutes(
  family: Family,
  routes: readonly IpRoute[],
  names: ReadonlyMap<number, string>,
): FoundRoute[] {
  const own = routes.filter(
    (route) =>
      route.family === familyNumber(family) &&
      route.prefix === 0 &&
      route.table === routeTable.main &&
      route.destination.every((byte) => byte === 0),
  );
  const each = family === "6" ? own.flatMap(apart) : own;
  return each.map((route) => foundRoute(family, route, names));
}

/**
 * The kernel tells IPv6 routes of one metric as one route with several hops, although each was added and is removed by itself. A
 * plugin's default route is told so together with the primary's.
 */
function apart({ multipath, ...rest }: IpRoute): IpRoute[] {
  return multipath === undefined
    ? [rest]
    : multipath.map(({ hops: _weight, ...hop }) => ({ ...rest, ...hop }));
}

function foundRoute(family: Family, route: IpRoute, names: ReadonlyMap<number, string>): FoundRoute {
  const { type = 1, protocol = 0, scope = 0, preferredSource, priority, multipath = [] } = route;
  const typeWord = nameOf(types, type);
  const isPlain = protocol === routeProtocol.boot;
  return {
    family,
    words: [
      ...(typeWord === undefined ? [] : [typeWord]),
      "default",
      ...viaWords(family, route),
      ...deviceWords(route, names),
      ...(isPlain ? [] : ["protocol", nameOf(protocols, protocol) ?? String(protocol)]),
      ...(scope === 0 ? [] : ["scope", nameOf(scopes, scope) ?? String(scope)]),
      ...(preferredSource === undefined ? [] : ["src", printAddress(addressOf(preferredSource))]),
      ...(priority === undefined ? [] : ["metric", String(priority)]),
      ...flagWords(route),
      ...metricWords(route),
      ...preferenceWords(route),
      ...multipath.flatMap((hop) => hopWords(family, hop, names)),
    ],
    devices: [route, ...multipath].flatMap(({ link }) => (link === undefined ? [] : [deviceOf(link, names)])),
    metric: priority ?? 0,
    isAdvertised: protocol === routeProtocol.advertised,
  };
}

function nameOf(table: Readonly<Record<string, number>>, value: number): string | undefined {
  return Object.keys(table).find((name) => table[name] === value);
}

function deviceOf(link: number, names: ReadonlyMap<number, string>): string {
  return names.get(link) ?? `if${link}`;
}

/** `via` may name a gateway of the other family, as an IPv4 route by way of an IPv6 router does. */
function viaWords(family: Family, { gateway }: NextHop): string[] {
  if (gateway === undefined) return [];
  const own = gateway.length === 4 ? "4" : "6";
  const other = own === "4" ? "inet" : "inet6";
  return ["via", ...(own === family ? [] : [other]), printAddress(addressOf(gateway))];
}

function deviceWords({ link }: NextHop, names: ReadonlyMap<number, string>): string[] {
  return link === undefined ? [] : ["dev", deviceOf(link, names)];
}

/** The one flag that a route is made with. The others are the kernel's findings (`linkdown`, `dead`). */
function flagWords({ flags = 0 }: NextHop): string[] {
  return (flags & onlink) === 0 ? [] : ["onlink"];
}

function metricWords({ mtu, advertisedSegment, otherMetrics }: IpRoute): string[] {
  return Object.entries(metrics).flatMap(([name, type]) => {
    const value = name === "mtu" ? mtu : name === "advmss" ? advertisedSegment : otherMetrics?.get(type);
    return value === undefined ? [] : [name, String(value)];
  });
}

function preferenceWords({ preference = 0 }: IpRoute): string[] {
  const name = nameOf(preferences, preference);
  return name === undefined || name === "medium" ? [] : ["pref", name];
}

function hopWords(family: Family, hop: NextHop, names: ReadonlyMap<number, string>): string[] {
  const weight = ["weight", String((hop.hops ?? 0) + 1)];
  return ["nexthop", ...viaWords(family, hop), ...deviceWords(hop, names), ...weight, ...flagWords(hop)];
}

type Draft = { -readonly [K in keyof IpRoute]: IpRoute[K] };
type HopDraft = { -readonly [K in keyof NextHop]: NextHop[K] };

/**
 * The route that the words mean: only what they say. Undefined if they name a device that is not there. Words that nobody knows
 * are passed over.
 */
export function routeOf(
  { family, words }: KernelRoute,
  indexes: ReadonlyMap<string, number>,
): IpRoute | undefined {
  const route: Draft = { family: familyNumber(family), destination: new Uint8Array(), prefix: 0 };
  const others = new Map<number, number>();
  const hops: HopDraft[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    const hop = hops.at(-1) ?? route;
    if (word === "nexthop") hops.push({});
    else if (word === "onlink") hop.flags = (hop.flags ?? 0) | onlink;
    else if (word in types) route.type = types[word] ?? 0;
    if (!takesValue.has(word)) continue;
    if (word === "via" && (words[at + 1] ?? "").startsWith("inet")) at++;
    const value = words[++at] ?? "";
    if (word === "dev") {
      const link = indexes.get(value);
      if (link === undefined) return undefined;
      hop.link = link;
    } else if (word === "via") Object.assign(hop, bytesAs("gateway", value));
    else if (word === "src") Object.assign(route, bytesAs("preferredSource", value));
    else if (word === "weight") hop.hops = Number(value) - 1;
    else if (word === "metric") route.priority = Number(value);
    else if (word === "protocol") route.protocol = protocols[value] ?? Number(value);
    else if (word === "scope") route.scope = scopes[value] ?? Number(value);
    else if (word === "pref") route.preference = preferences[value] ?? 0;
    else noteMetric(route, others, word, Number(value));
  }
  if (others.size > 0) route.otherMetrics = others;
  if (hops.length > 0) route.multipath = hops;
  return route;
}

const takesValue: ReadonlySet<string> = new Set([
  ...["via", "dev", "src", "weight", "metric", "protocol", "scope", "pref"],
  ...Object.keys(metrics),
]);

function bytesAs(key: "gateway" | "preferredSource", text: string): Partial<IpRoute> {
  const address = parseAddress(text);
  return address === undefined ? {} : { [key]: addressBytes(address) };
}

function noteMetric(route: Draft, others: Map<number, number>, word: string, value: number): void {
  if (!Number.isSafeInteger(value)) return;
  if (word === "mtu") route.mtu = value;
  else if (word === "advmss") route.advertisedSegment = value;
  else others.set(metrics[word] ?? 0, value);
}

/** What `ip route add` makes of a route: a route of IPv4 without a gateway is one of the link. */
export function asAdded(route: IpRoute): IpRoute {
  const isDirect = route.gateway === undefined && route.multipath === undefined && route.type === undefined;
  return { scope: isDirect ? routeScope.link : routeScope.universe, ...route };
}

/** What `ip route del` asks for: whatever is not said may be anything. */
export function asRemoved(route: IpRoute): IpRoute {
  return { scope: routeScope.nowhere, protocol: routeProtocol.unspecified, type: 0, ...route };
}
