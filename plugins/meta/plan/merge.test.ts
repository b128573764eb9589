import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CniResult, IpConfig, Route } from "../../../cni/types.ts";
import { merge } from "./merge.ts";

const primary: CniResult = {
  interfaces: [
    { name: "br0" },
    { name: "veth1" },
    { name: "eth0", sandbox: "/ns", mac: "02:00:00:00:00:01" },
  ],
  ips: [{ address: "10.1.0.2/16", gateway: "10.1.0.1", interface: 2 }],
  routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }],
  dns: { nameservers: ["10.1.0.53"], domain: "one.test" },
};
const secondary: CniResult = {
  interfaces: [{ name: "net1", sandbox: "/ns", mtu: 9000 }],
  ips: [{ address: "10.2.0.2/24", interface: 0 }, { address: "10.3.0.2/24" }],
  routes: [{ dst: "10.9.0.0/16", gw: "10.2.0.1", priority: 7 }],
  dns: { nameservers: ["10.1.0.53", "10.2.0.53"], domain: "two.test", search: ["two.test"] },
};

describe("merge", () => {
  test("puts the primary first and moves interface indexes to where the interfaces went", () => {
    const merged = merge([primary, secondary]);
    expect(merged.interfaces?.map((each) => each.name)).toEqual(["br0", "veth1", "eth0", "net1"]);
    expect(merged.ips).toEqual([
      { address: "10.1.0.2/16", gateway: "10.1.0.1", interface: 2 },
      { address: "10.2.0.2/24", interface: 3 },
      { address: "10.3.0.2/24" },
    ]);
    expect(merged.routes).toEqual([
      { dst: "0.0.0.0/0", gw: "10.1.0.1" },
      { dst: "10.9.0.0/16", gw: "10.2.0.1", priority: 7 },
    ]);
  });

  test("a route without a gateway gets its own network's, by family", () => {
    const first: CniResult = {
      ips: [{ address: "10.1.0.2/16", gateway: "10.1.0.1" }],
      routes: [{ dst: "0.0.0.0/0" }],
    };
    const second: CniResult = {
      ips: [{ address: "fd00::2/64", gateway: "fd00::1" }, { address: "10.2.0.2/16" }],
      routes: [{ dst: "fd01::/64" }, { dst: "10.9.0.0/16" }],
    };
    expect(merge([first, second]).routes).toEqual([
      { dst: "0.0.0.0/0", gw: "10.1.0.1" },
      { dst: "fd01::/64", gw: "fd00::1" },
      { dst: "10.9.0.0/16" },
    ]);
    expect(merge([first])).toBe(first);
  });

  const near: IpConfig = { address: "10.1.0.5/24", gateway: "10.1.0.1" };
  const pointToPoint: IpConfig = { address: "10.65.0.5/32", gateway: "169.254.1.1" };
  const near6: IpConfig = { address: "fd00::5/64", gateway: "fd00::1" };
  const linkLocal6: IpConfig = { address: "fd00::5/64", gateway: "fe80::1" };
  test.each<[string, IpConfig[], Route, boolean]>([
    ["the gateway's own host route", [pointToPoint], { dst: "169.254.1.1/32" }, false],
    ["that of a gateway in the subnet", [near], { dst: "10.1.0.1/32" }, false],
    ["that of a gateway of IPv6", [near6], { dst: "fd00::1/128" }, false],
    ["that of one written otherwise", [near6], { dst: "FD00:0:0::0001/128" }, false],
    ["that of a link-local gateway", [linkLocal6], { dst: "fe80::1/128" }, false],
    ["that of the second gateway", [near, pointToPoint], { dst: "169.254.1.1/32" }, false],
    ["the network that a far gateway is reached by", [pointToPoint], { dst: "169.254.0.0/16" }, false],
    ["a route of scope link", [near], { dst: "10.9.0.0/16", scope: 253 }, false],
    ["a default route of scope link", [near], { dst: "0.0.0.0/0", scope: 253 }, false],
    ["a route of scope host", [near], { dst: "10.9.0.0/16", scope: 254 }, false],
    ["a route of scope site", [near], { dst: "10.9.0.0/16", scope: 200 }, true],
    ["a route of scope global", [near], { dst: "10.9.0.0/16", scope: 0 }, true],
    ["the own subnet", [near], { dst: "10.1.0.0/24" }, false],
    ["the own subnet of IPv6", [near6], { dst: "fd00::/64" }, false],
    ["the own address", [pointToPoint], { dst: "10.65.0.5/32" }, false],
    ["the link-local network", [near6], { dst: "fe80::/64" }, false],
    ["a part of the own subnet", [near], { dst: "10.1.0.128/25" }, true],
    ["a network around the own subnet", [near], { dst: "10.0.0.0/8" }, true],
    ["a host elsewhere", [near], { dst: "10.9.0.1/32" }, true],
    ["a host in the own subnet", [near], { dst: "10.1.0.9/32" }, true],
    ["the default route", [near], { dst: "0.0.0.0/0" }, true],
    ["the default route behind a far gateway", [pointToPoint], { dst: "0.0.0.0/0" }, true],
    ["a default route of another table", [near], { dst: "0.0.0.0/0", table: 100 }, true],
    ["the default route of IPv6", [linkLocal6], { dst: "::/0" }, true],
  ])("a route without a gateway: %s", (_case, ips, route, hasGateway) => {
    const [merged] = merge([{ ips, routes: [route] }, {}]).routes ?? [];
    expect(merged).toEqual(hasGateway ? { ...route, gw: ips[0]?.gateway } : route);
  });

  test("a network around a far gateway goes by it when a narrower route leads to it", () => {
    const routes = [{ dst: "169.254.1.1/32" }, { dst: "169.254.0.0/16" }];
    expect(merge([{ ips: [pointToPoint], routes }, {}]).routes).toEqual([
      { dst: "169.254.1.1/32" },
      { dst: "169.254.0.0/16", gw: "169.254.1.1" },
    ]);
  });

  test("names each name server once and keeps the first domain", () => {
    expect(merge([primary, secondary]).dns).toEqual({
      nameservers: ["10.1.0.53", "10.2.0.53"],
      domain: "one.test",
      search: ["two.test"],
    });
  });

  test("a single result is passed on as it is, and none is an empty one", () => {
    expect(merge([primary])).toBe(primary);
    expect(merge([])).toEqual({});
  });

  test("an empty result among others changes nothing", () => {
    expect(merge([primary, {}, secondary])).toEqual(merge([primary, secondary]));
  });

  test("changes none of the results that it merges", () => {
    const before = structuredClone([primary, secondary]);
    merge([primary, secondary]);
    expect([primary, secondary]).toEqual(before);
  });

  test("property: every address still points at the interface that it pointed at", () => {
    const result = fc
      .array(fc.string({ minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 })
      .chain((names) =>
        fc.array(fc.nat({ max: names.length - 1 }), { maxLength: 4 }).map(
          (indexes): CniResult => ({
            interfaces: names.map((name) => ({ name })),
            ips: indexes.map((index, n) => ({ address: `10.0.0.${n}/8`, interface: index })),
          }),
        ),
      );
    fc.assert(
      fc.property(fc.array(result, { minLength: 1, maxLength: 5 }), (results) => {
        const merged = merge(results);
        const owners = results.flatMap((each) =>
          (each.ips ?? []).map((ip) => each.interfaces?.[ip.interface ?? -1]),
        );
        expect((merged.ips ?? []).map((ip) => merged.interfaces?.[ip.interface ?? -1])).toEqual(owners);
      }),
    );
  });
});

test("an index that points past the interfaces of a result is a bug, and is thrown", () => {
  const ips = [{ address: "10.9.0.2/16", interface: 1 }];
  const wrong: CniResult = { interfaces: [{ name: "net1", sandbox: "/ns" }], ips };
  expect(() => merge([primary, wrong])).toThrow("no interface 4 of address 10.9.0.2/16");
});
