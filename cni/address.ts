/** Families as results before 1.0.0 name them (`ips[].version`). */
export type Family = "4" | "6";

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
 * The family of an IP address as text, undefined if it is none. As strict as the Go parser that reads our results: no
 * leading zeros, no zone. This file is written by hand because the address library costs a plugin almost 2 ms of start-up;
 * the library is the oracle of the tests.
 */
export function addressFamily(text: string): Family | undefined {
  if (isDottedQuad(text)) return "4";
  return isV6(text) ? "6" : undefined;
}

/** The family of an address with its prefix length (`10.1.0.5/16`), undefined if it is none. */
export function cidrFamily(text: string): Family | undefined {
  const [address, prefix, ...more] = text.split("/");
  if (address === undefined || prefix === undefined || more.length > 0) return undefined;
  const family = addressFamily(address);
  if (family === undefined || !/^\d{1,3}$/.test(prefix)) return undefined;
  return Number(prefix) <= bitsOf(family) ? family : undefined;
}

/** The number behind the slash of a CIDR. */
export function prefixOf(cidr: string): number {
  return Number(cidr.slice(cidr.indexOf("/") + 1));
}

/** Undefined if the text is no address. Like Go, this reads an IPv4-mapped address (`::ffff:10.0.0.1`) as the IPv4 one. */
export function parseAddress(text: string): Address | undefined {
  if (addressFamily(text) === undefined) return undefined;
  const address = readAddress(text);
  return isMapped(address) ? { family: "4", value: address.value & 0xffff_ffffn } : address;
}

/** Undefined if the text is no address with its prefix length. An IPv4-mapped one is refused: is /120 a /24? */
export function parseCidr(text: string): Cidr | undefined {
  if (cidrFamily(text) === undefined) return undefined;
  const cidr = readCidr(text);
  return isMapped(cidr.address) ? undefined : cidr;
}

/** The one spelling that the kernel, Go and the reference plugins' file names have (RFC 5952). */
export function printAddress(address: Address): string {
  const { family, value } = address;
  if (family === "4") return printQuad(value);
  if (isMapped(address)) return `::ffff:${printQuad(value & 0xffff_ffffn)}`;
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

/**
 * An address, with or without a prefix length, in the spelling of `printAddress`. libcni writes addresses anew between
 * plugins, so texts are made canonical before they are compared. An IPv4-mapped address becomes the IPv4 address, except
 * with a prefix length, which counts from the other beginning. A text that is no address stays as it is.
 */
export function canonicalAddress(text: string): string {
  if (cidrFamily(text) !== undefined) return printCidr(readCidr(text));
  const address = parseAddress(text);
  return address === undefined ? text : printAddress(address);
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

export function isInNetwork(address: Address, cidr: Cidr): boolean {
  const { first, last } = networkOf(cidr);
  return address.family === cidr.address.family && address.value >= first && address.value <= last;
}

/** `isInNetwork` for texts that are known to be a CIDR, and an address with or without a prefix length. */
export function covers(cidr: string, address: string): boolean {
  const [host = ""] = address.split("/");
  return isInNetwork(readAddress(host), readCidr(cidr));
}

function isDottedQuad(text: string): boolean {
  const octets = text.split(".");
  return (
    octets.length === 4 && octets.every((octet) => /^(0|[1-9]\d{0,2})$/.test(octet) && Number(octet) <= 255)
  );
}

function isV6(text: string): boolean {
  const halves = text.split("::");
  if (halves.length > 2) return false;
  const groups = halves.reduce((sum, half, index) => sum + groupCount(half, index === halves.length - 1), 0);
  return halves.length === 1 ? groups === 8 : groups <= 7;
}

/** The number of 16-bit groups in the text. A dotted quad at the very end counts as two. NaN if the text has anything else. */
function groupCount(text: string, isEnd: boolean): number {
  if (text === "") return 0;
  const groups = text.split(":");
  const quads = isEnd && isDottedQuad(groups.at(-1) ?? "") ? 1 : 0;
  const written = groups.slice(0, groups.length - quads);
  return written.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group)) ? written.length + 2 * quads : Number.NaN;
}

/** Reads a text that is known to be a CIDR. */
function readCidr(text: string): Cidr {
  const [host = ""] = text.split("/");
  return { address: readAddress(host), prefix: prefixOf(text) };
}

/** Reads a text that is known to be an address. An IPv4-mapped address stays an IPv6 address. */
function readAddress(text: string): Address {
  return text.includes(":")
    ? { family: "6", value: valueOfV6(text) }
    : { family: "4", value: quadValue(text) };
}

function valueOfV6(address: string): bigint {
  const [head = "", tail = ""] = address.split("::");
  const [left, right] = [halfGroups(head), halfGroups(tail)];
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => 0n);
  return [...left, ...zeros, ...right].reduce((sum, group) => (sum << 16n) | group, 0n);
}

function halfGroups(half: string): bigint[] {
  if (half === "") return [];
  return half.split(":").flatMap((group) => {
    if (!group.includes(".")) return [BigInt(`0x${group}`)];
    const quad = quadValue(group);
    return [quad >> 16n, quad & 0xffffn];
  });
}

function quadValue(text: string): bigint {
  return text.split(".").reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n);
}

/** Whether an IPv6 address stands for one of IPv4 (::ffff:0:0/96). */
function isMapped({ family, value }: Address): boolean {
  return family === "6" && value >> 32n === 0xffffn;
}

function printQuad(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join(".");
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
