import { be16, joined, readBe16, readU8, readU16, readU32, u8, u16, u32, zeroEnded } from "./bytes.ts";
import { type Attributes, attribute, nested } from "./message.ts";

/** Flags of a link (`IFF_*`). */
export const linkFlag = {
  up: 0x1,
  loopback: 0x8,
  noArp: 0x80,
  promiscuous: 0x100,
  allMulticast: 0x200,
  running: 0x40,
  lowerUp: 0x10000,
} as const;

/** Attributes of a link (`IFLA_*`). */
export const linkAttribute = {
  hardware: 1,
  name: 3,
  mtu: 4,
  parent: 5,
  master: 10,
  transmitQueue: 13,
  operState: 16,
  info: 18,
  pid: 19,
  alias: 20,
  specific: 26,
  descriptor: 28,
  extended: 29,
  promiscuity: 30,
  transmitQueues: 31,
  receiveQueues: 32,
  parentNamespace: 37,
  minMtu: 50,
  maxMtu: 51,
  propList: 52,
  altName: 53,
  permanentHardware: 54,
  parentDevice: 56,
  parentBus: 57,
} as const;

/** What is special of a kind of link, as it is made and as the kernel tells it. */
export type LinkKind =
  /** The peer cannot be made `up`: the kernel makes it before its other end (`ENOTCONN`). */
  | { readonly kind: "veth"; readonly peer: Omit<LinkSpec, "up"> }
  | {
      readonly kind: "bridge";
      readonly vlanFiltering?: boolean;
      /** The VLAN of frames without a tag; 0 is none. */
      readonly defaultVlan?: number;
    }
  | { readonly kind: "macvlan"; readonly mode: MacvlanMode; readonly broadcastQueue?: number }
  | { readonly kind: "ipvlan"; readonly mode: IpvlanMode }
  | { readonly kind: "vlan"; readonly id: number; readonly protocol?: number }
  | { readonly kind: "vrf"; readonly table: number }
  | { readonly kind: "dummy" };

export const macvlanModes = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const;
export type MacvlanMode = keyof typeof macvlanModes;

export const ipvlanModes = { l2: 0, l3: 1, l3s: 2 } as const;
export type IpvlanMode = keyof typeof ipvlanModes;

/** A link to be made. */
export interface LinkSpec {
  readonly name: string;
  readonly mtu?: number;
  readonly hardware?: Uint8Array;
  readonly up?: boolean;
  /** Index of the link that it is made on (macvlan, ipvlan, vlan), in the namespace of the socket. */
  readonly parent?: number;
  /** Index of the link that it belongs to (a bridge, a VRF). */
  readonly master?: number;
  /** Descriptor of the namespace that it is made in. */
  readonly namespace?: number;
  readonly transmitQueue?: number;
  readonly queues?: number;
}

/** AF_BRIDGE, PF_UNSPEC. */
export const family = { unspecified: 0, v4: 2, bridge: 7, v6: 10 } as const;

/** IFLA_INFO_KIND and its neighbours. */
export const infoAttribute = { kind: 1, data: 2, portKind: 4, portData: 5 } as const;
const vethPeer = 1;
const bridgeAttribute = { vlanFiltering: 7, vlanDefault: 39 } as const;
const macvlanAttribute = { mode: 1, broadcastQueue: 7 } as const;
const ipvlanMode = 1;
const vlanAttribute = { id: 1, protocol: 5 } as const;
const vrfTable = 1;
/** The attribute that says what a link is to be. */
export function encodeInfo(kind: LinkKind): Uint8Array {
  return nested(linkAttribute.info, [
    attribute(infoAttribute.kind, zeroEnded(kind.kind)),
    ...kindAttributes(kind),
  ]);
}

