import type { CniResult, Dns } from "../../cni/types.ts";

/**
 * One result of several: interfaces, addresses and routes of all in order, the first's first; interface indexes moved
 * to where the interfaces went. The results have been validated, so every index is inside its own list.
 */
export function merge(results: readonly CniResult[]): CniResult {
  const [first, ...others] = results;
  if (first === undefined || others.length === 0) return first ?? {};
  return others.map(explicit).reduce(append, explicit(first));
}

/** A route without a gateway goes by its own network's; among several networks' routes that has to be said. */
function explicit(result: CniResult): CniResult {
  if (result.routes === undefined) return result;
  const gateways = (result.ips ?? []).flatMap(({ gateway }) => gateway ?? []);
  const routes = result.routes.map((route) => {
    const gateway = gateways.find((each) => each.includes(":") === route.dst.includes(":"));
    return route.gw !== undefined || gateway === undefined ? route : { ...route, gw: gateway };
  });
  return { ...result, routes };
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
