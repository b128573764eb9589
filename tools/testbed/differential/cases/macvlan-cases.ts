import fc from "fast-check";
import type { DifferentialCase, PluginCases } from "../differential-case.ts";
import { generated, macs, perhaps, together } from "./case-parts.ts";
import { askedMacs, everyWay, fixedAddresses, randomOf, v4, wrongWays } from "./main-parts.ts";

/** The node's card, which has the default route, and another. */
export const cards: readonly string[] = [
  "ip link add uplink type veth peer name switch",
  "ip link set uplink address 02:00:00:00:00:0a",
  "ip link set switch up",
  "ip link set uplink up",
  "ip addr add 10.8.0.2/24 dev uplink",
  "ip route add default via 10.8.0.1",
  "ip link add other type veth peer name far",
  "ip link set other mtu 1400 up",
];
const inside: readonly string[] = ["ip link add uplink type veth peer name far", "ip link set uplink up"];

function made(name: string, fields: object, more: Partial<DifferentialCase> = {}): DifferentialCase {
  return { name, config: { master: "uplink", ...fixedAddresses([v4]), ...fields }, host: cards, ...more };
}

const byHand: readonly DifferentialCase[] = [
  ...everyWay({ master: "uplink" }, { host: cards }),
  ...wrongWays({ master: "uplink" }, { host: cards }),
  ...askedMacs({ master: "uplink" }, { host: cards }),
  ...["bridge", "private", "vepa", "passthru", "", "x"].map((mode) => made(`mode ${mode}`, { mode })),
  made("no master", { master: undefined }),
  made("another master", { master: "other" }),
  made("no such master", { master: "eth77" }),
  made(
    "no master and no default route",
    { master: undefined },
    { host: cards.filter((line) => !line.includes("route")) },
  ),
  made("mtu", { mtu: 1300 }),
  made("mtu of the master", { mtu: 1500 }),
  made("mtu above the master's", { mtu: 1501 }),
  made("mtu above another master's", { master: "other", mtu: 1450 }),
  made("queue of broadcasts", { bcqueuelen: 2000 }),
  made("a master in the container", { linkInContainer: true }, { container: inside }),
  made("no master in the container", { linkInContainer: true, master: "eth77" }, { container: inside }),
  made(
    "a master in the container by default",
    { linkInContainer: true, master: undefined },
    {
      container: [...inside, "ip addr add 10.8.0.2/24 dev uplink", "ip route add default via 10.8.0.1"],
    },
  ),
  made("the master is down", {}, { host: [...cards, "ip link set uplink down"] }),
  made("the master is promiscuous", {}, { host: [...cards, "ip link set uplink promisc on"] }),
  made("the container has the interface", {}, { container: ["ip link add eth0 type veth peer name far"] }),
  made("version 0.3.1", { cniVersion: "0.3.1" }),
  made("version 0.4.0", { cniVersion: "0.4.0" }),
  made("version 1.0.0", { cniVersion: "1.0.0" }),
  made("a name of 15 bytes", {}, { ifname: "net123456789012" }),
];

const fields = together(
  fc.constant({ master: "uplink" }),
  perhaps("mode", fc.constantFrom("bridge", "private", "vepa", "passthru")),
  perhaps("mtu", fc.constantFrom(0, 1280, 1400, 1500, 1600)),
  perhaps("bcqueuelen", fc.constantFrom(0, 500, 4000)),
  perhaps("mac", macs),
);

export const macvlanCases: PluginCases = {
  plugin: "macvlan",
  cases: [...byHand, ...generated(155 - byHand.length, randomOf(fields, { host: cards }))],
};
