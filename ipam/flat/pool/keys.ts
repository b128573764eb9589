import { type Address, type Family, printAddress } from "../../../cni/address.ts";

/**
 * The keys of one pool. One transaction writes all keys of one owner: its own record, its addresses, attachment, MAC and
 * hold. So they share a revision, and if one of them is unchanged, all are.
 */
export interface PoolKeys {
  readonly ip: (code: string) => string;
  readonly own: (identity: string) => string;
  readonly att: (node: string, containerId: string, ifname: string) => string;
  readonly mac: (mac: string) => string;
  readonly hold: (untilMs: number, identity: string) => string;
  readonly def: (hash: string) => string;
  readonly ips: (family: Family, first: bigint, last: bigint) => KeyRange;
  readonly attsOf: (node: string) => KeyRange;
  /** Holds that have expired, the oldest first. */
  readonly holdsUntil: (nowMs: number) => KeyRange;
  /** Everything of one kind. */
  readonly all: Readonly<Record<KeyKind, KeyRange>>;
}

/** The kind of a key: of an owner, an address, a MAC address, an attachment, a hold, or a definition of the pool. */
export type KeyKind = "own" | "ip" | "mac" | "att" | "hold" | "def";

export interface KeyRange {
  readonly from: string;
  /** Not included. */
  readonly to: string;
}

/** Hex digits of an address of each family. */
const digits: Readonly<Record<Family, number>> = { "4": 8, "6": 32 };
/** Milliseconds since 1970 have 13 digits until the year 2286. */
const timeDigits = 15;

export function keysOf(pool: string): PoolKeys {
  const ip = (code: string): string => `ip/${pool}/${code}`;
  const time = (ms: number): string => String(Math.trunc(ms)).padStart(timeDigits, "0");
  return {
    ip,
    own: (identity) => `own/${pool}/${identity}`,
    att: (node, containerId, ifname) => `att/${pool}/${node}/${containerId}/${ifname}`,
    mac: (mac) => `mac/${pool}/${mac}`,
    hold: (untilMs, identity) => `hold/${pool}/${time(untilMs)}/${identity}`,
    def: (hash) => `pool/${pool}/def/${hash}`,
    ips: (family, first, last) => ({
      from: ip(codeOf(family, first)),
      to: `${ip(codeOf(family, last))}\u0001`,
    }),
    attsOf: (node) => under(`att/${pool}/${node}/`),
    holdsUntil: (nowMs) => ({ from: `hold/${pool}/`, to: `hold/${pool}/${time(nowMs)}` }),
    all: {
      own: under(`own/${pool}/`),
      ip: under(`ip/${pool}/`),
      mac: under(`mac/${pool}/`),
      att: under(`att/${pool}/`),
      hold: under(`hold/${pool}/`),
      def: under(`pool/${pool}/def/`),
    },
  };
}

/** The definitions of every pool of a store. */
export const definitionsOfAll: KeyRange = under("pool/");

/** The pool that a key is of. */
export function poolOfKey(key: string): string {
  return key.split("/")[1] ?? "";
}

/** All keys that begin with a text that ends in a slash; `0` is the character after it. */
function under(prefix: string): KeyRange {
  return { from: prefix, to: `${prefix.slice(0, -1)}0` };
}

export function isInKeyRange({ from, to }: KeyRange, key: string): boolean {
  return from <= key && key < to;
}

/** The code of the address that an `ip` key is of; undefined for a key of another kind. */
export function codeOfKey(key: string): string | undefined {
  return key.startsWith("ip/") ? key.slice(key.lastIndexOf("/") + 1) : undefined;
}

/** Writes an address as keys and holdings have it: family digit and fixed-width hex. So text order is address order. */
export function codeOf(family: Family, value: bigint): string {
  return `${family}${value.toString(16).padStart(digits[family], "0")}`;
}

export function codeOfAddress({ family, value }: Address): string {
  return codeOf(family, value);
}

export function addressOfCode(code: string): Address {
  return { family: code.startsWith("4") ? "4" : "6", value: BigInt(`0x${code.slice(1)}`) };
}

/** Writes the address of a code as people do. */
export function printCode(code: string): string {
  return printAddress(addressOfCode(code));
}
