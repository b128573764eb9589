import { addressFamily, cidrFamily, type Family } from "./cidr.ts";

/** An IP address as a number, so that v4 and v6 are counted, compared and iterated alike. */
export interface Address {
  readonly family: Family;
  /** Below 2^32 or 2^128. */
  readonly value: bigint;
}

/** An address with its prefix length in bits (`10.1.0.5/16`); the host bits need not be zero. */
export interface Cidr {
  readonly address: Address;
  readonly prefix: number;
}

/**
 * Reads an address as strictly as the Go parser of the reference plugins (no leading zeros, no zone), undefined if it is
 * none. Like there, an IPv4-mapped one (`::ffff:10.0.0.1`) is the IPv4 address. By hand, since the address library costs
 * every ADD almost 2 ms of start-up; it is the oracle of the tests.
 */
export function parseAddress(text: string): Address | undefined {
  const family = addressFamily(text);
  if (family === undefined) return undefined;
  if (family === "4") return { family, value: quadValue(text) };
  const value = groupsOf(text).reduce((sum, group) => (sum << 16n) | group, 0n);
  return value >> 32n === mappedPrefix ? { family: "4", value: value & 0xffff_ffffn } : { family, value };
}

/** Reads an address with its prefix length, undefined if it is none. An IPv4-mapped one is refused: is /120 a /24? */
export function parseCidr(text: string): Cidr | undefined {
  const family = cidrFamily(text);
  if (family === undefined) return undefined;
  const at = text.indexOf("/");
  const address = parseAddress(text.slice(0, at));
  return address?.family === family ? { address, prefix: Number(text.slice(at + 1)) } : undefined;
}

/** The one way that everybody writes it (RFC 5952), the reference plugin's file names included. */
export function printAddress({ family, value }: Address): string {
  if (family === "4") return printQuad(value);
  if (value >> 32n === mappedPrefix) return `::ffff:${printQuad(value & 0xffff_ffffn)}`;
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
  );
  const { start, length } = longestZeros(groups);
  if (length < 2) return groups.join(":");
  return `${groups.slice(0, start).join(":")}::${groups.slice(start + length).join(":")}`;
}

export function printCidr({ address, prefix }: Cidr): string {
  return `${printAddress(address)}/${prefix}`;
}

export function bitsOf(family: Family): 32 | 128 {
  return family === "4" ? 32 : 128;
}

export function isSameAddress(one: Address, other: Address): boolean {
  return one.family === other.family && one.value === other.value;
}

/** The lowest and the highest address of the network that a CIDR is in. */
export function networkOf({ address, prefix }: Cidr): { readonly first: bigint; readonly last: bigint } {
  const hosts = (1n << BigInt(bitsOf(address.family) - prefix)) - 1n;
  const first = address.value - (address.value & hosts);
  return { first, last: first + hosts };
}

/** Whether an address is in the network of a CIDR. */
export function isInNetwork(address: Address, cidr: Cidr): boolean {
  const { first, last } = networkOf(cidr);
  return address.family === cidr.address.family && address.value >= first && address.value <= last;
}

/** The upper 96 bits of ::ffff:0:0/96. */
const mappedPrefix = 0xffffn;

function quadValue(text: string): bigint {
  return text.split(".").reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n);
}

function printQuad(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join(".");
}

/** The eight 16-bit groups of what is known to be an IPv6 address. */
function groupsOf(text: string): bigint[] {
  const [head = "", tail] = text.split("::");
  const left = halfGroups(head);
  const right = halfGroups(tail ?? "");
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => 0n);
  return [...left, ...zeros, ...right];
}

function halfGroups(half: string): bigint[] {
  if (half === "") return [];
  return half.split(":").flatMap((group) => {
    if (!group.includes(".")) return [BigInt(`0x${group}`)];
    const quad = quadValue(group);
    return [quad >> 16n, quad & 0xffffn];
  });
}

/** The first of the longest runs of zero groups. */
function longestZeros(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  for (const [index, group] of groups.entries()) {
    length = group === "0" ? length + 1 : 0;
    if (length > best.length) best = { start: index - length + 1, length };
  }
  return best;
}
