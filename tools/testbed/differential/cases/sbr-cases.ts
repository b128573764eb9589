import fc from "fast-check";
import type { DifferentialCase, PluginCases } from "../differential-case.ts";
import { atVersion, generated, madeBefore, pairOnHost } from "./case-parts.ts";

type Given = readonly { readonly address: string; readonly gateway?: string }[];
type Routes = readonly { readonly dst: string; readonly gw?: string }[];

const v4 = { address: "10.9.0.5/24", gateway: "10.9.0.1" };
const v6 = { address: "fd09::5/64", gateway: "fd09::1" };
const byDefault = { dst: "0.0.0.0/0", gw: "10.9.0.1" };

/** sbr behind a plugin that gave these addresses and routes. */
function behind(
  name: string,
  given: Given,
  routes: Routes = [],
  { config = {}, container = [], ...more }: Partial<DifferentialCase> = {},
): DifferentialCase {
  const before = madeBefore(given, routes);
  return {
    name,
    config: { prevResult: before.prevResult, ...config },
    host: pairOnHost,
    container: [...before.container, ...container],
    ...more,
  };
}

/** Another interface of the pod, with the default route. */
const primary = [
  "ip link add eth1 type veth peer name far",
  "ip link set eth1 up",
  "ip link set far up",
  "ip addr add 10.1.0.7/24 dev eth1",
  "ip route add default via 10.1.0.1",
];

function atOlder(cniVersion: string): DifferentialCase {
  const prevResult = atVersion(madeBefore([v4, v6], [byDefault]).prevResult, cniVersion);
  return behind(`version ${cniVersion}`, [v4, v6], [byDefault], { config: { cniVersion, prevResult } });
}

