import { joined, readU16, readU32, u16, u32 } from "./bytes.ts";

/** One netlink message (`struct nlmsghdr` and what follows). */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly port: number;
  readonly payload: Uint8Array;
}

export const headerBytes = 16;
const attributeHeaderBytes = 4;

/** Flags of a message (`NLM_F_*`). */
export const flag = {
  request: 0x1,
  multi: 0x2,
  acknowledge: 0x4,
  /** NLM_F_DUMP_INTR: what a dump reads has changed meanwhile. */
  dumpInterrupted: 0x10,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  append: 0x800,
  /** NLM_F_ROOT and NLM_F_MATCH. */
  dump: 0x300,
  /** NLM_F_CAPPED: an error does not repeat the request. */
  capped: 0x100,
  /** NLM_F_ACK_TLVS: attributes follow an error. */
  withAttributes: 0x200,
} as const;

/** Types of messages that every protocol has. */
export const control = { noop: 1, error: 2, done: 3, overrun: 4 } as const;

export function encodeMessage({ type, flags, sequence, port, payload }: Message): Uint8Array {
  return padded([
    u32(headerBytes + payload.length),
    u16(type),
    u16(flags),
    u32(sequence),
    u32(port),
    payload,
  ]);
}

/** The messages of a datagram, undefined if the kernel cannot have written it: a length is wrong, or the end is missing. */
export function decodeMessages(datagram: Uint8Array): Message[] | undefined {
  const messages: Message[] = [];
  for (let at = 0; at < datagram.length; ) {
    const length = readU32(datagram, at);
    if (at + headerBytes > datagram.length || length < headerBytes || at + length > datagram.length) {
      return undefined;
    }
    messages.push({
      type: readU16(datagram, at + 4),
      flags: readU16(datagram, at + 6),
      sequence: readU32(datagram, at + 8),
      port: readU32(datagram, at + 12),
      payload: datagram.subarray(at + headerBytes, at + length),
    });
    at += aligned(length);
  }
  return messages;
}

/** One attribute (`struct nlattr` or `rtattr`), padded. */
export function attribute(type: number, data: Uint8Array): Uint8Array {
  return padded([u16(attributeHeaderBytes + data.length), u16(type), data]);
}

const nestedFlag = 0x8000;
/** What is left of a type without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const typeMask = 0x3fff;

/** An attribute that holds attributes, with NLA_F_NESTED. */
export function nested(type: number, parts: readonly Uint8Array[]): Uint8Array {
  return attribute(type | nestedFlag, joined(parts));
}

export interface Attribute {
  readonly type: number;
  readonly data: Uint8Array;
}

/** The attributes in order. Stops at the first that is longer than what is there. */
export function listAttributes(bytes: Uint8Array, from = 0): Attribute[] {
  const list: Attribute[] = [];
  eachAttribute(bytes, from, (type, start, end) => {
    list.push({ type, data: bytes.subarray(start, end) });
  });
  return list;
}

/** A link has sixty attributes, and a verb looks at some links. So this calls nothing for each but `found`. */
function eachAttribute(
  bytes: Uint8Array,
  from: number,
  found: (type: number, start: number, end: number) => void,
): void {
  const { length } = bytes;
  for (let at = from; at + attributeHeaderBytes <= length; ) {
    const own = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
    if (own < attributeHeaderBytes || at + own > length) return;
    const type = ((bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8)) & typeMask;
    found(type, at + attributeHeaderBytes, at + own);
    at += (own + 3) & ~3;
  }
}

export type Attributes = ReadonlyMap<number, Uint8Array>;

/** The attributes by their types. Of several of one type the last counts, as the kernel has it. */
export function readAttributes(bytes: Uint8Array, from = 0): Attributes {
  const found = new Map<number, Uint8Array>();
  eachAttribute(bytes, from, (type, start, end) => {
    found.set(type, bytes.subarray(start, end));
  });
  return found;
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}

function padded(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = joined(parts);
  if (bytes.length % 4 === 0) return bytes;
  const whole = new Uint8Array(aligned(bytes.length));
  whole.set(bytes);
  return whole;
}
