import { type Address, type Family, parseAddress, parseCidr, printAddress } from "../../cni/address.ts";
import { family } from "../../net/link-kinds.ts";

/** An address and its prefix as messages have them. */
export interface Subnet {
  readonly bytes: Uint8Array;
  readonly prefix: number;
}

/** The bytes of an address, in the order of the network. */
export function addressBytes({ family: of, value }: Address): Uint8Array {
  const bytes = new Uint8Array(of === "4" ? 4 : 16);
  let rest = value;
  for (let at = bytes.length - 1; at >= 0; at--) {
    bytes[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

export function addressOf(bytes: Uint8Array): Address {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return { family: bytes.length === 4 ? "4" : "6", value };
}

/** Reads an address of a result, which was validated. A text that is none is a bug. */
export function bytesOf(text: string): Uint8Array {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`${text} is no address, and was taken for one`);
  return addressBytes(address);
}

/** Reads an address with its prefix of a result, which was validated. */
export function subnetOf(cidr: string): Subnet {
  const read = parseCidr(cidr);
  if (read === undefined) throw new Error(`${cidr} is no address with a prefix, and was taken for one`);
  return { bytes: addressBytes(read.address), prefix: read.prefix };
}

/** The same bytes with zeros behind the prefix. */
export function masked({ bytes, prefix }: Subnet): Uint8Array {
  return bytes.map((byte, at) => byte & maskByte(prefix, at));
}

/** The highest address of the subnet: of IPv4, its broadcast address. */
export function lastOf({ bytes, prefix }: Subnet): Uint8Array {
  return bytes.map((byte, at) => byte | (~maskByte(prefix, at) & 0xff));
}

/** The lowest address of the subnet but one, which gateways have by custom. */
export function firstHostOf(subnet: Subnet): Uint8Array {
  const { family: of, value } = addressOf(masked(subnet));
  return addressBytes({ family: of, value: value + 1n });
}

export function isInSubnet(bytes: Uint8Array, { bytes: own, prefix }: Subnet): boolean {
  if (bytes.length !== own.length) return false;
  return bytes.every((byte, at) => ((byte ^ (own[at] ?? 0)) & maskByte(prefix, at)) === 0);
}

/** The kernel's number of the family of these bytes. */
export function familyOf(bytes: Uint8Array): number {
  return bytes.length === 4 ? family.v4 : family.v6;
}

export function familyNumber(of: Family): number {
  return of === "4" ? family.v4 : family.v6;
}

function maskByte(prefix: number, at: number): number {
  const bits = Math.min(8, Math.max(0, prefix - at * 8));
  return (0xff << (8 - bits)) & 0xff;
}

export function printSubnet({ bytes, prefix }: Subnet): string {
  return `${printAddress(addressOf(bytes))}/${prefix}`;
}