const byHand: readonly DifferentialCase[] = [
  behind("one address", [v4]),
  behind("one address without a gateway", [{ address: "10.9.0.5/24" }]),
  behind("one address and its default route", [v4], [byDefault]),
  behind(
    "one address and other routes",
    [v4],
    [{ dst: "10.20.0.0/16", gw: "10.9.0.1" }, { dst: "10.30.0.0/16" }],
  ),
  behind("one IPv6 address", [v6]),
  behind("one IPv6 address and its default route", [v6], [{ dst: "::/0", gw: "fd09::1" }]),
  behind("one IPv6 address without a gateway", [{ address: "fd09::5/64" }]),
  behind("a link-local gateway", [{ address: "fd09::5/64", gateway: "fe80::1" }]),
  behind("two families", [v4, v6]),
  behind("two families and default routes", [v4, v6], [byDefault, { dst: "::/0", gw: "fd09::1" }]),
  behind("two addresses of one subnet", [v4, { address: "10.9.0.6/24", gateway: "10.9.0.1" }]),
  behind(
    "two addresses of one subnet and a default route",
    [v4, { address: "10.9.0.6/24", gateway: "10.9.0.1" }],
    [byDefault],
  ),
  behind("addresses of two subnets", [v4, { address: "10.10.0.5/24", gateway: "10.10.0.1" }], [byDefault]),
  behind("three addresses", [
    v4,
    { address: "10.10.0.5/24" },
    { address: "10.11.0.5/24", gateway: "10.11.0.1" },
  ]),
  behind("an address of 32 bits", [{ address: "10.9.0.5/32" }]),
  behind("an address of 128 bits", [{ address: "fd09::5/128" }]),
  behind("an address of 31 bits", [{ address: "10.9.0.4/31", gateway: "10.9.0.5" }]),
  behind("a gateway out of the subnet", [{ address: "10.9.0.5/24", gateway: "10.8.0.1" }]),
  behind("beside a primary", [v4], [], { container: primary }),
  behind("beside a primary, two families", [v4, v6], [], { container: primary }),
  behind("table 100 has a rule", [v4], [], { container: ["ip rule add from 10.1.0.7 table 100"] }),
  behind("tables 100 and 102 have rules", [v4, v6], [], {
    container: ["ip rule add from 10.1.0.7 table 100", "ip -6 rule add from fd01::7 table 102"],
  }),
  behind("table 100 has a route", [v4], [], { container: ["ip route add 10.77.0.0/16 dev eth0 table 100"] }),
  behind("table 100 has a default route", [v4], [], {
    container: ["ip route add default via 10.9.0.1 table 100"],
  }),
  behind("routes with priorities", [v4], [], {
    container: [
      "ip route add 10.20.0.0/16 via 10.9.0.1 metric 50",
      "ip route add 10.20.0.0/16 dev eth0 metric 60",
    ],
  }),
  behind("a route with an MTU", [v4], [], {
    container: ["ip route add 10.20.0.0/16 via 10.9.0.1 mtu 1300 advmss 1200"],
  }),
  behind("a route from a source", [v4], [], {
    container: ["ip route add 10.20.0.0/16 dev eth0 src 10.9.0.5"],
  }),
  behind("a static route of IPv6", [v6], [{ dst: "fd20::/64", gw: "fd09::1" }]),
  behind("a route with a metric of IPv6", [v6], [], {
    container: ["ip -6 route add fd20::/64 via fd09::1 metric 5"],
  }),
  behind("a route that is blocked", [v4], [], { container: ["ip route add blackhole 10.66.0.0/16"] }),
  behind("a table", [v4], [], { config: { table: 77 } }),
  behind("a table and two addresses", [v4, v6], [byDefault], { config: { table: 77 } }),
  behind("a table above 255", [v4, v6], [], { config: { table: 7777 } }),
  behind("the main table", [v4], [], { config: { table: 254 } }),
  behind("table 0", [v4], [], { config: { table: 0 } }),
  behind("a negative table", [v4], [], { config: { table: -5 } }),
  behind("a table that is a text", [v4], [], { config: { table: "77" } }),
  behind("a rule that is there", [v4], [], {
    config: { table: 77 },
    container: ["ip rule add from 10.9.0.5 table 77"],
  }),
  behind("no addresses", []),
  behind("no prevResult", [v4], [], { config: { prevResult: undefined } }),
  behind("no such interface", [v4], [], { ifname: "eth9" }),
  atOlder("0.3.1"),
  atOlder("1.0.0"),
  behind("addresses of no interface", [v4], [], {
    config: { prevResult: { cniVersion: "1.1.0", ips: [v4] } },
  }),
  behind("an address of another interface", [v4], [], {
    config: {
      prevResult: {
        cniVersion: "1.1.0",
        interfaces: [{ name: "uplink" }, { name: "eth0", sandbox: "{{netns}}" }],
        ips: [
          { ...v4, interface: 1 },
          { address: "10.50.0.1/24", interface: 0 },
        ],
      },
    },
  }),
  behind("the interface is down", [{ address: "10.9.0.5/24" }], [], { container: ["ip link set eth0 down"] }),
  behind("an unknown field", [v4], [], { config: { somethingElse: 5 } }),
];

const second = fc.constantFrom<Given>(
  [],
  [{ address: "10.9.0.6/24", gateway: "10.9.0.1" }],
  [{ address: "10.10.0.5/20", gateway: "10.10.0.1" }],
  [v6],
  [v6, { address: "fd10::6/48" }],
);
const ways = fc.subarray<Routes[number]>([
  byDefault,
  { dst: "10.20.0.0/16", gw: "10.9.0.1" },
  { dst: "10.30.0.0/16" },
  { dst: "192.0.2.1/32", gw: "10.9.0.254" },
]);
const others = fc.subarray([
  "ip rule add from 10.1.0.7 table 100",
  "ip rule add from 10.1.0.8 table 101",
  "ip -6 rule add from fd01::7 table 102",
  "ip route add 10.40.0.0/16 via 10.9.0.1 metric 50",
  "ip link add eth1 type veth peer name far",
]);

const random = fc
  .tuple(
    fc.constantFrom<Given>(
      [v4],
      [{ address: "10.9.0.5/24" }],
      [{ address: "10.9.0.5/16", gateway: "10.9.0.1" }],
    ),
    second,
    ways,
    others,
    fc.option(fc.constantFrom(50, 99, 100, 300), { nil: undefined }),
  )
  .map(([first, more, routes, container, table]) => {
    const { name: _, ...rest } = behind("", [...first, ...more], routes, {
      container,
      config: table === undefined ? {} : { table },
    });
    return rest;
  });

export const sbrCases: PluginCases = {
  plugin: "sbr",
  cases: [...byHand, ...generated(155 - byHand.length, random)],
};
