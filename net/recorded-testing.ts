import { type FoundAddress, listAddresses } from "./addresses.ts";
import { printHardware } from "./bytes.ts";
import { family } from "./link-kinds.ts";
import { type Link, listLinks } from "./links.ts";
import { control, decodeMessages } from "./message.ts";
import { type IpRoute, listRoutes, type NextHop } from "./routes.ts";
import { listRules, type RoutingRule } from "./routing-rules.ts";
import type { Request } from "./talk.ts";

/** What a kernel answered, beside what iproute2 said of the same namespace: a witness that reads the same messages by itself. */
export interface Recorded {
  readonly kernel: string;
  /** Datagrams in hexadecimal digits, by the list that was asked for. */
  readonly answers: Readonly<Record<RecordedList, readonly string[]>>;
  /** The JSON of iproute2, numbers instead of names (`ip -N -d -j`). */
  readonly said: Readonly<Record<RecordedList, readonly Said[]>>;
}

/** One object of iproute2's. Its fields are not the same in any two kinds of object. */
type Said = Readonly<Record<string, unknown>>;

export const listings = ["links", "addresses", "routes4", "routes6", "rules4", "rules6"] as const;
export type RecordedList = (typeof listings)[number];

export const requests = {
  links: listLinks(),
  addresses: listAddresses(),
  routes4: listRoutes(family.v4),
  routes6: listRoutes(family.v6),
  rules4: listRules(family.v4),
  rules6: listRules(family.v6),
} as const satisfies Record<RecordedList, Request<unknown>>;

/** The options of `ip` by which it says the same. */
export const witnesses: Readonly<Record<RecordedList, readonly string[]>> = {
  links: ["link"],
  addresses: ["addr"],
  routes4: ["-4", "route", "show", "table", "all"],
  routes6: ["-6", "route", "show", "table", "all"],
  rules4: ["-4", "rule"],
  rules6: ["-6", "rule"],
};

/** Both views in the same words, for a test to compare. */
export function compared(recorded: Recorded, listing: RecordedList): { ours: unknown[]; theirs: unknown[] } {
  const names = new Map(read(recorded, "links", listLinks()).map(({ index, name }) => [index, name]));
  const nameOf = (index: number | undefined): string | undefined =>
    index === undefined ? undefined : names.get(index);
  const said = recorded.said[listing];
  switch (listing) {
    case "links":
      return {
        ours: read(recorded, listing, requests.links).map((each) => link(each, nameOf)),
        theirs: said.map(saidLink),
      };
    case "addresses": {
      const ours = read(recorded, listing, requests.addresses).map((each) => address(each, nameOf));
      return { ours: sorted(ours), theirs: sorted(said.flatMap(saidAddresses)) };
    }
    case "routes4":
    case "routes6": {
      const ours = read(recorded, listing, requests[listing]).map((each) => route(each, nameOf));
      return { ours: sorted(ours), theirs: sorted(said.map((each) => saidRoute(each, listing))) };
    }
    case "rules4":
    case "rules6":
      return {
        ours: read(recorded, listing, requests[listing]).map(rule),
        theirs: said.map((each) => saidRule(each, listing)),
      };
  }
}

function read<T>({ answers }: Recorded, listing: RecordedList, request: Request<T>): T {
  const messages = answers[listing].flatMap((hex) => decodeMessages(bytesOf(hex)) ?? []);
  return request.read(messages.filter(({ type }) => type !== control.done));
}

export function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** A routing table has no order that both tell. */
function sorted(list: readonly unknown[]): unknown[] {
  return list.map((each) => JSON.stringify(each)).toSorted();
}

type NameOf = (index: number | undefined) => string | undefined;

function link(each: Link, nameOf: NameOf): unknown {
  return {
    index: each.index,
    name: each.name,
    hardwareType: each.hardwareType,
    isUp: each.isUp,
    mtu: each.mtu,
    hardware: printHardware(each.hardware),
    kind: each.kind,
    portKind: each.portKind,
    master: nameOf(each.master),
    parent: each.parent === 0 || each.parentNamespace !== undefined ? undefined : nameOf(each.parent),
    parentNamespace: each.parentNamespace,
    alias: each.alias,
    alternativeNames: each.alternativeNames,
    transmitQueue: each.transmitQueue,
  };
}

function saidLink(each: Said): unknown {
  const info = (each.linkinfo ?? {}) as Said;
  const isHere = each.link_netnsid === undefined;
  return {
    index: each.ifindex,
    name: each.ifname,
    hardwareType: Number(String(each.link_type).replaceAll(/[[\]]/g, "")),
    isUp: (each.flags as string[]).includes("UP"),
    mtu: each.mtu,
    hardware: each.address,
    kind: info.info_kind,
    portKind: info.info_slave_kind,
    master: each.master,
    parent: isHere ? (each.link ?? undefined) : undefined,
    parentNamespace: each.link_netnsid,
    alias: each.ifalias,
    alternativeNames: each.altnames ?? [],
    transmitQueue: each.txqlen ?? 0,
  };
}

