import { expect, test } from "vitest";
import { addressFlag } from "../../net/addresses.ts";
import { joined, u8, u32 } from "../../net/bytes.ts";
import { decodeAdvertisement, decodeArp } from "../../net/frames.ts";
import { attribute, control, decodeMessages, encodeMessage } from "../../net/message.ts";
import { createFake } from "../../sys/fake.ts";
import type { NetlinkSocket, NetworkNamespace } from "../../sys/network.ts";
import { fail, ok } from "../../sys/outcome.ts";
import { announce } from "./announce.ts";

const v4 = Uint8Array.of(10, 1, 0, 5);
const v6 = Uint8Array.of(0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5);
const hardware = Uint8Array.of(2, 0, 0, 0, 0, 9);
const link = { index: 7, name: "eth0", flags: 0x1043, hardware, hardwareType: 1 };

/** A namespace in which interface 7 has the IPv6 address with these flags, and frames go out until one fails. */
function place(options: { flags?: number; refusal?: string; lost?: boolean } = {}) {
  const frames: Uint8Array[] = [];
  const fault = (code: string) => fail({ code, message: `${code}: said the kernel` });
  let answer = new Uint8Array();
  const socket: NetlinkSocket = {
    port: 1,
    send: (datagram) => {
      const sequence = decodeMessages(datagram)?.[0]?.sequence ?? 0;
      const head = joined([u8(10), u8(64), u8(0), u8(0), u32(7)]);
      const payload = joined([
        head,
        attribute(1, v6),
        attribute(8, u32(options.flags ?? addressFlag.permanent)),
      ]);
      answer = Uint8Array.from(
        joined([
          encodeMessage({ type: 20, flags: 2, sequence, port: 1, payload }),
          encodeMessage({ type: control.done, flags: 2, sequence, port: 1, payload: u32(0) }),
        ]),
      );
      return ok(undefined);
    },
    receive: () => (options.lost ? fault("ENOMEM") : ok(answer)),
    close: () => undefined,
  };
  const unused = () => fault("ENOSYS");
  const namespace: NetworkNamespace = {
    descriptor: 3,
    identity: "4:5",
    socket: () => ok(socket),
    readSetting: unused,
    writeSetting: unused,
    makeTap: unused,
    sendFrame: (ifindex, frame) => {
      expect(ifindex).toBe(7);
      if (options.refusal !== undefined) return fault(options.refusal);
      frames.push(frame);
      return ok(undefined);
    },
    close: () => undefined,
  };
  return { namespace, route: socket, frames };
}

test("an IPv4 address is announced by a request and a reply, an IPv6 address by an advertisement", () => {
  const { frames, ...where } = place();
  const fake = createFake();
  announce(fake.sys, where, link, [v4, v6]);
  expect(frames.map((frame) => decodeArp(frame) ?? decodeAdvertisement(frame))).toEqual([
    {
      operation: "request",
      senderHardware: hardware,
      sender: v4,
      targetHardware: new Uint8Array(6),
      target: v4,
    },
    { operation: "reply", senderHardware: hardware, sender: v4, targetHardware: hardware, target: v4 },
    { target: v6, hardware, isRouter: false, overrides: true },
  ]);
  expect(fake.warnings).toEqual([]);
});

test.each(["tentative", "duplicate"] as const)("an IPv6 address that is %s is not announced", (word) => {
  const { frames, ...where } = place({ flags: addressFlag[word] | addressFlag.permanent });
  announce(createFake().sys, where, link, [v6, v4]);
  expect(frames.map((frame) => decodeArp(frame)?.operation)).toEqual(["request", "reply"]);
});

test.each([
  ["without ARP", { ...link, flags: link.flags | 0x80 }],
  ["of another type than Ethernet", { ...link, hardwareType: 65534 }],
])("an interface %s announces nothing", (_, other) => {
  const { frames, ...where } = place();
  announce(createFake().sys, where, other, [v4, v6]);
  expect(frames).toEqual([]);
});

test("of many addresses the first eight are announced", () => {
  const { frames, ...where } = place();
  announce(
    createFake().sys,
    where,
    link,
    Array.from({ length: 300 }, () => v4),
  );
  expect(frames).toHaveLength(16);
});

test("a frame that cannot be sent is one warning", () => {
  const fake = createFake();
  announce(fake.sys, place({ refusal: "ENETDOWN" }), link, [v4, v4]);
  expect(fake.warnings).toEqual(["announce 10.1.0.5 out of eth0: ENETDOWN: said the kernel"]);
});

test("addresses that cannot be looked at are one warning", () => {
  const fake = createFake();
  const { frames, ...where } = place({ lost: true });
  announce(fake.sys, where, link, [v6, v4]);
  expect(fake.warnings).toEqual(["announce the addresses of eth0: ENOMEM: said the kernel"]);
  expect(frames).toEqual([]);
});
