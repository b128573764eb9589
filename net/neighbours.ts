import { printBytes } from "./addresses.ts";
import { joined, printHardware, readI32, readU8, readU16, u8, u16, u32 } from "./bytes.ts";
import { family } from "./link-kinds.ts";
import { attribute, flag, type Message, readAttributes } from "./message.ts";
import type { Request } from "./talk.ts";

export const neighbourMessage = { made: 28, removed: 29, get: 30 } as const;
/** NDA_*. */
const neighbourAttribute = { address: 1, hardware: 2, vlan: 5, link: 8, master: 9 } as const;

/** NUD_*: what is known of a neighbour. */
export const neighbourState = {
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  failed: 0x20,
  noArp: 0x40,
  permanent: 0x80,
} as const;

/** NTF_*. */
export const neighbourFlag = { self: 0x02, master: 0x04, proxy: 0x08, router: 0x80 } as const;

/** The hardware address of an address on a link. */
export interface Neighbour {
  readonly link: number;
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly hardware?: Uint8Array;
  /** `neighbourState`. */
  readonly state: number;
  /** `neighbourFlag`. */
  readonly flags?: number;
}

/** Adds a neighbour, or changes the one that is there. */
export function replaceNeighbour(neighbour: Neighbour): Request<void> {
  return changing("add", neighbourMessage.made, flag.create | flag.replace, neighbour);
}

/** Errors: `ENOENT`. */
export function removeNeighbour(neighbour: Neighbour): Request<void> {
  return changing("remove", neighbourMessage.removed, 0, neighbour);
}

/** The neighbours of one link, or of all with 0; of one family, or of both with 0. */
export function listNeighbours(link = 0, of: number = family.unspecified): Request<Neighbour[]> {
  return {
    words: "list the neighbours",
    type: neighbourMessage.get,
    flags: flag.dump,
    payload: joined([
      neighbourHeader({ of }),
      ...(link === 0 ? [] : [attribute(neighbourAttribute.link, u32(link))]),
    ]),
    changes: false,
    read: (answers) =>
      answers
        .filter(({ type }) => type === neighbourMessage.made)
        .map(readNeighbour)
        .filter((each) => link === 0 || each.link === link),
  };
}

export function readNeighbour({ payload }: Message): Neighbour {
  const attributes = readAttributes(payload, headerBytes);
  const hardware = attributes.get(neighbourAttribute.hardware);
  return {
    link: readI32(payload, 4),
    address: attributes.get(neighbourAttribute.address) ?? new Uint8Array(),
    ...(hardware === undefined ? {} : { hardware }),
    state: readU16(payload, 8),
    flags: readU8(payload, 10),
  };
}

/** One address that a bridge has seen, or was told, behind a port (or on itself). */
export interface ForwardingEntry {
  readonly link: number;
  readonly hardware: Uint8Array;
  readonly vlan: number | undefined;
  /** The bridge, if the link is its port. */
  readonly master: number | undefined;
  readonly state: number;
  readonly flags: number;
}

/** The forwarding database of all bridges of the namespace. */
export function listForwarding(): Request<ForwardingEntry[]> {
  return {
    words: "list the bridges' forwarding database",
    type: neighbourMessage.get,
    flags: flag.dump,
    payload: neighbourHeader({ of: family.bridge }),
    changes: false,
    read: (answers) => answers.filter(({ type }) => type === neighbourMessage.made).map(readForwarding),
  };
}

export function readForwarding({ payload }: Message): ForwardingEntry {
  const attributes = readAttributes(payload, headerBytes);
  const vlan = attributes.get(neighbourAttribute.vlan);
  const master = attributes.get(neighbourAttribute.master);
  return {
    link: readI32(payload, 4),
    hardware: attributes.get(neighbourAttribute.hardware) ?? new Uint8Array(),
    vlan: vlan === undefined ? undefined : readU16(vlan),
    master: master === undefined ? undefined : readI32(master),
    state: readU16(payload, 8),
    flags: readU8(payload, 10),
  };
}

const headerBytes = 12;

/** The head of a message about a neighbour (`struct ndmsg`). */
function neighbourHeader({
  of,
  link = 0,
  state = 0,
  flags = 0,
}: {
  readonly of: number;
  readonly link?: number;
  readonly state?: number;
  readonly flags?: number;
}): Uint8Array {
  return joined([u8(of), u8(0), u16(0), u32(link), u16(state), u8(flags), u8(0)]);
}

function changing(
  verb: "add" | "remove",
  type: number,
  flags: number,
  { link, address, hardware, state, flags: own = 0 }: Neighbour,
): Request<void> {
  const of = address.length === 4 ? family.v4 : family.v6;
  const at = hardware === undefined ? "" : ` at ${printHardware(hardware)}`;
  return {
    words: `${verb} neighbour ${printBytes(address)}${at} on link ${link}`,
    type,
    flags,
    payload: joined([
      neighbourHeader({ of, link, state, flags: own }),
      attribute(neighbourAttribute.address, address),
      ...(hardware === undefined ? [] : [attribute(neighbourAttribute.hardware, hardware)]),
    ]),
    changes: true,
    read: () => undefined,
  };
}
