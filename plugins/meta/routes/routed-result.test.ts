import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../cni/json.ts";
import { parseResult } from "../../../cni/result.ts";
import type { Version } from "../../../cni/version.ts";
import { must } from "../../../sys/outcome-testing.ts";
import type { Attached } from "../execute/execute.ts";
import type { RoutePlan } from "./default-route.ts";
import { withoutReplaced, withPlannedRoutes } from "./routed-result.ts";

const plan: RoutePlan = {
  gateways: [{ family: "4", address: "10.2.0.1", ifname: "net1" }],
  withdrawn: ["net2"],
};

function attached(ifname: string, document: JsonObject, cniVersion: Version = "1.1.0"): Attached {
  const parsed = must(parseResult({ cniVersion, ...document }, cniVersion));
  const chain = {
    cniVersion,
    name: "n",
    disableCheck: false,
    disableGC: false,
    plugins: [{ type: "bridge" }],
  };
  const step = { role: "secondary" as const, network: "shop/n", ifname, chain };
  return { step, result: { document: { cniVersion, ...document }, result: parsed.result } };
}

const routes = [
  { dst: "0.0.0.0/0", gw: "10.1.0.1" },
  { dst: "::/0", gw: "fd01::1" },
  { dst: "10.96.0.0/12", gw: "10.1.0.1" },
  { dst: "0.0.0.0/0", gw: "10.1.0.7", table: 100 },
];
const ips = [{ address: "10.1.0.5/24" }];

describe("results after the default routes were set", () => {
  test.each([
    ["another's loses the family that was replaced", "eth0", [routes[1], routes[2], routes[3]]],
    ["the bearer's has it", "net1", [routes[1], routes[2], routes[3], { dst: "0.0.0.0/0", gw: "10.2.0.1" }]],
    ["one that is to have none of its own has none", "net2", [routes[2], routes[3]]],
  ])("%s", (_case, ifname, expected) => {
    const [each] = withPlannedRoutes(plan, [attached(ifname, { ips, routes, more: { a: 1 } })]);
    expect(each?.result.document).toEqual({ cniVersion: "1.1.0", ips, routes: expected, more: { a: 1 } });
    expect(each?.result.result.routes).toEqual(expected);
  });

  test("what has no routes and gets none stays as it is", () => {
    const [each] = withPlannedRoutes(plan, [attached("eth0", { ips })]);
    expect(each?.result.document).toEqual({ cniVersion: "1.1.0", ips });
  });

  test("of 0.2.0, each family with its own", () => {
    const ip = { ip: "10.1.0.5/24", gateway: "10.1.0.1", routes: [{ dst: "0.0.0.0/0" }] };
    const ip6 = { ip: "fd01::5/64", routes: [{ dst: "::/0", gw: "fd01::1" }] };
    const given = ["eth0", "net1"].map((ifname) => attached(ifname, { ip4: ip, ip6 }, "0.2.0"));
    const [other, bearer] = withPlannedRoutes(plan, given);
    expect(other?.result.document).toEqual({ cniVersion: "0.2.0", ip4: { ...ip, routes: [] }, ip6 });
    expect(bearer?.result.document).toEqual({
      cniVersion: "0.2.0",
      ip4: { ...ip, routes: [{ dst: "0.0.0.0/0", gw: "10.2.0.1" }] },
      ip6,
    });
  });

  test("what a plugin before us made loses what was replaced, and nothing else", () => {
    expect(withoutReplaced(plan, { ips, routes })).toEqual({
      ips,
      routes: [routes[1], routes[2], routes[3]],
    });
    expect(withoutReplaced(plan, { ips })).toEqual({ ips });
  });
});
