import { addressFlag } from "../addresses.ts";
import { isSameBytes } from "../bytes.ts";
import { family, linkFlag } from "../link-kinds.ts";
import { routeProtocol, routeScope, routeTable, routeType } from "../routes.ts";
import { type Device, type HeldAddress, isUp, type StoredRoute } from "./kernel-model.ts";

/** The routes that the kernel makes by itself, for addresses and links. */

/** `own`: to the address itself. `net`: to its subnet. */
export function addAddressRoutes(device: Device, address: HeldAddress, which: "own" | "net" | "all"): void {
  const made = address.address.length === 4 ? routesOfV4(device, address) : routesOfV6(device, address);
  const isOwn = ({ type, scope }: StoredRoute): boolean =>
    type === routeType.local && (address.address.length === 16 || scope === routeScope.host);
  for (const { route, own } of made) {
    if (which !== "all" && own !== (which === "own")) continue;
    if (!isOwn(route) && !isUp(device)) continue;
    if (!device.space.routes.some((each) => isSameRoute(each, route))) device.space.routes.push(route);
  }
}

export function dropAddressRoutes(device: Device, address: HeldAddress): void {
  const made = address.address.length === 4 ? routesOfV4(device, address) : routesOfV6(device, address);
  const { space } = device;
  const still = device.addresses.flatMap((other) =>
    other.address.length === 4 ? routesOfV4(device, other) : routesOfV6(device, other),
  );
  const gone = made.filter(({ route }) => !still.some((other) => isSameRoute(other.route, route)));
  space.routes = space.routes.filter((each) => {
    if (gone.some(({ route }) => isSameRoute(each, route))) return false;
    const { preferredSource } = each;
    const isHeld = (bytes: Uint8Array): boolean =>
      [...space.devices.values()].some((one) =>
        one.addresses.some((other) => isSameBytes(other.address, bytes)),
      );
    // A route that prefers an address that is gone goes with it. Of IPv6, it only loses its preference.
    if (preferredSource === undefined || !isSameBytes(preferredSource, address.address)) return true;
    return each.family === family.v6 || isHeld(preferredSource);
  });
}

/** Drops the routes of a link. `local` routes of IPv4 stay when it only goes down. */
export function dropDeviceRoutes(device: Device, of: number, spares: "local" | "nothing" = "nothing"): void {
  const { space } = device;
  space.routes = space.routes.filter((route) => {
    if (route.family !== of || !route.hops.some((hop) => hop.device === device)) return true;
    return spares === "local" && route.type === routeType.local;
  });
}

/** All links' multicast of IPv6. */
export function addMulticastRoute(device: Device): void {
  if ((device.flags & linkFlag.loopback) !== 0 || !isUp(device)) return;
  const route = {
    ...bare(device, family.v6, Uint8Array.of(0xff, ...new Uint8Array(15)), 8),
    table: routeTable.local,
    type: 5,
    priority: 256,
  };
  if (!device.space.routes.some((each) => isSameRoute(each, route))) device.space.routes.push(route);
}

interface OwnRoute {
  readonly route: StoredRoute;
  readonly own: boolean;
}

function bare(device: Device, of: number, destination: Uint8Array, prefix: number): StoredRoute {
  return {
    family: of,
    destination,
    prefix,
    source: undefined,
    sourcePrefix: 0,
    table: routeTable.main,
    protocol: routeProtocol.kernel,
    scope: routeScope.universe,
    type: routeType.unicast,
    tos: 0,
    priority: 0,
    preferredSource: undefined,
    metrics: undefined,
    preference: 0,
    hops: [{ device, gateway: undefined, flags: 0, weight: 1 }],
  };
}

