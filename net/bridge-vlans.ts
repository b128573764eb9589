import { joined, readI32, readU8, readU16, u8, u16, u32 } from "./bytes.ts";
import { family, linkAttribute, linkHeader } from "./link-kinds.ts";
import { linkMessage } from "./links.ts";
import {
  type Attributes,
  attribute,
  flag,
  listAttributes,
  type Message,
  nested,
  readAttributes,
} from "./message.ts";
import type { Request } from "./talk.ts";

/** RTEXT_FILTER_BRVLAN_COMPRESSED: neighbouring VLANs of one kind are told as a range. */
const compressedVlans = 4;
/** IFLA_BRIDGE_* within IFLA_AF_SPEC. */
const specificAttribute = { flags: 0, vlan: 2 } as const;
/** BRIDGE_FLAGS_*: who is asked, the bridge that the link is a port of or the link itself, which is a bridge. */
const askedFor = { master: 1, self: 2 } as const;
/** BRIDGE_VLAN_INFO_*. */
const vlanFlag = { pvid: 0x02, untagged: 0x04, rangeBegin: 0x08, rangeEnd: 0x10 } as const;

/** One VLAN of a bridge's port, or of a bridge as the port of its own traffic. */
export interface PortVlan {
  readonly id: number;
  /** Frames without a tag that come in belong to it. */
  readonly isPvid: boolean;
  /** Frames of it go out without a tag. */
  readonly isUntagged: boolean;
}

/** VLANs to be added: one, or all from `id` to `last`. */
export interface VlanSpec {
  readonly id: number;
  readonly last?: number;
  readonly isPvid?: boolean;
  readonly isUntagged?: boolean;
}

/** `self`: the link is the bridge itself. `master`: it is a port of one. */
export type VlanHolder = keyof typeof askedFor;

/** What is there already is left, but for `isPvid` and `isUntagged`, which are set anew. */
export function addVlans(link: number, holder: VlanHolder, vlans: readonly VlanSpec[]): Request<void> {
  return changing("add", linkMessage.set, link, holder, vlans);
}

/** Errors: `ENOENT` if it has none of them. */
export function removeVlans(link: number, holder: VlanHolder, vlans: readonly VlanSpec[]): Request<void> {
  return changing("remove", linkMessage.removed, link, holder, vlans);
}

/** The VLANs of a bridge or of a port, in order. */
export interface LinkVlans {
  readonly link: number;
  readonly vlans: readonly PortVlan[];
}

/** Of all bridges and ports of the namespace. */
export function listVlans(): Request<LinkVlans[]> {
  return {
    words: "list the VLANs of bridges",
    type: linkMessage.get,
    flags: flag.dump,
    payload: joined([
      linkHeader(family.bridge, 0, 0, 0),
      attribute(linkAttribute.extended, u32(compressedVlans)),
    ]),
    changes: false,
    read: (answers) => answers.filter(({ type }) => type === linkMessage.made).map(readVlans),
  };
}

const linkHeaderBytes = 16;
const mostVlans = 4095;

export function readVlans({ payload }: Message): LinkVlans {
  const specific = readAttributes(payload, linkHeaderBytes).get(linkAttribute.specific);
  const vlans: PortVlan[] = [];
  let first: number | undefined;
  for (const { type, data } of listAttributes(specific ?? new Uint8Array())) {
    if (type !== specificAttribute.vlan) continue;
    const [flags, id] = [readU16(data), readU16(data, 2)];
    if ((flags & vlanFlag.rangeBegin) !== 0) {
      first = id;
      continue;
    }
    const from = (flags & vlanFlag.rangeEnd) !== 0 ? (first ?? id) : id;
    first = undefined;
    const isPvid = (flags & vlanFlag.pvid) !== 0;
    const isUntagged = (flags & vlanFlag.untagged) !== 0;
    for (let each = from; each <= Math.min(id, mostVlans); each++)
      vlans.push({ id: each, isPvid, isUntagged });
  }
  return { link: readI32(payload, 4), vlans };
}

function changing(
  verb: "add" | "remove",
  type: number,
  link: number,
  holder: VlanHolder,
  vlans: readonly VlanSpec[],
): Request<void> {
  const parts = vlans.flatMap(encodeVlan);
  return {
    words: `${verb} VLAN ${vlans.map(printVlan).join(", ")} ${verb === "add" ? "to" : "from"} link ${link}`,
    type,
    flags: 0,
    payload: joined([
      linkHeader(family.bridge, link, 0, 0),
      nested(linkAttribute.specific, [attribute(specificAttribute.flags, u16(askedFor[holder])), ...parts]),
    ]),
    changes: true,
    read: () => undefined,
  };
}

function printVlan({ id, last = id }: VlanSpec): string {
  return last === id ? String(id) : `${id}-${last}`;
}

/** `struct bridge_vlan_info`: flags and ID. A range is two of them. */
function encodeVlan({ id, last = id, isPvid = false, isUntagged = false }: VlanSpec): Uint8Array[] {
  const flags = (isPvid ? vlanFlag.pvid : 0) | (isUntagged ? vlanFlag.untagged : 0);
  const info = (own: number, vlan: number): Uint8Array =>
    attribute(specificAttribute.vlan, joined([u16(flags | own), u16(vlan)]));
  if (last === id) return [info(0, id)];
  return [info(vlanFlag.rangeBegin, id), info(vlanFlag.rangeEnd, last)];
}

/** What a bridge does with one of its ports. */
export interface BridgePort {
  /** Frames may go out of the port that they came in by. */
  readonly hairpin: boolean;
  /** Frames do not go to other isolated ports. */
  readonly isolated: boolean;
  readonly learning: boolean;
  readonly unicastFlood: boolean;
  readonly multicastFlood: boolean;
}

/** IFLA_BRPORT_*. */
const portAttribute = {
  hairpin: 4,
  learning: 8,
  unicastFlood: 9,
  multicastFlood: 27,
  isolated: 33,
} as const satisfies Record<keyof BridgePort, number>;

/** IFLA_PROTINFO. */
const protocolAttribute = 12;

/** Changes what is given. Errors: `EOPNOTSUPP`, `EINVAL` if the link is no port of a bridge. */
export function setBridgePort(link: number, change: Partial<BridgePort>): Request<void> {
  const keys = Object.keys(portAttribute) as (keyof BridgePort)[];
  const parts = keys.flatMap((key) => {
    const value = change[key];
    return value === undefined ? [] : [attribute(portAttribute[key], u8(value ? 1 : 0))];
  });
  return {
    words: `set bridge port ${link}: ${Object.keys(change).join(", ")}`,
    type: linkMessage.set,
    flags: 0,
    payload: joined([linkHeader(family.bridge, link, 0, 0), nested(protocolAttribute, parts)]),
    changes: true,
    read: () => undefined,
  };
}

/** Reads `portData` of a link whose `portKind` is `bridge`. */
export function readBridgePort(portData: Attributes): BridgePort {
  const isSet = (key: keyof BridgePort): boolean => readU8(portData.get(portAttribute[key]) ?? none) !== 0;
  return {
    hairpin: isSet("hairpin"),
    isolated: isSet("isolated"),
    learning: isSet("learning"),
    unicastFlood: isSet("unicastFlood"),
    multicastFlood: isSet("multicastFlood"),
  };
}

const none = new Uint8Array();
