import fc from "fast-check";
import type { DifferentialCase, PluginCases } from "../differential-case.ts";
import { generated, perhaps, together } from "./case-parts.ts";
import { askedMacs, everyWay, fixedAddresses, randomOf, v4, v6, wrongWays } from "./main-parts.ts";

const gateway = { bridge: "br1", isGateway: true };
const plain = { bridge: "br1" };

function bridged(name: string, fields: object, more: Partial<DifferentialCase> = {}): DifferentialCase {
  return { name, config: { ...plain, ...fixedAddresses([v4]), ...fields }, ...more };
}

function named(prefix: string, cases: readonly DifferentialCase[]): DifferentialCase[] {
  return cases.map((each) => ({ ...each, name: `${prefix}: ${each.name}` }));
}

/** Another bridge of this name, as an earlier pod has left it. */
const there = ["ip link add br1 type bridge", "ip link set br1 up"];

const byHand: readonly DifferentialCase[] = [
  ...named("plain", everyWay(plain)),
  ...named("gateway", everyWay(gateway)),
  ...named("default gateway", everyWay({ bridge: "br1", isDefaultGateway: true })),
  ...wrongWays(gateway),
  ...askedMacs(gateway),
  { name: "the usual name", config: fixedAddresses([v4]) },
  bridged("mtu", { mtu: 1400 }),
  bridged("mtu of jumbo frames", { mtu: 9000 }),
  bridged("hairpin", { hairpinMode: true }),
  bridged("promiscuous", { promiscMode: true }),
  bridged("hairpin and promiscuous", { hairpinMode: true, promiscMode: true }),
  bridged("port isolation", { portIsolation: true }),
  bridged("masquerading", { isGateway: true, ipMasq: true }),
  bridged("masquerading by nftables", { isGateway: true, ipMasq: true, ipMasqBackend: "nftables" }),
  bridged("masquerading by iptables", { isGateway: true, ipMasq: true, ipMasqBackend: "iptables" }),
  bridged("masquerading by nobody", { isGateway: true, ipMasq: true, ipMasqBackend: "x" }),
  bridged("masquerading of both families", { isGateway: true, ipMasq: true, ...fixedAddresses([v4, v6]) }),
  bridged("check of hardware addresses", { macspoofchk: true }),
  bridged("vlan", { vlan: 100 }),
  bridged("vlan and gateway", { vlan: 100, isGateway: true }),
  bridged("vlan without the default one", { vlan: 100, preserveDefaultVlan: false }),
  bridged("vlan with the default one", { vlan: 100, preserveDefaultVlan: true }),
  bridged("vlan out of range", { vlan: 5000 }),
  bridged("negative vlan", { vlan: -1 }),
  bridged("trunk of one", { vlanTrunk: [{ id: 101 }] }),
  bridged("trunk of ranges", { vlanTrunk: [{ minID: 200, maxID: 203 }, { id: 101 }] }),
  bridged("trunk and vlan", { vlan: 100, vlanTrunk: [{ id: 101 }] }),
  bridged("trunk without a default vlan", { vlanTrunk: [{ id: 101 }], preserveDefaultVlan: false }),
  bridged("trunk out of range", { vlanTrunk: [{ id: 4095 }] }),
  bridged("trunk with its ends exchanged", { vlanTrunk: [{ minID: 203, maxID: 200 }] }),
  bridged("disabled", { disableContainerInterface: true, ipam: {} }),
  bridged("disabled with addresses", { disableContainerInterface: true }),
  bridged("the bridge is there", { isGateway: true }, { host: there }),
  bridged(
    "the bridge has another address",
    { isGateway: true },
    { host: [...there, "ip addr add 10.9.0.2/24 dev br1"] },
  ),
  bridged(
    "forced address",
    { isGateway: true, forceAddress: true },
    { host: [...there, "ip addr add 10.9.0.2/24 dev br1"] },
  ),
  bridged("the name is no bridge's", {}, { host: ["ip link add br1 type veth peer name br2"] }),
  bridged("the container has the interface", {}, { container: ["ip link add eth0 type veth peer name far"] }),
  bridged(
    "default gateway beside another",
    { isDefaultGateway: true },
    {
      container: [
        "ip link add eth1 type veth peer name far",
        "ip link set eth1 up",
        "ip addr add 10.1.0.7/24 dev eth1",
        "ip route add default via 10.1.0.1",
      ],
    },
  ),
  bridged("version 0.3.1", { cniVersion: "0.3.1", isGateway: true }),
  bridged("version 0.4.0", { cniVersion: "0.4.0", isGateway: true }),
  bridged("version 1.0.0", { cniVersion: "1.0.0", isGateway: true }),
  bridged("a name of 15 bytes", { bridge: "br1234567890123" }),
  bridged("a name of 16 bytes", { bridge: "br12345678901234" }),
  bridged("an unknown field", { somethingElse: 5 }),
];

const fields = together(
  fc.constant({ bridge: "br1" }),
  perhaps("isGateway", fc.boolean()),
  perhaps("isDefaultGateway", fc.boolean()),
  perhaps("mtu", fc.constantFrom(1280, 1400, 9000)),
  perhaps("hairpinMode", fc.boolean()),
  perhaps("promiscMode", fc.boolean()),
  perhaps("vlan", fc.constantFrom(0, 1, 100)),
  perhaps("ipMasq", fc.boolean()),
  perhaps("macspoofchk", fc.boolean()),
  perhaps("portIsolation", fc.boolean()),
);

export const bridgeCases: PluginCases = {
  plugin: "bridge",
  cases: [...byHand, ...generated(Math.max(30, 155 - byHand.length), randomOf(fields, {}))],
};
