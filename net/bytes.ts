/** Numbers and texts as the kernel's messages have them. Netlink's own numbers are in the order of the machine, which is little. */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function u8(value: number): Uint8Array {
  return Uint8Array.of(value);
}

export function u16(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, (value >> 8) & 0xff);
}

export function u32(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24);
}

/** In the order of the network. */
export function be16(value: number): Uint8Array {
  return Uint8Array.of((value >> 8) & 0xff, value & 0xff);
}

/** In the order of the network. */
export function be32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

/** In the order of the network. */
export function be64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}

/** A text with the zero byte behind it. */
export function zeroEnded(text: string): Uint8Array {
  return encoder.encode(`${text}\0`);
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Reads from bytes whose length the caller has not checked. What is missing is 0. */
export function readU8(bytes: Uint8Array, at = 0): number {
  return bytes[at] ?? 0;
}

export function readU16(bytes: Uint8Array, at = 0): number {
  return readU8(bytes, at) | (readU8(bytes, at + 1) << 8);
}

export function readU32(bytes: Uint8Array, at = 0): number {
  return (readU16(bytes, at) | (readU16(bytes, at + 2) << 16)) >>> 0;
}

/** A signed number of 32 bits. */
export function readI32(bytes: Uint8Array, at = 0): number {
  return readU32(bytes, at) | 0;
}

export function readBe16(bytes: Uint8Array, at = 0): number {
  return (readU8(bytes, at) << 8) | readU8(bytes, at + 1);
}

export function readBe32(bytes: Uint8Array, at = 0): number {
  return ((readBe16(bytes, at) << 16) | readBe16(bytes, at + 2)) >>> 0;
}

/** A text up to its zero byte, or to the end. */
export function readText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

export function isSameBytes(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}

/** `02:00:00:00:00:09`. */
export function printHardware(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += `:${(0x100 + byte).toString(16).slice(1)}`;
  return text.slice(1);
}
