import { fail, type Outcome, ok } from "../../sys/outcome.ts";

/**
 * The part of protobuf's wire format that the kubelet's messages need: fields that hold text or messages, and one number by its
 * field. The readers skip every other field. They are pure, and read no byte beyond those that they are given. We wrote them by
 * hand because libraries (@grpc/grpc-js with @bufbuild/protobuf) would cost every ADD with a device 16 ms of processor time
 * under Bun and 46 ms on Node.
 */

const varint = 0;
const fixed64 = 1;
const lengthDelimited = 2;
const fixed32 = 5;
/** Protobuf's own limit: 29 bits. */
const maxFieldNumber = 0x1fff_ffff;
/** A varint has 64 bits in groups of seven. */
const maxVarintBytes = 10;

/** The length-delimited fields of a message by their numbers. The values of one field are in the order in which they came. */
export type MessageFields = ReadonlyMap<number, readonly Uint8Array[]>;

/** Reads a message. Fields of other kinds are skipped. Groups, which protobuf gave up long ago, are refused. */
export function readFields(bytes: Uint8Array): Outcome<MessageFields, string> {
  const fields = new Map<number, Uint8Array[]>();
  let at = 0;
  while (at < bytes.length) {
    const tag = readVarint(bytes, at);
    if (tag === undefined) return fail(`there is no field's tag at byte ${at}`);
    const number = Math.floor(tag.value / 8);
    if (number < 1 || number > maxFieldNumber) return fail(`no field has the number ${number} (byte ${at})`);
    const end = endOf(bytes, tag.next, tag.value % 8);
    if (end === undefined || end.next > bytes.length)
      return fail(`field ${number} at byte ${at} is cut, or of no known kind`);
    if (end.start !== undefined) {
      const values = fields.get(number) ?? [];
      values.push(bytes.subarray(end.start, end.next));
      fields.set(number, values);
    }
    at = end.next;
  }
  return ok(fields);
}

/** The last number that a message has in this field; undefined if the field is missing or the bytes are no message. */
export function numberOf(bytes: Uint8Array, wanted: number): number | undefined {
  let found: number | undefined;
  let at = 0;
  while (at < bytes.length) {
    const tag = readVarint(bytes, at);
    if (tag === undefined) return undefined;
    const kind = tag.value % 8;
    const end = endOf(bytes, tag.next, kind);
    if (end === undefined || end.next > bytes.length) return undefined;
    if (kind === varint && Math.floor(tag.value / 8) === wanted) found = readVarint(bytes, tag.next)?.value;
    at = end.next;
  }
  return found;
}

/** The position behind a field's value, and, for a kind of field that is kept, the position where the value begins. */
function endOf(bytes: Uint8Array, at: number, kind: number): { start?: number; next: number } | undefined {
  switch (kind) {
    case varint:
      return readVarint(bytes, at);
    case fixed64:
      return { next: at + 8 };
    case fixed32:
      return { next: at + 4 };
    case lengthDelimited: {
      const length = readVarint(bytes, at);
      return length === undefined ? undefined : { start: length.next, next: length.next + length.value };
    }
    default:
      return undefined;
  }
}

/** Reads a varint. Above 2^53 the value is not exact, but no field that we read has such numbers. */
function readVarint(bytes: Uint8Array, start: number): { value: number; next: number } | undefined {
  let value = 0;
  for (let count = 0; count < maxVarintBytes; count++) {
    const byte = bytes[start + count];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * count);
    if (byte < 0x80) return { value, next: start + count + 1 };
  }
  return undefined;
}

/** Reads text as UTF-8, as Go writes it. A byte that is no UTF-8 becomes the replacement character. */
export function decodeText(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? "" : new TextDecoder().decode(bytes);
}

/** Writes a message of text fields. An empty text is left out, as proto3 does. */
export function writeTexts(texts: Readonly<Record<number, string>>): Uint8Array {
  const encoder = new TextEncoder();
  const bytes = Object.entries(texts).flatMap(([number, text]) => {
    if (text === "") return [];
    const encoded = encoder.encode(text);
    return [...varintOf(Number(number) * 8 + lengthDelimited), ...varintOf(encoded.length), ...encoded];
  });
  return Uint8Array.from(bytes);
}

function varintOf(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) + 0x80, ...varintOf(Math.floor(value / 0x80))];
}
