import { type Address, printAddress } from "../../../cni/address.ts";
import { contains, type Space } from "./space.ts";

/**
 * The keys of one pool. All keys of one owner (its own record, its addresses, attachment, MAC and hold) are written by one
 * transaction and so share a revision: that one of them is unchanged says that all are.
 */
export interface Keys {
  readonly ip: (family: 4 | 6, address: bigint) => string;
  readonly own: (identity: string) => string;
  readonly att: (node: string, containerId: string, ifname: string) => string;
  readonly mac: (mac: string) => string;
  readonly hold: (untilMs: number, identity: string) => string;
  readonly def: (hash: string) => string;
  readonly attsOf: (node: string) => KeyRange;
  /** Holds that have expired, the oldest first. */
  readonly holdsUntil: (nowMs: number) => KeyRange;
  readonly holds: KeyRange;
  readonly defs: KeyRange;
  readonly ips: (family: 4 | 6, first: bigint, last: bigint) => KeyRange;
  readonly owners: KeyRange;
}

export interface KeyRange {
  readonly from: string;
  /** Not included. */
  readonly to: string;
}

/** Hex digits of an address of each family. */
const digits: Readonly<Record<Space["family"], number>> = { 4: 8, 6: 32 };
/** Milliseconds since 1970 have 13 digits until the year 2286. */
const timeDigits = 15;

export function keysOf(pool: string): Keys {
  const ip = (family: 4 | 6, address: bigint): string => `ip/${pool}/${codeOf(family, address)}`;
  const time = (ms: number): string => String(Math.trunc(ms)).padStart(timeDigits, "0");
  return {
    ip,
    own: (identity) => `own/${pool}/${identity}`,
    att: (node, containerId, ifname) => `att/${pool}/${node}/${containerId}/${ifname}`,
    mac: (mac) => `mac/${pool}/${mac}`,
    hold: (untilMs, identity) => `hold/${pool}/${time(untilMs)}/${identity}`,
    def: (hash) => `pool/${pool}/def/${hash}`,
    attsOf: (node) => under(`att/${pool}/${node}/`),
    holds: under(`hold/${pool}/`),
    holdsUntil: (nowMs) => ({ from: `hold/${pool}/`, to: `hold/${pool}/${time(nowMs)}` }),
    defs: under(`pool/${pool}/def/`),
    ips: (family, first, last) => ({ from: ip(family, first), to: `${ip(family, last)}\u0001` }),
    owners: under(`own/${pool}/`),
  };
}

/** All keys that begin with a text that ends in a slash; `0` is the character after it. */
function under(prefix: string): KeyRange {
  return { from: prefix, to: `${prefix.slice(0, -1)}0` };
}

/** An address as keys and holdings spell it: family digit and fixed-width hex, so that text order is address order. */
export function codeOf(family: 4 | 6, address: bigint): string {
  return `${family}${address.toString(16).padStart(digits[family], "0")}`;
}

/** The family and address that a code, or an `ip` key, names. */
export function addressOfKey(key: string): { family: 4 | 6; address: bigint } {
  const name = key.slice(key.lastIndexOf("/") + 1);
  return { family: name.startsWith("4") ? 4 : 6, address: BigInt(`0x${name.slice(1)}`) };
}

/** Whether a range set gives the address that a code names. */
export function inSpace(space: Space, code: string): boolean {
  const { family, address } = addressOfKey(code);
  return family === space.family && contains(space, address);
}

/** The address that a code names. */
export function addressOfCode(code: string): Address {
  const { family, address } = addressOfKey(code);
  return { family: family === 6 ? "6" : "4", value: address };
}

/** As people write it. */
export function printCode(code: string): string {
  return printAddress(addressOfCode(code));
}

export function codeOfAddress({ family, value }: Address): string {
  return codeOf(family === "6" ? 6 : 4, value);
}
