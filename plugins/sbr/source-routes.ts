import type { CniResult } from "../../cni/types.ts";
import { isSameBytes } from "../../net/bytes.ts";
import { type IpRoute, routeScope, routeTable, routeType } from "../../net/routes.ts";
import type { RoutingRule } from "../../net/routing-rules.ts";
import {
  addressBytes,
  bytesOf,
  familyOf,
  isInSubnet,
  masked,
  type Subnet,
  subnetOf,
} from "../link/ip-bytes.ts";
import type { SbrConfig } from "./config.ts";

/** One address of the interface, and the gateway that its packets leave by. */
export interface SourceAddress {
  readonly subnet: Subnet;
  readonly gateway: Uint8Array | undefined;
}

/** The addresses of the interface that a result tells, also those of which it tells no interface. */
export function sourceAddresses(
  { ips = [], interfaces = [] }: CniResult,
  ifname: string,
  gateways: SbrConfig["gateways"] = [],
): SourceAddress[] {
  const own = ips.filter(({ interface: index }) => index === undefined || interfaces[index]?.name === ifname);
  return own.map(({ address, gateway }) => {
    const subnet = subnetOf(address);
    const configured = gateways.find(({ family }) => (family === "4") === (subnet.bytes.length === 4));
    if (configured !== undefined) return { subnet, gateway: addressBytes(configured) };
    return { subnet, gateway: gateway === undefined ? undefined : bytesOf(gateway) };
  });
}

const firstTable = 100;

/** The first table from 100, or from `from`, that no rule names and that has no route. */
export function freeTable(
  rules: readonly RoutingRule[],
  routes: readonly IpRoute[],
  from: number = firstTable,
): number {
  const used = new Set<number>();
  for (const { table } of rules) used.add(table);
  for (const { table = routeTable.main } of routes) used.add(table);
  let table = from;
  while (used.has(table)) table++;
  return table;
}

/** The rule that sends packets of this source address by a table. */
export function sourceRule(bytes: Uint8Array, table: number): RoutingRule {
  return { family: familyOf(bytes), table, source: bytes };
}

/** Whether a rule is about this one source address. */
export function isRuleOf({ source, sourcePrefix }: RoutingRule, bytes: Uint8Array): boolean {
  return source !== undefined && sourcePrefix === bytes.length * 8 && isSameBytes(source, bytes);
}

export function defaultRoute(gateway: Uint8Array, link: number, table: number): IpRoute {
  return { family: familyOf(gateway), destination: new Uint8Array(), prefix: 0, gateway, link, table };
}

/** The routes of a table that leave by the interface. */
export function routesOf(
  routes: readonly IpRoute[],
  link: number,
  table: number = routeTable.main,
): IpRoute[] {
  return routes.filter(
    (route) => route.link === link && route.table === table && route.type === routeType.unicast,
  );
}

/** The routes that the address uses: those from it or by its gateways, and those that name neither. */
export function routesFor({ subnet }: SourceAddress, routes: readonly IpRoute[], table: number): IpRoute[] {
  const used = routes.filter(({ preferredSource, gateway }) => {
    if (preferredSource === undefined && gateway === undefined) return true;
    return [preferredSource, gateway].some((bytes) => bytes !== undefined && isInSubnet(bytes, subnet));
  });
  return used.map((route) => inTable(route, table));
}

/** The route in another table. Its flags say how the kernel came by it, and cannot be given. */
export function inTable(route: IpRoute, table: number): IpRoute {
  return { ...route, table, flags: 0 };
}

/** The route of the main table to the address's subnet, from the address. */
export function hintedRoute({ subnet }: SourceAddress, link: number): IpRoute {
  return {
    family: familyOf(subnet.bytes),
    destination: masked(subnet),
    prefix: subnet.prefix,
    preferredSource: subnet.bytes,
    link,
    table: routeTable.main,
    scope: routeScope.link,
  };
}
