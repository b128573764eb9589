import fc from "fast-check";
import type { DifferentialCase, PluginCases } from "../differential-case.ts";
import { generated, perhaps, together } from "./case-parts.ts";
import { cards } from "./macvlan-cases.ts";
import { askedMacs, everyWay, fixedAddresses, randomOf, v4, wrongWays } from "./main-parts.ts";

const inside: readonly string[] = ["ip link add uplink type veth peer name far", "ip link set uplink up"];

function made(name: string, config: object, more: Partial<DifferentialCase> = {}): DifferentialCase {
  return { name, config: { ...fixedAddresses([v4]), ...config }, host: cards, ...more };
}

function versioned(config: object): DifferentialCase[] {
  return ["0.3.1", "0.4.0", "1.0.0"].map((cniVersion) =>
    made(`version ${cniVersion}`, { ...config, cniVersion }),
  );
}

/** Kinds of link that not every kernel has: vlan, ipvlan, dummy. */
const vlan = { master: "uplink", vlanId: 100 };
const ofVlan = together(
  fc.record({ master: fc.constantFrom("uplink", "other"), vlanId: fc.constantFrom(1, 100, 4094) }),
  perhaps("mtu", fc.constantFrom(0, 1280, 1400, 1500)),
);
const vlansByHand = [
  ...everyWay(vlan, { host: cards }),
  ...wrongWays(vlan, { host: cards }),
  ...versioned(vlan),
  ...[0, -1, 1, 4094, 4095, 5000].map((vlanId) => made(`vlan ${vlanId}`, { ...vlan, vlanId })),
  made("no master", { vlanId: 100 }),
  made("no such master", { ...vlan, master: "eth77" }),
  made("mtu above the master's", { ...vlan, mtu: 1501 }),
  made("a master in the container", { ...vlan, linkInContainer: true }, { container: inside }),
];

const ipvlan = { master: "uplink" };
const ofIpvlan = together(
  fc.constant(ipvlan),
  perhaps("mode", fc.constantFrom("l2", "l3", "l3s")),
  perhaps("mtu", fc.constantFrom(0, 1280, 1400, 1500)),
);
const ipvlansByHand = [
  ...everyWay(ipvlan, { host: cards }),
  ...wrongWays(ipvlan, { host: cards }),
  ...versioned(ipvlan),
  ...["l2", "l3", "l3s", "", "x"].map((mode) => made(`mode ${mode}`, { ...ipvlan, mode })),
  made("no master", {}),
  made("no such master", { master: "eth77" }),
  made("mtu above the master's", { ...ipvlan, mtu: 1501 }),
  made("a master in the container", { ...ipvlan, linkInContainer: true }, { container: inside }),
];

const ofDummy = together(perhaps("mtu", fc.constantFrom(1280, 1400, 9000)));
const dummiesByHand = [...everyWay({}), ...wrongWays({}), ...askedMacs({}), ...versioned({})];

function filled(
  plugin: string,
  byHand: readonly DifferentialCase[],
  fields: fc.Arbitrary<object>,
): PluginCases {
  const more = generated(155 - byHand.length, randomOf(fields, { host: cards }));
  return { plugin, cases: [...byHand, ...more] };
}

export const rareCases: readonly PluginCases[] = [
  filled("vlan", vlansByHand, ofVlan),
  filled("ipvlan", ipvlansByHand, ofIpvlan),
  filled("dummy", dummiesByHand, ofDummy),
];