function address(each: FoundAddress, nameOf: NameOf): unknown {
  return {
    link: nameOf(each.link),
    address: [...each.address],
    prefix: each.prefix,
    peer: each.peer === undefined ? undefined : [...each.peer],
    broadcast: each.broadcast === undefined ? undefined : [...each.broadcast],
    scope: each.scope,
    label: each.label,
    isSecondary: each.address.length === 4 && (each.flags & 1) !== 0,
    isWithoutDetection: (each.flags & 2) !== 0,
    isWithoutRoute: (each.flags & 0x200) !== 0,
  };
}

function saidAddresses({ ifname, addr_info: list }: Said): unknown[] {
  return (list as Said[]).map((each) => ({
    link: ifname,
    address: addressBytes(each.local),
    prefix: each.prefixlen,
    peer: each.address === undefined ? undefined : addressBytes(each.address),
    broadcast: each.broadcast === undefined ? undefined : addressBytes(each.broadcast),
    scope: Number(each.scope),
    label: each.label,
    isSecondary: each.secondary === true,
    isWithoutDetection: each.nodad === true,
    isWithoutRoute: each.noprefixroute === true,
  }));
}

function route(each: IpRoute, nameOf: NameOf): unknown {
  return {
    type: each.type,
    destination: [...each.destination],
    prefix: each.prefix,
    gateway: each.gateway === undefined ? undefined : [...each.gateway],
    link: nameOf(each.link),
    table: each.table,
    protocol: each.protocol,
    scope: each.scope,
    source: each.preferredSource === undefined ? undefined : [...each.preferredSource],
    priority: each.priority ?? 0,
    isOnLink: ((each.flags ?? 0) & 4) !== 0,
    mtu: each.mtu,
    advertisedSegment: each.advertisedSegment,
    preference: each.preference,
    hops: (each.multipath ?? []).map((hop) => ({
      gateway: hop.gateway === undefined ? undefined : [...hop.gateway],
      link: nameOf(hop.link),
      weight: (hop.hops ?? 0) + 1,
      isOnLink: isOnLink(hop),
    })),
  };
}

function isOnLink({ flags = 0 }: NextHop): boolean {
  return (flags & 4) !== 0;
}

function saidRoute(each: Said, listing: RecordedList): unknown {
  const [to = "", bits] = String(each.dst).split("/");
  const most = listing === "routes4" ? 32 : 128;
  const [metrics] = (each.metrics ?? [{}]) as Said[];
  const preferences: Readonly<Record<string, number>> = { medium: 0, high: 1, low: 3 };
  return {
    type: Number(each.type),
    destination: to === "default" ? [] : addressBytes(to),
    prefix: to === "default" ? 0 : Number(bits ?? most),
    gateway: saidGateway(each),
    link: each.dev,
    table: Number(each.table),
    protocol: Number(each.protocol),
    scope: Number(each.scope),
    source: each.prefsrc === undefined ? undefined : addressBytes(each.prefsrc),
    priority: each.metric ?? 0,
    isOnLink: (each.flags as string[]).includes("onlink"),
    mtu: metrics?.mtu,
    advertisedSegment: metrics?.advmss,
    preference: each.pref === undefined ? undefined : preferences[String(each.pref)],
    hops: ((each.nexthops ?? []) as Said[]).map((hop) => ({
      gateway: saidGateway(hop),
      link: hop.dev,
      weight: hop.weight,
      isOnLink: (hop.flags as string[]).includes("onlink"),
    })),
  };
}

function saidGateway({ gateway, via }: Said): number[] | undefined {
  const host = gateway ?? (via as Said | undefined)?.host;
  return host === undefined ? undefined : addressBytes(host);
}

function rule(each: RoutingRule): unknown {
  return {
    priority: each.priority ?? 0,
    table: each.table,
    source: each.source === undefined ? undefined : [[...each.source], each.sourcePrefix],
    destination: each.destination === undefined ? undefined : [[...each.destination], each.destinationPrefix],
    inLink: each.inLink,
    outLink: each.outLink,
    mark: each.mark === undefined ? undefined : [each.mark, each.markMask],
  };
}

function saidRule(each: Said, listing: RecordedList): unknown {
  const most = listing === "rules4" ? 32 : 128;
  const subnet = (text: unknown, length: unknown): unknown =>
    text === undefined || text === "all" ? undefined : [addressBytes(text), length ?? most];
  return {
    priority: each.priority,
    table: Number(each.table),
    source: subnet(each.src, each.srclen),
    destination: subnet(each.dst, each.dstlen),
    inLink: each.iif,
    outLink: each.oif,
    mark: each.fwmark === undefined ? undefined : [Number(each.fwmark), Number(each.fwmask ?? 0xffff_ffff)],
  };
}

/** The bytes of an address in iproute2's words. */
function addressBytes(text: unknown): number[] {
  const words = String(text);
  if (!words.includes(":")) return words.split(".").map(Number);
  const [before = "", after] = words.split("::");
  const groups = (part: string | undefined): string[] =>
    part === undefined || part === "" ? [] : part.split(":");
  const [first, last] = [groups(before), groups(after)];
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => "0");
  return [...first, ...zeros, ...last].flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
