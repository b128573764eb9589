import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { joined, u8, u16 } from "./bytes.ts";
import {
  attribute,
  decodeMessages,
  encodeMessage,
  listAttributes,
  type Message,
  nested,
  readAttributes,
} from "./message.ts";
import { any32 } from "./message-testing.ts";

const anyMessage: fc.Arbitrary<Message> = fc.record({
  type: fc.nat(0xffff),
  flags: fc.nat(0xffff),
  sequence: any32,
  port: any32,
  payload: fc.uint8Array({ maxLength: 100 }),
});
const anyAttribute = fc.record({ type: fc.nat(0x3fff), data: fc.uint8Array({ maxLength: 40 }) });

describe("messages", () => {
  test("come back as they were, many in one datagram", () => {
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 5 }), (messages) => {
        expect(decodeMessages(joined(messages.map(encodeMessage)))).toEqual(messages);
      }),
    );
  });

  test("begin at a multiple of four bytes", () => {
    fc.assert(fc.property(anyMessage, (message) => encodeMessage(message).length % 4 === 0));
  });

  test("of any bytes are some or none, and all of them lie within the datagram", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const total = (decodeMessages(bytes) ?? []).reduce(
          (sum, { payload }) => sum + 16 + payload.length,
          0,
        );
        expect(total).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });

  test("that were cut off are none", () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(), (message, cut) => {
        const whole = encodeMessage(message);
        const end = 1 + (cut % (15 + message.payload.length));
        expect(decodeMessages(whole.subarray(0, end))).toBeUndefined();
      }),
    );
  });
});

describe("attributes", () => {
  test("come back as they were, in order", () => {
    fc.assert(
      fc.property(fc.array(anyAttribute), (attributes) => {
        const bytes = joined(attributes.map(({ type, data }) => attribute(type, data)));
        expect(listAttributes(bytes)).toEqual(attributes);
        expect(readAttributes(bytes)).toEqual(new Map(attributes.map(({ type, data }) => [type, data])));
      }),
    );
  });

  test("of any bytes lie within them", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(20), (bytes, from) => {
        const total = listAttributes(bytes, from).reduce((sum, { data }) => sum + 4 + data.length, 0);
        expect(total).toBeLessThanOrEqual(Math.max(0, bytes.length - from));
      }),
    );
  });

  test("within one say so, and are found by their own type", () => {
    const inner = [attribute(1, u8(7)), attribute(2, u16(300))];
    const bytes = nested(18, inner);
    expect([bytes[2], bytes[3]]).toEqual([18, 0x80]);
    expect(readAttributes(readAttributes(bytes).get(18) ?? new Uint8Array())).toEqual(
      new Map([
        [1, u8(7)],
        [2, u16(300)],
      ]),
    );
  });

  test.each([
    ["shorter than its head", Uint8Array.of(3, 0, 1, 0, 0, 0, 0, 0)],
    ["of length 0", new Uint8Array(8)],
    ["longer than what is there", Uint8Array.of(9, 0, 1, 0, 0, 0, 0, 0)],
    ["half a head", Uint8Array.of(4, 0, 1)],
  ])("end before one that is %s", (_what, bytes) => {
    const good = attribute(5, u8(1));
    expect(listAttributes(joined([good, bytes]))).toEqual([{ type: 5, data: u8(1) }]);
  });
});
