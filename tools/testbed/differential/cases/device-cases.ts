import fc from "fast-check";
import type { DifferentialCase, PluginCases } from "../differential-case.ts";
import { generated, perhaps, together } from "./case-parts.ts";
import { askedMacs, everyWay, fixedAddresses, randomOf, v4, v6, wrongWays } from "./main-parts.ts";

/** A card of the node that a container gets. */
const card: readonly string[] = [
  "ip link add card0 type veth peer name far0",
  "ip link set card0 address 02:00:00:00:00:0c",
  "ip link set far0 up",
];
const device = { device: "card0" };

function given(name: string, fields: object, more: Partial<DifferentialCase> = {}): DifferentialCase {
  return { name, config: { ...device, ...fixedAddresses([v4]), ...fields }, host: card, ...more };
}

const devicesByHand: readonly DifferentialCase[] = [
  ...everyWay(device, { host: card }),
  ...wrongWays(device, { host: card }),
  given("by hardware address", { device: undefined, hwaddr: "02:00:00:00:00:0c" }),
  given("by an unknown hardware address", { device: undefined, hwaddr: "02:00:00:00:00:77" }),
  given("by a wrong hardware address", { device: undefined, hwaddr: "x" }),
  given("by no name", { device: undefined }),
  given("by an unknown name", { device: "eth77" }),
  given("by an unknown path", { device: undefined, kernelpath: "/sys/devices/there/is/none" }),
  given("by an unknown PCI address", { device: undefined, pciBusID: "0000:ff:1f.7" }),
  given("up before", {}, { host: [...card, "ip link set card0 up"] }),
  given(
    "with addresses before",
    {},
    { host: [...card, "ip link set card0 up", "ip addr add 10.5.0.5/24 dev card0"] },
  ),
  given("with an alias before", {}, { host: [...card, "ip link set card0 alias mine"] }),
  given("the name stays", {}, { ifname: "card0" }),
  given("the container has the interface", {}, { container: ["ip link add eth0 type veth peer name far"] }),
  given("an MTU before", {}, { host: [...card, "ip link set card0 mtu 1400"] }),
  ...["0.3.1", "0.4.0", "1.0.0"].map((cniVersion) => given(`version ${cniVersion}`, { cniVersion })),
];

const ofDevice = together(fc.constantFrom<object>(device, { hwaddr: "02:00:00:00:00:0c" }));
const states = fc.subarray([
  "ip link set card0 up",
  "ip link set card0 mtu 1400",
  "ip link set card0 promisc on",
  "ip link set card0 alias mine",
]);

export const hostDeviceCases: PluginCases = {
  plugin: "host-device",
  cases: [
    ...devicesByHand,
    ...generated(
      155 - devicesByHand.length,
      fc.tuple(randomOf(ofDevice, {}), states).map(([each, more]) => ({ ...each, host: [...card, ...more] })),
    ),
  ],
};

const bridgeOfTap = ["ip link add br1 address 02:00:00:00:00:0b type bridge", "ip link set br1 up"];

function tapped(name: string, fields: object, more: Partial<DifferentialCase> = {}): DifferentialCase {
  return { name, config: { ...fixedAddresses([v4]), ...fields }, host: bridgeOfTap, ...more };
}

const tapsByHand: readonly DifferentialCase[] = [
  ...everyWay({}),
  ...wrongWays({}),
  ...askedMacs({}),
  tapped("multiqueue", { multiQueue: true }),
  tapped("mtu", { mtu: 1400 }),
  tapped("owner", { owner: 1000 }),
  tapped("group", { group: 1000 }),
  tapped("owner and group", { owner: 0, group: 0 }),
  tapped("a bridge", { bridge: "br1" }, { container: bridgeOfTap }),
  tapped("a bridge of the node", { bridge: "br1" }),
  tapped("no such bridge", { bridge: "br77" }),
  tapped("the container has the interface", {}, { container: ["ip link add eth0 type veth peer name far"] }),
  ...["0.3.1", "0.4.0", "1.0.0"].map((cniVersion) => tapped(`version ${cniVersion}`, { cniVersion })),
];

const ofTap = together(
  perhaps("multiQueue", fc.boolean()),
  perhaps("mtu", fc.constantFrom(1280, 1400, 9000)),
  perhaps("owner", fc.constantFrom(0, 1000)),
  perhaps("group", fc.constantFrom(0, 1000)),
);

export const tapCases: PluginCases = {
  plugin: "tap",
  cases: [...tapsByHand, ...generated(155 - tapsByHand.length, randomOf(ofTap, { host: bridgeOfTap }))],
};

function looped(
  name: string,
  config: DifferentialCase["config"],
  more: Partial<DifferentialCase> = {},
): DifferentialCase {
  return { name, config, ifname: "lo", ...more };
}

const addressesOfLoop = fc.subarray([
  "ip link set lo up",
  "ip addr add 10.5.0.1/32 dev lo",
  "ip addr add fd05::1/128 dev lo",
  "ip link set lo mtu 16000",
]);
const loopByHand: readonly DifferentialCase[] = [
  looped("as it is", {}),
  looped("up before", {}, { container: ["ip link set lo up"] }),
  looped("an IPAM that is not read", fixedAddresses([v4, v6])),
  looped("a previous result", {
    prevResult: {
      cniVersion: "1.1.0",
      interfaces: [{ name: "eth0", sandbox: "{{netns}}" }],
      ips: [{ ...v4, interface: 0 }],
    },
  }),
  looped("another name", {}, { ifname: "eth0" }),
];
const versions = fc.constantFrom("0.3.1", "0.4.0", "1.0.0", "1.1.0");

export const loopbackCases: PluginCases = {
  plugin: "loopback",
  cases: [
    ...loopByHand,
    ...generated(
      155 - loopByHand.length,
      fc
        .tuple(versions, addressesOfLoop, perhaps("somethingElse", fc.nat()))
        .map(([cniVersion, container, more]) => ({
          config: { cniVersion, ...more },
          container,
          ifname: "lo",
        })),
    ),
  ],
};
