import { expect, test } from "vitest";
import type { Family } from "../../../cni/address.ts";
import { defaultRoute, isSameRoute, parseRoutes } from "./ip-route.ts";

/** Outputs of `ip -j route show default` in iproute2 6.1, each with the words that make the same route again. */
const routes: [string, Family, object, string][] = [
  ["by a gateway", "4", { gateway: "10.9.0.1", dev: "eth0", flags: [] }, "default via 10.9.0.1 dev eth0"],
  [
    "with an MTU",
    "4",
    { gateway: "10.9.0.1", dev: "eth0", flags: [], metrics: [{ mtu: 1400, advmss: 1360 }] },
    "default via 10.9.0.1 dev eth0 mtu 1400 advmss 1360",
  ],
  [
    "with everything",
    "4",
    {
      gateway: "10.9.0.3",
      dev: "eth0",
      protocol: "static",
      scope: "link",
      prefsrc: "10.9.0.2",
      metric: 100,
      flags: ["onlink", "linkdown"],
    },
    "default via 10.9.0.3 dev eth0 protocol static scope link src 10.9.0.2 metric 100 onlink",
  ],
  [
    "to an interface alone",
    "4",
    { dev: "eth0", scope: "link", metric: 7, flags: [] },
    "default dev eth0 scope link metric 7",
  ],
  [
    "by several gateways",
    "4",
    {
      metric: 300,
      flags: [],
      nexthops: [
        { gateway: "10.9.0.7", dev: "eth0", weight: 2, flags: [] },
        { gateway: "10.9.0.8", dev: "net1", weight: 1, flags: ["onlink"] },
      ],
    },
    "default metric 300 nexthop via 10.9.0.7 dev eth0 weight 2 nexthop via 10.9.0.8 dev net1 weight 1 onlink",
  ],
  [
    "by a router of the other family",
    "4",
    { via: { family: "inet6", host: "fe80::1" }, dev: "eth0", flags: [] },
    "default via inet6 fe80::1 dev eth0",
  ],
  [
    "that goes nowhere",
    "4",
    { type: "unreachable", metric: 5000, flags: [] },
    "unreachable default metric 5000",
  ],
  [
    "of IPv6",
    "6",
    { gateway: "fd09::1", dev: "eth0", metric: 1024, flags: [], pref: "medium" },
    "default via fd09::1 dev eth0 metric 1024",
  ],
  [
    "of IPv6 with a preference",
    "6",
    { gateway: "fe80::1", dev: "eth0", protocol: "ra", metric: 1024, expires: 1789, flags: [], pref: "high" },
    "default via fe80::1 dev eth0 protocol ra metric 1024 pref high",
  ],
];

test.each(routes)("a default route %s", (_case, family, route, expected) => {
  const parsed = parseRoutes(family, JSON.stringify([{ dst: "default", ...route }]));
  expect(parsed.ok && parsed.value.map(({ words }) => words.join(" "))).toEqual([expected]);
});

test("what decides between routes: devices, metric, gateway, and whether a router advertises it", () => {
  const text = JSON.stringify([
    { dst: "default", gateway: "fe80::1", dev: "eth0", protocol: "ra", metric: 1024, flags: [] },
  ]);
  expect(parseRoutes("6", text)).toMatchObject({
    value: [{ devices: ["eth0"], metric: 1024, isAdvertised: true }],
  });
  const hops = [
    { dst: "default", flags: [], nexthops: [{ dev: "eth0" }, { gateway: "10.9.0.1", dev: "net1" }] },
  ];
  expect(parseRoutes("4", JSON.stringify(hops))).toMatchObject({
    value: [{ devices: ["eth0", "net1"], metric: 0, isAdvertised: false }],
  });
});

test("IPv6 routes that are told as one of several hops are each their own", () => {
  const nexthops = [
    { gateway: "fd01::1", dev: "eth0", weight: 1, flags: [] },
    { gateway: "fd02::1", dev: "net1", weight: 1, flags: [] },
  ];
  const text = JSON.stringify([{ dst: "default", metric: 1024, flags: [], pref: "medium", nexthops }]);
  const parsed = parseRoutes("6", text);
  expect(parsed.ok && parsed.value.map(({ words, devices }) => [words.join(" "), ...devices])).toEqual([
    ["default via fd01::1 dev eth0 metric 1024", "eth0"],
    ["default via fd02::1 dev net1 metric 1024", "net1"],
  ]);
});

test.each([
  ["nothing at all", "", { ok: true, value: [] }],
  ["an empty list", "[ ]\n", { ok: true, value: [] }],
  ["plain text, as of an ip that knows no -j", "default via 10.9.0.1", { ok: false }],
  ["no list", "{}", { ok: false }],
  ["a list of something else", "[1]", { ok: false }],
])("%s", (_case, text, expected) => {
  expect(parseRoutes("4", text)).toMatchObject(expected);
});

test("ours is the best of its family, and known again in the kernel's spelling", () => {
  expect(defaultRoute("4", "10.2.0.1", "net1").words.join(" ")).toBe("default via 10.2.0.1 dev net1");
  const ours = defaultRoute("6", "FD02:0::1", "net1");
  expect(ours.words.join(" ")).toBe("default via FD02:0::1 dev net1 metric 1");
  const told = [{ dst: "default", gateway: "fd02::1", dev: "net1", metric: 1, flags: [], pref: "medium" }];
  const parsed = parseRoutes("6", JSON.stringify(told));
  const found = parsed.ok ? parsed.value : [];
  expect(found.map((each) => isSameRoute(ours, each))).toEqual([true]);
  const another = defaultRoute("6", "fd02::1", "net2");
  expect(found.map((each) => isSameRoute(another, each))).toEqual([false]);
});
