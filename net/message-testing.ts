import fc from "fast-check";
import { decodeMessages, encodeMessage, type Message } from "./message.ts";
import type { Request } from "./talk.ts";

/** What tests of messages share: any value of the field, and the way of a request to the kernel and back. */

export function anyBytes(count: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: count, maxLength: count });
}

export const anyHardware = anyBytes(6);
export const anyIndex = fc.integer({ min: 1, max: 0x7fff_ffff });
export const any32 = fc.integer({ min: 0, max: 0xffff_ffff });
export const anyName = fc
  .string({ unit: fc.constantFrom(..."abcxyz0189-_."), minLength: 1, maxLength: 15 })
  .filter((name) => name !== "." && name !== "..");

/** A subnet or a route's destination: the family's number, its bytes, and a prefix length that fits. */
export const anySubnet = fc.constantFrom(4, 16).chain((count) =>
  fc.record({
    family: fc.constant(count === 4 ? 2 : 10),
    address: anyBytes(count),
    prefix: fc.integer({ min: 0, max: count * 8 }),
  }),
);

/** The message that a request sends. What the kernel tells of a thing is laid out as what it is asked to make. */
export function sentBy({ type, flags, payload }: Request<unknown>): Message {
  const datagram = encodeMessage({ type, flags, sequence: 1, port: 0, payload });
  const [message, ...others] = decodeMessages(datagram) ?? [];
  if (message === undefined || others.length > 0) throw new Error("a request is not one message");
  return message;
}

/** Removes keys that are undefined: what is not given is not there in the answer. */
export function given<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T;
}

/** Whatever the bytes are, a reader returns. It neither throws nor runs on. */
export function readsAnything(read: (message: Message) => unknown): void {
  const message = fc.record({
    type: fc.nat(0xffff),
    flags: fc.nat(0xffff),
    sequence: fc.constant(1),
    port: fc.constant(1),
    payload: fc.uint8Array({ maxLength: 200 }),
  });
  fc.assert(
    fc.property(message, (each) => {
      read(each);
    }),
  );
}

/** Whatever of a message is cut off or overwritten, its reader returns. */
export function readsDamaged(message: Message, read: (message: Message) => unknown): void {
  const { payload } = message;
  const damage = fc.record({ end: fc.nat(payload.length), at: fc.nat(payload.length), value: fc.nat(255) });
  fc.assert(
    fc.property(damage, ({ end, at, value }) => {
      const damaged = payload.slice(0, end);
      if (at < end) damaged[at] = value;
      read({ ...message, payload: damaged });
    }),
  );
}
