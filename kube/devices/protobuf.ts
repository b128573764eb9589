import { fail, type Outcome, ok } from "../../sys/outcome.ts";

/**
 * As much of protobuf's wire format as the kubelet's messages need: fields of text and of messages, a number by its field,
 * everything else passed over. Pure, and bounded by the bytes given. By hand, because libraries (@grpc/grpc-js with
 * @bufbuild/protobuf) would cost every ADD with a device 16 ms of processor time under Bun and 46 ms on Node.
 */

const varint = 0;
const fixed64 = 1;
const lengthDelimited = 2;
const fixed32 = 5;
/** Protobuf's own limit: 29 bits. */
const maxFieldNumber = 0x1fff_ffff;
/** 64 bits in groups of seven. */
const maxVarintBytes = 10;

/** The length-delimited fields of a message by their numbers, each in the order in which it came. */
export type MessageFields = ReadonlyMap<number, readonly Uint8Array[]>;

/** Reads a message. Fields of other kinds are skipped; groups, which nobody has written for long, are refused. */
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

/** A number among a message's fields, the last one of those that came; undefined when there is none, or no message. */
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

/** Where a field's value ends; `start` is where the value of one that is kept begins. */
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

/** Beyond 2^53 the value is not exact: only numbers that nobody asks for are as large. */
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

/** Text as Go writes it: UTF-8. What is not is shown with the replacement character. */
export function decodeText(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? "" : new TextDecoder().decode(bytes);
}

/** A message of text fields; an empty text is left out, as proto3 has it. */
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