function routesOfV4(device: Device, held: HeldAddress): OwnRoute[] {
  const { address, prefix, peer, flags } = held;
  const isLoopback = (device.flags & linkFlag.loopback) !== 0;
  const local = { table: routeTable.local, type: routeType.local, scope: routeScope.host };
  const prefer = { preferredSource: primaryOf(device, held) };
  const routes: OwnRoute[] = [
    { route: { ...bare(device, family.v4, address, 32), ...local, ...prefer }, own: true },
  ];
  const far = peer ?? address;
  const net = masked(far, prefix);
  const isPoint = prefix === 32 && isSameBytes(net, address);
  if ((flags & addressFlag.secondary) !== 0 || isPoint || net[0] === 0) return routes;
  if ((flags & addressFlag.noPrefixRoute) === 0) {
    const kind = isLoopback ? local : { scope: routeScope.link };
    routes.push({ route: { ...bare(device, family.v4, net, prefix), ...kind, ...prefer }, own: false });
  }
  const all = { table: routeTable.local, type: routeType.broadcast, scope: routeScope.link, ...prefer };
  const broadcasts = [
    ...(prefix < 31 ? [broadcastOf(net, prefix)] : []),
    ...(held.broadcast === undefined ? [] : [held.broadcast]),
  ];
  for (const destination of broadcasts) {
    routes.push({ route: { ...bare(device, family.v4, destination, 32), ...all }, own: false });
  }
  return routes;
}

/** A further address of a subnet has the first one as its source. */
function primaryOf(device: Device, { address, prefix, flags }: HeldAddress): Uint8Array {
  if ((flags & addressFlag.secondary) === 0) return address;
  const isFirst = (each: HeldAddress): boolean =>
    (each.flags & addressFlag.secondary) === 0 &&
    each.prefix === prefix &&
    each.address.length === 4 &&
    isSameBytes(masked(each.peer ?? each.address, prefix), masked(address, prefix));
  return device.addresses.find(isFirst)?.address ?? address;
}

function routesOfV6(device: Device, { address, prefix, peer, flags }: HeldAddress): OwnRoute[] {
  const local = { table: routeTable.local, type: routeType.local };
  const routes: OwnRoute[] = [{ route: { ...bare(device, family.v6, address, 128), ...local }, own: true }];
  if ((flags & addressFlag.noPrefixRoute) === 0) {
    const net = masked(peer ?? address, prefix);
    routes.push({ route: { ...bare(device, family.v6, net, prefix), priority: 256 }, own: false });
  }
  return routes;
}

export function masked(address: Uint8Array, prefix: number): Uint8Array {
  const bytes = Uint8Array.from(address);
  for (let at = 0; at < bytes.length; at++) {
    const bits = Math.min(8, Math.max(0, prefix - at * 8));
    bytes[at] = (bytes[at] ?? 0) & ((0xff << (8 - bits)) & 0xff);
  }
  return bytes;
}

function broadcastOf(net: Uint8Array, prefix: number): Uint8Array {
  const bytes = Uint8Array.from(net);
  for (let at = 0; at < bytes.length; at++) {
    const bits = Math.min(8, Math.max(0, prefix - at * 8));
    bytes[at] = (bytes[at] ?? 0) | (0xff >> bits);
  }
  return bytes;
}

/** One place in one table, by one way. */
export function isSameRoute(one: StoredRoute, other: StoredRoute): boolean {
  return (
    isSamePlace(one, other) &&
    one.type === other.type &&
    one.hops.length === other.hops.length &&
    one.hops.every((hop, at) => {
      const its = other.hops[at];
      return hop.device === its?.device && isSameMaybe(hop.gateway, its?.gateway);
    })
  );
}

/** Two of one place are told apart by their priority. */
export function isSamePlace(one: StoredRoute, other: StoredRoute): boolean {
  return (
    one.family === other.family &&
    one.table === other.table &&
    one.prefix === other.prefix &&
    isSameBytes(one.destination, other.destination) &&
    isSameMaybe(one.source, other.source) &&
    one.priority === other.priority &&
    one.tos === other.tos
  );
}

export function isSameMaybe(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return isSameBytes(one, other);
}
