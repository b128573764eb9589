import fc from "fast-check";
import { expect, test } from "vitest";
import { type ArpPacket, decodeAdvertisement, decodeArp, encodeAdvertisement, encodeArp } from "./frames.ts";

const hardware = bytes("020000000009");
const v4 = Uint8Array.of(10, 1, 0, 5);
const v6 = bytes("fd000000000000000000000000000005");

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

const ofLength = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const packets: fc.Arbitrary<ArpPacket> = fc.record({
  operation: fc.constantFrom("request" as const, "reply" as const),
  senderHardware: ofLength(6),
  sender: ofLength(4),
  targetHardware: ofLength(6),
  target: ofLength(4),
});
const advertisements = fc.record({
  target: ofLength(16),
  hardware: ofLength(6),
  isRouter: fc.boolean(),
  overrides: fc.boolean(),
});

/** Written by another program, by the RFCs. */
const goldens = {
  request: "ffffffffffff020000000009080600010800060400010200000000090a0100050000000000000a010005",
  reply: "ffffffffffff020000000009080600010800060400020200000000090a0100050200000000090a010005",
  advertisement:
    "33330000000102000000000986dd6000000000203afffd000000000000000000000000000005ff02000000000000000000000000000188005a8b20000000fd0000000000000000000000000000050201020000000009",
};

test.each(["request", "reply"] as const)("a gratuitous ARP %s is this frame", (operation) => {
  const targetHardware = operation === "reply" ? hardware : new Uint8Array(6);
  const frame = encodeArp({ operation, senderHardware: hardware, sender: v4, targetHardware, target: v4 });
  expect(Buffer.from(frame).toString("hex")).toBe(goldens[operation]);
});

test("an unsolicited advertisement is this frame", () => {
  const frame = encodeAdvertisement({ target: v6, hardware, isRouter: false, overrides: true });
  expect(Buffer.from(frame).toString("hex")).toBe(goldens.advertisement);
});

test("each packet of ARP is read as it was written", () => {
  fc.assert(
    fc.property(packets, (packet) => {
      expect(decodeArp(encodeArp(packet))).toEqual(packet);
    }),
  );
});

test("each advertisement is read as it was written", () => {
  fc.assert(
    fc.property(advertisements, (said) => {
      expect(decodeAdvertisement(encodeAdvertisement(said))).toEqual(said);
    }),
  );
});

test("an advertisement with one bit turned is no advertisement, or another's", () => {
  const frame = encodeAdvertisement({ target: v6, hardware, isRouter: false, overrides: true });
  // Behind the Ethernet header and the words of IPv6 that no checksum covers.
  const covered = { min: 8 * 22, max: 8 * frame.length - 1 };
  fc.assert(
    fc.property(fc.integer(covered), (bit) => {
      const turned = Uint8Array.from(frame);
      turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeAdvertisement(turned)).toBeUndefined();
    }),
  );
});

test("arbitrary bytes and cut frames are no packets", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (noise) => {
      expect(decodeArp(noise)).toBeUndefined();
      expect(decodeAdvertisement(noise)).toBeUndefined();
    }),
  );
  for (const [hex, decode] of [
    [goldens.request, decodeArp],
    [goldens.advertisement, decodeAdvertisement],
  ] as const) {
    const frame = bytes(hex);
    for (let length = 0; length < frame.length; length++)
      expect(decode(frame.subarray(0, length)), `${length} bytes`).toBeUndefined();
  }
});

test("an ARP packet of another operation or protocol is not read", () => {
  for (const at of [15, 17, 18, 19, 21]) {
    const frame = bytes(goldens.request);
    frame[at] = 9;
    expect(decodeArp(frame), `byte ${at}`).toBeUndefined();
  }
});
