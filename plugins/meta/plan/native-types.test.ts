import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../cni/json.ts";
import { type Understood, understood } from "../../link/understood.ts";
import { nativeTypes, notOurs, whyNotOurs, whyNotOursIpam } from "./native-types.ts";

/** The table as it is, with a main plugin and a chained one that stay as these tests need them. */
const table: Readonly<Record<string, Understood>> = {
  ...understood,
  bridge: {
    role: "main",
    fields: { bridge: "text", isGateway: "flag", vlan: "number", vlanTrunk: [{ id: "number" }] },
    capabilities: { mac: "text" },
    args: { mac: "text" },
  },
  tuning: { role: "chained", fields: { sysctl: "words" }, capabilities: {}, args: {} },
};

const hostLocal = { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }]] };
const bridge: JsonObject = { type: "bridge", name: "n", cniVersion: "1.1.0", bridge: "br1", ipam: hostLocal };

describe("the first field that ours does not understand", () => {
  test.each<[string, JsonObject, string | undefined]>([
    ["none", bridge, undefined],
    ["null is no value", { ...bridge, isGateway: null }, undefined],
    ["its own fields", { ...bridge, isGateway: true, vlan: 7, vlanTrunk: [{ id: 3 }, {}] }, undefined],
    ["an unknown field", { ...bridge, colour: "red" }, "colour"],
    ["a field in another spelling", { ...bridge, isgateway: true }, "isgateway"],
    ["a text for a flag", { ...bridge, isGateway: "true" }, "isGateway"],
    ["a text for a number", { ...bridge, vlan: "7" }, "vlan"],
    ["an object for a list", { ...bridge, vlanTrunk: {} }, "vlanTrunk"],
    ["within a list", { ...bridge, vlanTrunk: [{ id: 3 }, { minId: 1 }] }, "vlanTrunk[1].minId"],
    ["a capability", { ...bridge, runtimeConfig: { mac: "02:00:00:00:00:01" } }, undefined],
    ["an IPAM plugin's capability", { ...bridge, runtimeConfig: { ips: ["10.1.0.7"] } }, undefined],
    ["an unknown capability", { ...bridge, runtimeConfig: { bandwidth: {} } }, "runtimeConfig.bandwidth"],
    ["args", { ...bridge, args: { cni: { mac: "x", ips: ["10.1.0.7"] } } }, undefined],
    ["unknown args", { ...bridge, args: { cni: { speed: 1 } } }, "args.cni.speed"],
    ["args of nobody", { ...bridge, args: { labels: [] } }, "args.labels"],
    [
      "another program for addresses",
      { ...bridge, ipam: { type: "dhcp" }, runtimeConfig: { x: 1 } },
      undefined,
    ],
    ["an IPAM part where there is none", { type: "tuning", ipam: hostLocal }, "ipam"],
    ["words", { type: "tuning", sysctl: { "net.ipv4.conf.IFNAME.forwarding": "1" } }, undefined],
    ["a number among words", { type: "tuning", sysctl: { x: 1 } }, "sysctl"],
    ["a type of another program", { type: "portmap" }, "there is no such plugin of ours"],
    ["a type that every object has", { type: "toString" }, "there is no such plugin of ours"],
    ["an IPAM plugin in a plugin's place", { type: "static" }, "there is no such plugin of ours"],
  ])("%s", (_what, plugin, why) => {
    expect(whyNotOurs(plugin, table)).toBe(why);
  });

  test.each<[string, JsonObject, string | undefined]>([
    ["none", { ipam: { ...hostLocal, routes: [{ dst: "0.0.0.0/0", mtu: 1400 }], dataDir: "/d" } }, undefined],
    [
      "the older form",
      { ipam: { type: "host-local", subnet: "10.1.0.0/24", gateway: "10.1.0.1" } },
      undefined,
    ],
    [
      "in a range",
      { ipam: { ...hostLocal, ranges: [[{ subnet: "x", step: 2 }]] } },
      "ipam.ranges[0][0].step",
    ],
    ["static", { ipam: { type: "static", addresses: [{ address: "10.1.0.5/24" }], dns: {} } }, undefined],
    ["static's unknown field", { ipam: { type: "static", range: "x" } }, "ipam.range"],
    ["a main plugin", { ipam: { type: "bridge" } }, "there is no such plugin of ours"],
    ["no IPAM part", {}, "there is no such plugin of ours"],
  ])("of an IPAM plugin: %s", (_what, plugin, why) => {
    expect(whyNotOursIpam(plugin, table)).toBe(why);
  });
});

describe("the types of a chain that ours are run for", () => {
  test.each<[string, JsonObject[], string[]]>([
    ["a main plugin and its IPAM plugin", [bridge], ["bridge", "host-local"]],
    ["with another program for addresses", [{ ...bridge, ipam: { type: "hawser-flat" } }], ["bridge"]],
    ["without addresses", [{ ...bridge, ipam: {} }], ["bridge"]],
    ["an IPAM field that ours does not know", [{ ...bridge, ipam: { ...hostLocal, colour: 1 } }], ["bridge"]],
    ["a foreign main plugin has a foreign IPAM plugin", [{ ...bridge, colour: 1 }], []],
    [
      "a chain of both",
      [bridge, { type: "portmap" }, { type: "tuning" }],
      ["bridge", "tuning", "host-local"],
    ],
    ["of two of one type, one is foreign", [{ type: "tuning" }, { type: "tuning", colour: 1 }], []],
    ["an IPAM plugin below two", [bridge, { type: "ovs", ipam: hostLocal }], ["bridge"]],
    ["its type in a plugin's place", [bridge, { type: "host-local" }], ["bridge"]],
  ])("%s", (_what, plugins, types) => {
    expect(nativeTypes(plugins, table)).toEqual(types);
  });
});

test("why executables are run, although there are plugins of ours", () => {
  const plugins = [
    { ...bridge, ipam: { ...hostLocal, colour: 1 } },
    { type: "tuning", speed: 1 },
    { type: "portmap", speed: 1 },
  ];
  const chain = { cniVersion: "1.1.0", name: "n", disableCheck: false, disableGC: false, plugins } as const;
  expect(notOurs({ ...chain, native: nativeTypes(plugins, table) }, table)).toEqual([
    { type: "host-local", field: "ipam.colour" },
    { type: "tuning", field: "speed" },
  ]);
  // What the chain was attached by counts, whatever the table says now.
  expect(notOurs({ ...chain, native: ["bridge", "host-local", "tuning"] }, table)).toEqual([]);
});
