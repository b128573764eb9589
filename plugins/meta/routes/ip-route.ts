import { canonicalAddress, type Family } from "../../../cni/address.ts";
import { isObject, type Json, type JsonObject, parseJson } from "../../../cni/json.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";

/** A default route of the main table as `ip route` speaks of it. */
export interface KernelRoute {
  readonly family: Family;
  /** The words of `ip route add` and `ip route del` for it. */
  readonly words: readonly string[];
  /** The interfaces that it goes by. */
  readonly devices: readonly string[];
}

/** A default route that the kernel has. */
export interface FoundRoute extends KernelRoute {
  readonly metric: number;
  /** A router has advertised it: it expires by itself, and comes back with the next advertisement. */
  readonly isAdvertised: boolean;
}

/**
 * The metric of our IPv6 default route. The kernel's own metric is 1024. Ours is lower, so that a route which a router
 * advertises, now or later, does not share the traffic. For IPv4 the metric is 0, which is the best.
 */
const metric6 = 1;

/** The default route by way of a gateway and an interface, as we make it. */
export function defaultRoute(family: Family, gateway: string, device: string): KernelRoute {
  const metric = family === "6" ? ["metric", String(metric6)] : [];
  return { family, words: ["default", "via", gateway, "dev", device, ...metric], devices: [device] };
}

/** Whether both are one route, however its addresses are spelt. */
export function isSameRoute(one: KernelRoute, other: KernelRoute): boolean {
  return keyOf(one) === keyOf(other);
}

function keyOf({ family, words }: KernelRoute): string {
  return [family, ...words.map(canonicalAddress)].join(" ");
}

/** Reads what `ip -j route show` says; of the older ones of iproute2 that is nothing at all where there is no route. */
export function parseRoutes(family: Family, text: string): Outcome<FoundRoute[], string> {
  if (text.trim() === "") return ok([]);
  const json = parseJson(text);
  if (!json.ok) return fail(`it is not JSON: ${json.error}`);
  if (!Array.isArray(json.value) || !json.value.every(isObject)) return fail("it is no list of routes");
  const each = family === "6" ? json.value.flatMap(apart) : json.value;
  return ok(each.map((route) => foundRoute(family, route)));
}

/**
 * `ip` prints IPv6 routes of one metric as one route with several hops, although each was added and is removed by itself. A
 * plugin's default route is printed so together with the primary's.
 */
function apart({ nexthops, ...rest }: JsonObject): JsonObject[] {
  if (!Array.isArray(nexthops)) return [rest];
  return nexthops.filter(isObject).map(({ weight: _weight, ...hop }) => ({ ...rest, ...hop }));
}

function foundRoute(family: Family, route: JsonObject): FoundRoute {
  const hops = Array.isArray(route.nexthops) ? route.nexthops.filter(isObject) : [];
  return {
    family,
    words: [
      ...(typeof route.type === "string" ? [route.type] : []),
      "default",
      ...hopWords(route),
      ...plainWords(route, ["dev", "protocol", "scope", "prefsrc", "metric"]),
      ...flagWords(route),
      ...metricWords(route.metrics),
      // Every IPv6 route is said to have it.
      ...(route.pref === "medium" ? [] : plainWords(route, ["pref"])),
      ...hops.flatMap((hop) => [
        "nexthop",
        ...hopWords(hop),
        ...plainWords(hop, ["dev", "weight"]),
        ...flagWords(hop),
      ]),
    ],
    devices: [route, ...hops].flatMap(({ dev }) => (typeof dev === "string" ? [dev] : [])),
    metric: Number(route.metric ?? 0),
    isAdvertised: route.protocol === "ra",
  };
}

/** `via` may name a gateway of the other family, as an IPv4 route by way of an IPv6 router does. */
function hopWords({ gateway, via }: JsonObject): string[] {
  if (typeof gateway === "string") return ["via", gateway];
  if (!isObject(via) || typeof via.family !== "string" || typeof via.host !== "string") return [];
  return ["via", via.family, via.host];
}

/** Keys of the JSON with the words of `ip route` for them; one differs. */
function plainWords(route: JsonObject, keys: readonly string[]): string[] {
  return keys.flatMap((key) => {
    const value = route[key];
    const isWord = typeof value === "string" || typeof value === "number";
    return isWord ? [key === "prefsrc" ? "src" : key, String(value)] : [];
  });
}

/** The one flag that a route is made with. The others are the kernel's findings (`linkdown`, `dead`). */
function flagWords({ flags }: JsonObject): string[] {
  return Array.isArray(flags) && flags.includes("onlink") ? ["onlink"] : [];
}

function metricWords(metrics: Json | undefined): string[] {
  const all = Array.isArray(metrics) ? metrics.filter(isObject) : [];
  return all.flatMap((each) => Object.keys(each).flatMap((key) => plainWords(each, [key])));
}
