import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CniResult } from "../../cni/types.ts";
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

  test("changes none of its inputs", () => {
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
