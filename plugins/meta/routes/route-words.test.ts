import { describe, expect, test } from "vitest";
import type { Family } from "../../../cni/address.ts";
import type { IpRoute } from "../../../net/routes.ts";
import { bytesOf, familyNumber } from "../../link/ip-bytes.ts";
import { asAdded, asRemoved, defaultRoutes, routeOf } from "./route-words.ts";

const links: readonly [number, string][] = [
  [2, "eth0"],
  [3, "net1"],
];
const names = new Map(links);
const indexes = new Map(links.map(([index, name]) => [name, index]));

/** A default route of the main table as the kernel tells it. */
function told(family: Family, route: Partial<IpRoute>): IpRoute {
  const usual = { destination: new Uint8Array(), prefix: 0, table: 254, protocol: 3, scope: 0, type: 1 };
  return { family: familyNumber(family), ...usual, flags: 0, ...route };
}

const gateway = bytesOf("10.9.0.1");
/** Default routes, each with the words that iproute2 has for it. */
const routes: [string, Family, Partial<IpRoute>, string][] = [
  ["by a gateway", "4", { gateway, link: 2 }, "default via 10.9.0.1 dev eth0"],
  [
    "with metrics",
    "4",
    { gateway, link: 2, mtu: 1400, advertisedSegment: 1360, otherMetrics: new Map([[11, 20]]) },
    "default via 10.9.0.1 dev eth0 mtu 1400 advmss 1360 initcwnd 20",
  ],
  [
    "with everything",
    "4",
    {
      ...{ gateway, link: 2, protocol: 4, scope: 253, preferredSource: bytesOf("10.9.0.2"), priority: 100 },
      // RTNH_F_ONLINK, RTNH_F_LINKDOWN.
      flags: 4 | 16,
    },
    "default via 10.9.0.1 dev eth0 protocol static scope link src 10.9.0.2 metric 100 onlink",
  ],
  [
    "to an interface alone",
    "4",
    { link: 2, scope: 253, priority: 7 },
    "default dev eth0 scope link metric 7",
  ],
  [
    "by several gateways",
    "4",
    {
      priority: 300,
      multipath: [
        { gateway: bytesOf("10.9.0.7"), link: 2, hops: 1, flags: 0 },
        { gateway: bytesOf("10.9.0.8"), link: 3, hops: 0, flags: 4 },
      ],
    },
    "default metric 300 nexthop via 10.9.0.7 dev eth0 weight 2 nexthop via 10.9.0.8 dev net1 weight 1 onlink",
  ],
  [
    "by a router of the other family",
    "4",
    { gateway: bytesOf("fe80::1"), link: 2 },
    "default via inet6 fe80::1 dev eth0",
  ],
  ["that goes nowhere", "4", { type: 7, priority: 5000 }, "unreachable default metric 5000"],
  [
    "of IPv6",
    "6",
    { gateway: bytesOf("fd09::1"), link: 2, priority: 1024, preference: 0 },
    "default via fd09::1 dev eth0 metric 1024",
  ],
  [
    "of IPv6 with a preference, which a router advertises",
    "6",
    { gateway: bytesOf("fe80::1"), link: 2, priority: 1024, protocol: 9, preference: 1, expires: 1789 },
    "default via fe80::1 dev eth0 protocol ra metric 1024 pref high",
  ],
  [
    "of a protocol without a name",
    "4",
    { gateway, link: 2, protocol: 77 },
    "default via 10.9.0.1 dev eth0 protocol 77",
  ],
];

describe.each(routes)("a default route %s", (_case, family, route, words) => {
  test("has the words of ip route", () => {
    const found = defaultRoutes(family, [told(family, route)], names);
    expect(found.map((each) => each.words.join(" "))).toEqual([words]);
  });

  test("is made by its words again", () => {
    const made = routeOf({ family, words: words.split(" "), devices: [] }, indexes);
    const { expires: _expires, ...rest } = told(family, route);
    const usual = { table: 254, protocol: 3, flags: 0, ...(made && asAdded(made)) };
    // Flags are the kernel's findings but for one, and what is medium, or of the usual type, is not said.
    const flags = (rest.flags ?? 0) & 4;
    const { type = 1, preference = 0, ...others } = usual;
    expect({ type, preference, ...others }).toEqual({ preference: 0, ...rest, flags, ...hopsOf(rest) });
  });
});

/** A hop without a flag is made without flags. */
function hopsOf({ multipath }: IpRoute): Pick<IpRoute, "multipath"> {
  if (multipath === undefined) return {};
  return { multipath: multipath.map(({ flags = 0, ...hop }) => (flags === 0 ? hop : { ...hop, flags })) };
}

test("what decides between routes: devices, metric, and whether a router advertises it", () => {
  const advertised = told("6", { gateway: bytesOf("fe80::1"), link: 2, priority: 1024, protocol: 9 });
  expect(defaultRoutes("6", [advertised], names)).toMatchObject([
    { devices: ["eth0"], metric: 1024, isAdvertised: true },
  ]);
  const several = told("4", { multipath: [{ link: 2 }, { link: 3, gateway }] });
  expect(defaultRoutes("4", [several], names)).toMatchObject([
    { devices: ["eth0", "net1"], metric: 0, isAdvertised: false },
  ]);
});

test("only default routes of the main table and of the family count", () => {
  const others: IpRoute[] = [
    told("4", { destination: bytesOf("10.0.0.0"), prefix: 8, link: 2 }),
    told("4", { gateway, link: 2, table: 100 }),
    told("6", { gateway: bytesOf("fd09::1"), link: 2 }),
  ];
  expect(defaultRoutes("4", others, names)).toEqual([]);
});

test("IPv6 routes that are told as one of several hops are each their own", () => {
  const multipath = [
    { gateway: bytesOf("fd01::1"), link: 2, hops: 0, flags: 0 },
    { gateway: bytesOf("fd02::1"), link: 3, hops: 0, flags: 0 },
  ];
  const found = defaultRoutes("6", [told("6", { priority: 1024, multipath })], names);
  expect(found.map(({ words, devices }) => [words.join(" "), ...devices])).toEqual([
    ["default via fd01::1 dev eth0 metric 1024", "eth0"],
    ["default via fd02::1 dev net1 metric 1024", "net1"],
  ]);
});

test("words that name a link that is gone make no route, and unknown words are passed over", () => {
  expect(routeOf({ family: "4", words: ["default", "dev", "gone"], devices: [] }, indexes)).toBeUndefined();
  const words = ["default", "via", "10.9.0.1", "dev", "eth0", "pervasive", "mtu", "lock"];
  expect(routeOf({ family: "4", words, devices: [] }, indexes)).toMatchObject({ gateway, link: 2 });
});

test("a removal asks for nothing that the words do not say", () => {
  const made = routeOf({ family: "4", words: ["default", "dev", "eth0"], devices: [] }, indexes);
  expect(made && asRemoved(made)).toMatchObject({ scope: 255, protocol: 0, type: 0, link: 2 });
  expect(made && asAdded(made)).toMatchObject({ scope: 253, link: 2 });
});
