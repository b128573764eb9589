import { joined, readU8, readU32, u8, u32 } from "./bytes.ts";
import { family } from "./link-kinds.ts";
import { attribute, flag, type Message, readAttributes } from "./message.ts";
import type { Request } from "./talk.ts";

const addressMessage = { made: 20, removed: 21, get: 22 } as const;
/** IFA_*. */
const addressAttribute = { address: 1, local: 2, label: 3, broadcast: 4, flags: 8, metric: 9 } as const;

/** Flags of an address (`IFA_F_*`). */
export const addressFlag = {
  /** On IPv4: a further address of a subnet. */
  secondary: 0x01,
  noDetection: 0x02,
  optimistic: 0x04,
  duplicate: 0x08,
  deprecated: 0x20,
  tentative: 0x40,
  permanent: 0x80,
  managedTemporary: 0x100,
  noPrefixRoute: 0x200,
} as const;

/** An address of a link. */
export interface LinkAddress {
  readonly link: number;
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly prefix: number;
  /** The other end, where it is another address. */
  readonly peer?: Uint8Array;
  readonly broadcast?: Uint8Array;
  /** `addressFlag`. */
  readonly flags?: number;
  /** RT_SCOPE_*: 0 universe, 253 link, 254 host. */
  readonly scope?: number;
  readonly label?: string;
}

/** A found address. Its flags and scope are always told. */
export type FoundAddress = LinkAddress & { readonly flags: number; readonly scope: number };

/** Errors: `EEXIST` if the link has it. */
export function addAddress(address: LinkAddress): Request<void> {
  return changing("give", addressMessage.made, flag.create | flag.exclusive, address);
}

/** Gives an address, or changes what else is said of one that is there. */
export function replaceAddress(address: LinkAddress): Request<void> {
  return changing("give", addressMessage.made, flag.create | flag.replace, address);
}

/** Errors: `EADDRNOTAVAIL` if the link has it not. */
export function removeAddress(address: LinkAddress): Request<void> {
  return changing("take", addressMessage.removed, 0, address);
}

/** The addresses of one link, or of all with 0; of one family, or of both with 0. */
export function listAddresses(link = 0, of: number = family.unspecified): Request<FoundAddress[]> {
  return {
    words: "list the addresses",
    type: addressMessage.get,
    flags: flag.dump,
    payload: joined([u8(of), u8(0), u8(0), u8(0), u32(link)]),
    changes: false,
    read: (answers) =>
      answers
        .filter(({ type }) => type === addressMessage.made)
        .map(readLinkAddress)
        .filter((each) => link === 0 || each.link === link),
  };
}

export function readLinkAddress({ payload }: Message): FoundAddress {
  const attributes = readAttributes(payload, 8);
  const far = attributes.get(addressAttribute.address) ?? new Uint8Array();
  const local = attributes.get(addressAttribute.local);
  const broadcast = attributes.get(addressAttribute.broadcast);
  const longFlags = attributes.get(addressAttribute.flags);
  const label = attributes.get(addressAttribute.label);
  const isPeer = local?.some((byte, at) => byte !== far[at]);
  return {
    link: readU32(payload, 4),
    address: local ?? far,
    prefix: readU8(payload, 1),
    ...(isPeer ? { peer: far } : {}),
    ...(broadcast === undefined ? {} : { broadcast }),
    flags: longFlags === undefined ? readU8(payload, 2) : readU32(longFlags),
    scope: readU8(payload, 3),
    ...(label === undefined ? {} : { label: new TextDecoder().decode(label.subarray(0, -1)) }),
  };
}

function changing(
  verb: "give" | "take",
  type: number,
  flags: number,
  { link, address, prefix, peer, broadcast, flags: own = 0, scope = 0, label }: LinkAddress,
): Request<void> {
  const of = address.length === 4 ? family.v4 : family.v6;
  return {
    words: `${verb} address ${printBytes(address)}/${prefix} ${verb === "give" ? "to" : "from"} link ${link}`,
    type,
    flags,
    payload: joined([
      joined([u8(of), u8(prefix), u8(own & 0xff), u8(scope), u32(link)]),
      attribute(addressAttribute.local, address),
      attribute(addressAttribute.address, peer ?? address),
      ...(broadcast === undefined ? [] : [attribute(addressAttribute.broadcast, broadcast)]),
      ...(own === 0 ? [] : [attribute(addressAttribute.flags, u32(own))]),
      ...(label === undefined
        ? []
        : [attribute(addressAttribute.label, new TextEncoder().encode(`${label}\0`))]),
    ]),
    changes: true,
    read: () => undefined,
  };
}

/** `10.0.0.1`, or IPv6 in groups without abbreviation: for words only. */
export function printBytes(address: Uint8Array): string {
  if (address.length === 4) return address.join(".");
  const groups: string[] = [];
  for (let at = 0; at < address.length; at += 2) {
    groups.push((((address[at] ?? 0) << 8) | (address[at + 1] ?? 0)).toString(16));
  }
  return groups.join(":");
}
