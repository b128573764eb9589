import fc from "fast-check";
import { expect, test } from "vitest";
import type { IpRoute } from "../../net/routes.ts";
import { bytesOf, subnetOf } from "../link/ip-bytes.ts";
import {
  freeTable,
  hintedRoute,
  isRuleOf,
  routesFor,
  routesOf,
  sourceAddresses,
  sourceRule,
} from "./source-routes.ts";

/** A route of the main table out of link 7. */
function route(cidr: string, more: Partial<IpRoute> = {}): IpRoute {
  const { bytes, prefix } = subnetOf(cidr);
  const destination = prefix === 0 ? new Uint8Array() : bytes;
  const family = bytes.length === 4 ? 2 : 10;
  return { family, destination, prefix, link: 7, table: 254, type: 1, flags: 4, ...more };
}

const address = { subnet: subnetOf("10.1.0.5/24"), gateway: undefined };

test("the table is the first from 100 that neither a rule nor a route has", () => {
  expect(freeTable([], [])).toBe(100);
  const rules = [100, 254].map((table) => sourceRule(bytesOf("10.1.0.1"), table));
  expect(freeTable(rules, [route("10.0.0.0/8", { table: 101 })])).toBe(102);
  expect(freeTable(rules, [], 254)).toBe(255);
});

test("a free table is in no rule and no route", () => {
  const tables = fc.array(fc.integer({ min: 98, max: 110 }));
  fc.assert(
    fc.property(tables, tables, (ofRules, ofRoutes) => {
      const rules = ofRules.map((table) => sourceRule(bytesOf("10.1.0.1"), table));
      const routes = ofRoutes.map((table) => route("10.0.0.0/8", { table }));
      const free = freeTable(rules, routes);
      expect([...ofRules, ...ofRoutes]).not.toContain(free);
      for (let table = 100; table < free; table++) expect([...ofRules, ...ofRoutes]).toContain(table);
    }),
  );
});

test("a rule is about one address, not about a subnet or another address", () => {
  const bytes = bytesOf("10.1.0.5");
  expect(isRuleOf({ ...sourceRule(bytes, 100), sourcePrefix: 32 }, bytes)).toBe(true);
  expect(isRuleOf({ ...sourceRule(bytes, 100), sourcePrefix: 24 }, bytes)).toBe(false);
  expect(isRuleOf({ ...sourceRule(bytes, 100), sourcePrefix: 32 }, bytesOf("10.1.0.6"))).toBe(false);
  expect(isRuleOf({ family: 2, table: 254 }, bytes)).toBe(false);
});

test("addresses of other interfaces are left out, and those of no interface are taken", () => {
  const interfaces = [{ name: "veth0" }, { name: "eth0", sandbox: "/run/netns/c1" }];
  const ips = [
    { address: "10.1.0.5/24", gateway: "10.1.0.1", interface: 1 },
    { address: "10.2.0.5/24", interface: 0 },
    { address: "fd00::5/64", gateway: "fd00::1" },
  ];
  expect(sourceAddresses({ interfaces, ips }, "eth0")).toEqual([
    { subnet: subnetOf("10.1.0.5/24"), gateway: bytesOf("10.1.0.1") },
    { subnet: subnetOf("fd00::5/64"), gateway: bytesOf("fd00::1") },
  ]);
  expect(sourceAddresses({ interfaces, ips }, "eth0", [{ family: "4", value: 0x0a01_0002n }])).toEqual([
    { subnet: subnetOf("10.1.0.5/24"), gateway: bytesOf("10.1.0.2") },
    { subnet: subnetOf("fd00::5/64"), gateway: bytesOf("fd00::1") },
  ]);
});

test("routes of the interface are the ordinary ones of the table", () => {
  const own = route("10.1.0.0/24");
  const others = [
    route("10.2.0.0/24", { link: 8 }),
    route("10.1.0.5/32", { table: 255, type: 2 }),
    route("10.3.0.0/24", { type: 6 }),
  ];
  expect(routesOf([own, ...others], 7)).toEqual([own]);
  expect(routesOf([route("10.9.0.0/24", { table: 100 })], 7, 100)).toHaveLength(1);
});

test.each<[string, IpRoute, boolean]>([
  ["to its subnet", route("10.1.0.0/24", { preferredSource: bytesOf("10.1.0.5") }), true],
  ["by a gateway of its subnet", route("10.9.0.0/16", { gateway: bytesOf("10.1.0.1") }), true],
  ["of no source and no gateway, whatever its family", route("fe80::/64"), true],
  ["by another subnet's gateway", route("10.9.0.0/16", { gateway: bytesOf("10.2.0.1") }), false],
  ["from another subnet's address", route("10.2.0.0/24", { preferredSource: bytesOf("10.2.0.5") }), false],
  ["by a gateway of another family", route("fd01::/64", { gateway: bytesOf("fe80::1") }), false],
])("a route %s is copied or not", (_, each, isCopied) => {
  expect(routesFor(address, [each], 100)).toEqual(isCopied ? [{ ...each, table: 100, flags: 0 }] : []);
});

test("a hint is the subnet's route from the address", () => {
  expect(hintedRoute(address, 7)).toEqual({
    family: 2,
    destination: bytesOf("10.1.0.0"),
    prefix: 24,
    preferredSource: bytesOf("10.1.0.5"),
    link: 7,
    table: 254,
    scope: 253,
  });
});
