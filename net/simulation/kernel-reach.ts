import { isSameBytes } from "../bytes.ts";
import { family } from "../link-kinds.ts";
import { type NextHop, routeScope, routeTable, routeType } from "../routes.ts";
import { isInNet } from "./kernel-addresses.ts";
import {
  type Device,
  isUp,
  type NetSpace,
  type Refusal,
  type RouteHop,
  refuse,
  type StoredRoute,
} from "./kernel-model.ts";
import { settingOf } from "./kernel-settings.ts";

/** What of a route decides whether its hop can be reached. */
export interface Reaching {
  readonly route: { readonly scope?: number; readonly table?: number };
  readonly family: number;
}

const onlinkFlag = 4;

/** One way of a new route: its link must be up, and its gateway reachable without another gateway. */
export function checkHop(space: NetSpace, asked: Reaching, hop: NextHop): RouteHop | Refusal {
  const device = hop.link === undefined || hop.link === 0 ? undefined : space.devices.get(hop.link);
  if (hop.link !== undefined && hop.link !== 0 && device === undefined) {
    return refuse("ENODEV", asked.family === family.v4 ? "Device for nexthop doesn't exist" : undefined);
  }
  return asked.family === family.v4 ? checkV4(space, asked, hop, device) : checkV6(space, asked, hop, device);
}

function hopOf(device: Device | undefined, { gateway, flags = 0, hops = 0 }: NextHop): RouteHop {
  return {
    device,
    gateway: gateway === undefined ? undefined : Uint8Array.from(gateway),
    flags: flags & onlinkFlag,
    weight: hops + 1,
  };
}

function checkV4(
  space: NetSpace,
  asked: Reaching,
  hop: NextHop,
  device: Device | undefined,
): RouteHop | Refusal {
  const { gateway, flags = 0 } = hop;
  const scope = asked.route.scope ?? routeScope.universe;
  if (gateway === undefined) {
    if (device === undefined) return refuse("ENODEV", "Device for nexthop doesn't exist");
    return isUp(device) ? hopOf(device, hop) : refuse("ENETDOWN", "Device for nexthop is not up");
  }
  if (gateway.length !== 4) return checkV6(space, asked, hop, device);
  if ((flags & onlinkFlag) !== 0) {
    if (device === undefined) return refuse("ENODEV", "Nexthop device required for onlink");
    return isUp(device) ? hopOf(device, hop) : refuse("ENETDOWN", "Nexthop device is not up");
  }
  const found = lookUp(space, family.v4, gateway, {
    device,
    leastScope: Math.max(scope + 1, routeScope.link),
    table: asked.route.table,
  });
  if (found === undefined) return refuse("ENETUNREACH", "Nexthop has invalid gateway");
  if (found.type !== routeType.unicast && found.type !== routeType.local) {
    return refuse("EINVAL", "Nexthop has invalid gateway");
  }
  const way = found.hops[0]?.device;
  if (way === undefined) return refuse("ENODEV", "No egress device for nexthop");
  return isUp(way) ? hopOf(way, hop) : refuse("ENETDOWN", "Nexthop device is not up");
}

function checkV6(
  space: NetSpace,
  asked: Reaching,
  hop: NextHop,
  device: Device | undefined,
): RouteHop | Refusal {
  const { gateway } = hop;
  let way = device;
  if (gateway !== undefined) {
    const reached = reachV6(space, asked, hop, device);
    if (reached !== undefined && "refused" in reached) return reached;
    way = reached;
  }
  if (way === undefined)
    return refuse("ENODEV", gateway === undefined ? undefined : "Egress device not specified");
  if (settingOf(way, "ipv6/conf/*/disable_ipv6") === "1") {
    return refuse("EACCES", "IPv6 is disabled on nexthop device");
  }
  if (settingOf(way, "ipv6/conf/*/disable_ipv6") === undefined) return refuse("ENODEV");
  return isUp(way) ? hopOf(way, hop) : refuse("ENETDOWN", "Nexthop device is not up");
}

function reachV6(
  space: NetSpace,
  asked: Reaching,
  { gateway = new Uint8Array(), flags = 0 }: NextHop,
  device: Device | undefined,
): Device | Refusal | undefined {
  const own = [...space.devices.values()].filter(
    (each) => device === undefined || each === device || !isLinkLocal(gateway),
  );
  if (own.some((each) => each.addresses.some(({ address }) => isSameBytes(address, gateway)))) {
    return refuse("EINVAL", "Gateway can not be a local address");
  }
  if (isLinkLocal(gateway)) {
    return device ?? refuse("EINVAL", "Nexthop has invalid gateway or device mismatch");
  }
  if (gateway[0] === 0xff) return refuse("EINVAL", "Invalid gateway address");
  if ((flags & onlinkFlag) !== 0) return device ?? refuse("ENODEV", "Nexthop device required for onlink");
  const found = lookUp(space, family.v6, gateway, { device, leastScope: 0, table: asked.route.table });
  const [way] = found?.hops ?? [];
  if (way?.device === undefined || way.gateway !== undefined)
    return refuse("EHOSTUNREACH", "Nexthop has invalid gateway");
  return way.device;
}

export function isLinkLocal(address: Uint8Array): boolean {
  return address[0] === 0xfe && ((address[1] ?? 0) & 0xc0) === 0x80;
}

interface LookUp {
  readonly device: Device | undefined;
  readonly leastScope: number;
  readonly table: number | undefined;
}

/** The longest match, in the asked table first and then as the rules without conditions lead. */
function lookUp(
  space: NetSpace,
  of: number,
  address: Uint8Array,
  { device, leastScope, table }: LookUp,
): StoredRoute | undefined {
  const rules = space.rules.filter(({ family: its }) => its === of).map((rule) => rule.table);
  for (const each of [...(table === undefined ? [] : [table]), routeTable.local, ...rules, routeTable.main]) {
    let best: StoredRoute | undefined;
    for (const route of space.routes) {
      if (route.family !== of || route.table !== each || route.scope < leastScope) continue;
      if (device !== undefined && !route.hops.some((hop) => hop.device === device)) continue;
      if (!isInNet(address, route.destination, route.prefix)) continue;
      const isBetter =
        best === undefined ||
        route.prefix > best.prefix ||
        (route.prefix === best.prefix && route.priority < best.priority);
      if (isBetter) best = route;
    }
    if (best !== undefined) return best;
  }
  return undefined;
}
