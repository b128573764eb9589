import { expect, test } from "vitest";
import { joined, u32 } from "../../net/bytes.ts";
import { control, decodeMessages, encodeMessage } from "../../net/message.ts";
import { createFake } from "../../sys/fake.ts";
import type { NetlinkSocket, NetworkNamespace } from "../../sys/network.ts";
import { fail, ok } from "../../sys/outcome.ts";
import { announce } from "./announce.ts";
import type { OpenNamespace } from "./site.ts";

const v4 = { address: "10.1.0.5/24" };
const v6 = { address: "fd00::5/64" };
const hardware = Uint8Array.of(2, 0, 0, 0, 0, 9);
const link = { index: 7, name: "eth0", flags: 0x1043, hardware, hardwareType: 1 };
const arp = "ipv4/conf/eth0/arp_notify";
const ndisc = "ipv6/conf/eth0/ndisc_notify";
const setAddress = "set the address of 7";

/** A namespace that notes what is done in it, with these settings. The kernel answers each request with this error number. */
function place(settings: Readonly<Record<string, string>>, refusal = 0) {
  const done: string[] = [];
  let answer = new Uint8Array();
  const route: NetlinkSocket = {
    port: 1,
    send: (datagram) => {
      const sequence = decodeMessages(datagram)?.[0]?.sequence ?? 0;
      expect(Buffer.from(datagram).includes(hardware)).toBe(true);
      done.push(setAddress);
      const payload = joined([u32(-refusal), datagram.slice(0, 16)]);
      answer = Uint8Array.from(encodeMessage({ type: control.error, flags: 0, sequence, port: 1, payload }));
      return ok(undefined);
    },
    receive: () => ok(answer),
    close: () => undefined,
  };
  const unused = () => fail({ code: "ENOSYS", message: "ENOSYS" });
  const namespace: NetworkNamespace = {
    descriptor: 3,
    identity: "4:5",
    socket: () => ok(route),
    readSetting: (name) => {
      const value = settings[name];
      return value === undefined ? fail({ code: "ENOENT", message: "ENOENT" }) : ok(value);
    },
    writeSetting: (name, value) => {
      done.push(`${name} ${value}`);
      return ok(undefined);
    },
    makeTap: unused,
    sendFrame: unused,
    close: () => undefined,
  };
  const space = { whose: "the container", namespace, route } as unknown as OpenNamespace;
  return { space, done };
}

test("the kernel announces the addresses of both families, and its settings stay what they were", () => {
  const { space, done } = place({ [arp]: "1", [ndisc]: "0" });
  announce(createFake().sys, space, link, [v4, v6]);
  expect(done).toEqual([`${ndisc} 1`, setAddress, `${ndisc} 0`]);
});

test("without an IPv6 address, and on a kernel without IPv6, its setting is left alone", () => {
  const { space, done } = place({ [arp]: "0", [ndisc]: "0" });
  announce(createFake().sys, space, link, [v4]);
  expect(done).toEqual([`${arp} 1`, setAddress, `${arp} 0`]);
  const old = place({ [arp]: "1" });
  announce(createFake().sys, old.space, link, [v4, v6]);
  expect(old.done).toEqual([setAddress]);
});

test.each([
  ["without ARP", { ...link, flags: link.flags | 0x80 }, [v4]],
  ["of another type than Ethernet", { ...link, hardwareType: 65534 }, [v4]],
  ["without addresses", link, []],
])("an interface %s announces nothing", (_, other, ips) => {
  const { space, done } = place({ [arp]: "0", [ndisc]: "0" });
  announce(createFake().sys, space, other, ips);
  expect(done).toEqual([]);
});

test("what the kernel refuses is one warning, and the settings are what they were", () => {
  const fake = createFake();
  const { space, done } = place({ [arp]: "0" }, 95);
  announce(fake.sys, space, link, [v4]);
  expect(fake.warnings).toEqual([expect.stringMatching(/^announce the addresses of eth0: EOPNOTSUPP/)]);
  expect(done.at(-1)).toBe(`${arp} 0`);
});
