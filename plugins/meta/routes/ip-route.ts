import { canonicalAddress, type Family } from "../../../cni/address.ts";

/**
 * A default route of the main table as `ip route` speaks of it. Records keep these words: those of hawser 0.1.0, which ran `ip`,
 * are read as well.
 */
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
