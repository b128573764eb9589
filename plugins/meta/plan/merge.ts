import { covers, prefixOf } from "../../../cni/address.ts";
import type { CniResult, Dns, Route } from "../../../cni/types.ts";

/**
 * One result of several: interfaces, addresses and routes of all in order, the first's first; interface indexes moved
 * to where the interfaces went. The results have been validated, so every index is inside its own list.
 */
export function merge(results: readonly CniResult[]): CniResult {
  const [first, ...others] = results;
  if (first === undefined || others.length === 0) return first ?? {};
  const merged = others.map(explicit).reduce(append, explicit(first));
  requireIndexes(merged);
  return merged;
}

/** containerd follows an index without looking: one that points past the interfaces ends it. */
function requireIndexes({ ips = [], interfaces = [] }: CniResult): void {
  const wrong = ips.find(({ interface: at }) => at !== undefined && interfaces[at] === undefined);
  if (wrong !== undefined)
    throw new Error(
      `the merged result has no interface ${wrong.interface} of address ${wrong.address}: a bug`,
    );
}

/** A route without a gateway goes by the gateway of its own network. A merged result has several networks, so each route names it. */
function explicit(result: CniResult): CniResult {
  if (result.routes === undefined) return result;
  const gateways = (result.ips ?? []).flatMap(({ gateway }) => gateway ?? []);
  const routes = result.routes.map((route) => {
    const own = gateways.filter((each) => isV6(each) === isV6(route.dst));
    const [gateway] = own;
    if (route.gw !== undefined || gateway === undefined || isOfLink(route, result, own)) return route;
    return { ...route, gw: gateway };
  });
  return { ...result, routes };
}

/** The kernel refuses a gateway in a route of this scope (link), and of the narrower ones (host, nowhere). */
const linkScope = 253;

/** Every interface of IPv6 is in this network. */
const linkLocal = "fe80::/64";

/**
 * Whether a route without a gateway leads to neighbours on the link, the gateway perhaps among them. All others go by the
 * gateway: the reference plugins put it into them (ConfigureIface).
 */
function isOfLink(route: Route, { ips = [], routes = [] }: CniResult, gateways: readonly string[]): boolean {
  const { dst, scope = 0 } = route;
  if (scope >= linkScope) return true;
  if (prefixOf(dst) === 0) return false;
  if (gateways.some((gateway) => dst.endsWith(isV6(gateway) ? "/128" : "/32") && covers(dst, gateway)))
    return true;
  const networks = [...ips.map(({ address }) => address), linkLocal];
  if (networks.some((network) => prefixOf(network) === prefixOf(dst) && covers(network, dst))) return true;
  // A route without which the gateway could not be reached stays without a gateway.
  const [gateway = ""] = gateways;
  const narrower = routes.map((each) => each.dst).filter((each) => prefixOf(each) > prefixOf(dst));
  return covers(dst, gateway) && ![...networks, ...narrower].some((each) => covers(each, gateway));
}

function isV6(address: string): boolean {
  return address.includes(":");
}

function append(merged: CniResult, next: CniResult): CniResult {
  const offset = merged.interfaces?.length ?? 0;
  const ips = (next.ips ?? []).map((ip) =>
    ip.interface === undefined ? ip : { ...ip, interface: ip.interface + offset },
  );
  return {
    ...merged,
    interfaces: [...(merged.interfaces ?? []), ...(next.interfaces ?? [])],
    ips: [...(merged.ips ?? []), ...ips],
    routes: [...(merged.routes ?? []), ...(next.routes ?? [])],
    dns: mergeDns(merged.dns ?? {}, next.dns ?? {}),
  };
}

/** The first domain; every name server, search domain and option once, the primary's before the others'. */
function mergeDns(first: Dns, second: Dns): Dns {
  const domain = first.domain ?? second.domain;
  return {
    ...first,
    ...(domain === undefined ? {} : { domain }),
    ...joined("nameservers", first, second),
    ...joined("search", first, second),
    ...joined("options", first, second),
  };
}

function joined(key: "nameservers" | "search" | "options", first: Dns, second: Dns): Dns {
  const all = new Set([...(first[key] ?? []), ...(second[key] ?? [])]);
  return all.size === 0 ? {} : { [key]: [...all] };
}