/** What is special of a link's kind, as far as a plugin makes it. Undefined for other kinds, and for what the kernel leaves out. */
export function readKind({
  kind,
  kindData,
  parent,
}: {
  readonly kind: string | undefined;
  readonly kindData: Attributes;
  readonly parent: number | undefined;
}): LinkKind | undefined {
  const number = (type: number, read: (data: Uint8Array) => number): number | undefined => {
    const data = kindData.get(type);
    return data === undefined ? undefined : read(data);
  };
  switch (kind) {
    case "veth":
      return { kind, peer: { name: `#${parent ?? 0}` } };
    case "bridge":
      return {
        kind,
        vlanFiltering: number(bridgeAttribute.vlanFiltering, readU8) === 1,
        ...defined("defaultVlan", number(bridgeAttribute.vlanDefault, readU16)),
      };
    case "macvlan": {
      const mode = nameOf(macvlanModes, number(macvlanAttribute.mode, readU32));
      const queue = number(macvlanAttribute.broadcastQueue, readU32);
      return mode === undefined ? undefined : { kind, mode, ...defined("broadcastQueue", queue) };
    }
    case "ipvlan": {
      const mode = nameOf(ipvlanModes, number(ipvlanMode, readU16));
      return mode === undefined ? undefined : { kind, mode };
    }
    case "vlan":
      return {
        kind,
        id: number(vlanAttribute.id, readU16) ?? 0,
        ...defined("protocol", number(vlanAttribute.protocol, readBe16)),
      };
    case "vrf":
      return { kind, table: number(vrfTable, readU32) ?? 0 };
    case "dummy":
      return { kind };
    default:
      return undefined;
  }
}

function defined<K extends string>(key: K, value: number | undefined): { [key in K]?: number } {
  return (value === undefined ? {} : { [key]: value }) as { [key in K]?: number };
}

function nameOf<K extends string>(
  table: Readonly<Record<K, number>>,
  value: number | undefined,
): K | undefined {
  for (const name in table) if (table[name] === value) return name;
  return undefined;
}

/** The head of a message about a link (`struct ifinfomsg`). */
export function linkHeader(of: number, index: number, flags: number, mask: number): Uint8Array {
  return joined([u8(of), u8(0), u16(0), u32(index), u32(flags), u32(mask)]);
}

export function specHeader({ up }: LinkSpec): Uint8Array {
  return linkHeader(family.unspecified, 0, up === true ? linkFlag.up : 0, up === true ? linkFlag.up : 0);
}

export function specAttributes(spec: LinkSpec): Uint8Array[] {
  const { name, mtu, hardware, parent, master, namespace, transmitQueue, queues } = spec;
  return [
    attribute(linkAttribute.name, zeroEnded(name)),
    ...(mtu === undefined ? [] : [attribute(linkAttribute.mtu, u32(mtu))]),
    ...(hardware === undefined ? [] : [attribute(linkAttribute.hardware, hardware)]),
    ...(parent === undefined ? [] : [attribute(linkAttribute.parent, u32(parent))]),
    ...(master === undefined ? [] : [attribute(linkAttribute.master, u32(master))]),
    ...(namespace === undefined ? [] : [attribute(linkAttribute.descriptor, u32(namespace))]),
    ...(transmitQueue === undefined ? [] : [attribute(linkAttribute.transmitQueue, u32(transmitQueue))]),
    ...(queues === undefined
      ? []
      : [
          attribute(linkAttribute.transmitQueues, u32(queues)),
          attribute(linkAttribute.receiveQueues, u32(queues)),
        ]),
  ];
}

function kindAttributes(kind: LinkKind): Uint8Array[] {
  const parts = kindData(kind);
  return parts.length === 0 ? [] : [nested(infoAttribute.data, parts)];
}

function kindData(kind: LinkKind): Uint8Array[] {
  switch (kind.kind) {
    case "veth":
      return [nested(vethPeer, [specHeader(kind.peer), ...specAttributes(kind.peer)])];
    case "bridge":
      return [
        ...(kind.vlanFiltering === undefined
          ? []
          : [attribute(bridgeAttribute.vlanFiltering, u8(kind.vlanFiltering ? 1 : 0))]),
        ...(kind.defaultVlan === undefined
          ? []
          : [attribute(bridgeAttribute.vlanDefault, u16(kind.defaultVlan))]),
      ];
    case "macvlan":
      return [
        attribute(macvlanAttribute.mode, u32(macvlanModes[kind.mode])),
        ...(kind.broadcastQueue === undefined
          ? []
          : [attribute(macvlanAttribute.broadcastQueue, u32(kind.broadcastQueue))]),
      ];
    case "ipvlan":
      return [attribute(ipvlanMode, u16(ipvlanModes[kind.mode]))];
    case "vlan":
      return [
        attribute(vlanAttribute.id, u16(kind.id)),
        ...(kind.protocol === undefined ? [] : [attribute(vlanAttribute.protocol, be16(kind.protocol))]),
      ];
    case "vrf":
      return [attribute(vrfTable, u32(kind.table))];
    case "dummy":
      return [];
  }
}
