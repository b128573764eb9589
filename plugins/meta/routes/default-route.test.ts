import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Family } from "../../../cni/address.ts";
import type { Attached } from "../execute/execute.ts";
import {
  changesFor,
  familiesOf,
  planRoutes,
  type RoutePlan,
  requireFamilies,
  requireRoutes,
  takingBack,
} from "./default-route.ts";
import { defaultRoute, type FoundRoute } from "./ip-route.ts";

function asking(...requests: (string[] | undefined)[]) {
  return requests.map((defaultRoute, index) => ({
    network: `shop/n${index + 1}`,
    ifname: `net${index + 1}`,
    request: { namespace: "shop", name: `n${index + 1}`, ...(defaultRoute && { defaultRoute }) },
  }));
}

function found(family: Family, gateway: string, device: string, more: Partial<FoundRoute> = {}): FoundRoute {
  const metric = family === "4" ? 0 : 1024;
  const words = ["default", "via", gateway, "dev", device, ...(metric > 0 ? ["metric", String(metric)] : [])];
  return { family, words, devices: [device], metric, isAdvertised: false, ...more };
}

const eth4 = found("4", "10.1.0.1", "eth0");
const eth6 = found("6", "fd01::1", "eth0");
const net4 = found("4", "10.2.0.9", "net1");
const net6 = found("6", "fd02::9", "net1");
const all = [eth4, eth6, net4, net6];
const said = (routes: readonly { readonly words: readonly string[] }[]) =>
  routes.map(({ words }) => words.join(" "));

describe("a plan", () => {
  test.each([
    ["nobody asks", [undefined, undefined], undefined],
    ["one gateway", [undefined, ["10.2.0.1"]], { gateways: ["4 10.2.0.1 net2"], withdrawn: [] }],
    [
      "both families on one",
      [["10.2.0.1", "fd02::1"]],
      { gateways: ["4 10.2.0.1 net1", "6 fd02::1 net1"], withdrawn: [] },
    ],
    [
      "a family each",
      [["fd02::1"], ["10.3.0.1"]],
      { gateways: ["6 fd02::1 net1", "4 10.3.0.1 net2"], withdrawn: [] },
    ],
    ["an empty list", [[]], { gateways: [], withdrawn: ["net1"] }],
    [
      "an empty list beside a gateway",
      [[], ["10.3.0.1"]],
      { gateways: ["4 10.3.0.1 net2"], withdrawn: ["net1"] },
    ],
  ])("%s", (_case, requests, expected) => {
    const plan = planRoutes(asking(...requests));
    const value = plan.ok ? plan.value : undefined;
    const gateways = value?.gateways.map(({ family, address, ifname }) => `${family} ${address} ${ifname}`);
    expect(plan.ok).toBe(true);
    expect(value && { gateways, withdrawn: value.withdrawn }).toEqual(expected);
  });

  test.each([
    [
      "two of IPv4",
      [["10.2.0.1"], ["10.3.0.1"]],
      /IPv4: 10\.2\.0\.1 of network shop\/n1, 10\.3\.0\.1 of network shop\/n2/,
    ],
    [
      "two of IPv6, one of IPv4",
      [["fd02::1", "10.2.0.1"], ["fd03::1"]],
      /IPv6: fd02::1 of network shop\/n1, fd03::1/,
    ],
    ["the same gateway twice", [["10.2.0.1"], ["10.2.0.1"]], /several gateways of IPv4/],
  ])("is refused: %s", (_case, requests, msg) => {
    const plan = planRoutes(asking(...requests));
    expect(plan).toMatchObject({
      ok: false,
      error: { id: "route.several", code: 103, msg: expect.stringMatching(msg) },
    });
  });
});

const v4: RoutePlan = { gateways: [{ family: "4", address: "10.2.0.1", ifname: "net1" }], withdrawn: [] };
const v6: RoutePlan = { gateways: [{ family: "6", address: "fd02::1", ifname: "net1" }], withdrawn: [] };
const dual: RoutePlan = { gateways: [...v4.gateways, ...v6.gateways], withdrawn: [] };
const none: RoutePlan = { gateways: [], withdrawn: ["net1"] };

test.each([
  ["IPv4 alone", v4, ["4"]],
  ["IPv6 alone", v6, ["6"]],
  ["both", dual, ["4", "6"]],
  ["none of one's own", none, ["4", "6"]],
])("families that are looked at: %s", (_case, plan, expected) => {
  expect(familiesOf(plan)).toEqual(expected);
});

describe("changes", () => {
  test.each([
    ["IPv4 touches IPv4 alone", v4, all, [eth4, net4], ["default via 10.2.0.1 dev net1"]],
    ["IPv6 touches IPv6 alone", v6, all, [eth6, net6], ["default via fd02::1 dev net1 metric 1"]],
    ["both", dual, all, all, ["default via 10.2.0.1 dev net1", "default via fd02::1 dev net1 metric 1"]],
    ["there was none", v4, [], [], ["default via 10.2.0.1 dev net1"]],
    ["it stands already", v4, [found("4", "10.2.0.1", "net1")], [], []],
    ["it stands beside another", v4, [eth4, found("4", "10.2.0.1", "net1")], [eth4], []],
    ["an empty list leaves the others'", none, all, [net4, net6], []],
    [
      "an advertised one stays, and loses by its metric",
      v6,
      [{ ...eth6, isAdvertised: true }],
      [],
      ["default via fd02::1 dev net1 metric 1"],
    ],
    [
      "an advertised one of an interface that is to have none goes",
      none,
      [{ ...net6, isAdvertised: true }],
      [net6],
      [],
    ],
    [
      "one of several gateways, one of them there",
      none,
      [{ ...eth4, devices: ["eth0", "net1"] }],
      [eth4],
      [],
    ],
  ])("%s", (_case, plan, now, removed, added) => {
    const changes = changesFor(plan, now);
    expect(said(changes.removed)).toEqual(said(removed));
    expect(said(changes.added)).toEqual(added);
  });

  test("made and taken back in any order of kills, all is as it was", () => {
    const route = fc.constantFrom(
      ...all,
      found("4", "10.2.0.1", "net1"),
      found("4", "10.1.0.2", "eth0", { metric: 5 }),
    );
    const plans = fc.constantFrom(v4, v6, dual, none);
    fc.assert(
      fc.property(fc.uniqueArray(route), plans, fc.nat(10), fc.nat(10), (before, plan, done, undone) => {
        const changes = changesFor(plan, before);
        const half = carryOut(before, changes, done);
        // Taking back the changes may be interrupted as well.
        const again = carryOut(half, takingBack(changes, half, new Set()), undone);
        const after = carryOut(again, takingBack(changes, again, new Set()), 100);
        expect(said(after).sort()).toEqual(said(before).sort());
      }),
    );
  });

  test("interfaces that go need no route again", () => {
    const changes = changesFor(v4, all);
    expect(said(takingBack(changes, [], new Set(["net1"])).added)).toEqual(said([eth4]));
    expect(takingBack(changes, [], new Set(["eth0", "net1"])).added).toEqual([]);
  });
});

type Routes = readonly { readonly words: readonly string[] }[];

/** The kernel's routes after this number of changes. */
function carryOut<T extends Routes[number]>(
  routes: readonly T[],
  changes: { removed: Routes; added: Routes },
  count: number,
): T[] {
  const removed = said(changes.removed.slice(0, count));
  const added = changes.added.slice(0, Math.max(0, count - changes.removed.length)) as T[];
  return [...routes.filter(({ words }) => !removed.includes(words.join(" "))), ...added];
}

test.each([
  ["the attachment has an address of the family", v4, "10.2.0.7/24", true],
  ["it has one of the other family", v4, "fd02::7/64", false],
  ["IPv6 needs one of IPv6", v6, "10.2.0.7/24", false],
  ["it has none at all", v4, undefined, false],
  ["an empty list needs none", none, undefined, true],
])("a gateway's family: %s", (_case, plan, address, isRight) => {
  const result = { ips: address === undefined ? [] : [{ address }] };
  const attached = [{ step: { ifname: "net1" }, result: { document: {}, result } }] as unknown as Attached[];
  const outcome = requireFamilies(plan, attached);
  expect(outcome.ok).toBe(isRight);
  if (!outcome.ok) expect(outcome.error).toMatchObject({ id: "route.family", code: 103 });
});

const ours4: FoundRoute = {
  ...defaultRoute("4", "10.2.0.1", "net1"),
  metric: 0,
  isAdvertised: false,
};
const ours6: FoundRoute = {
  ...defaultRoute("6", "fd02::1", "net1"),
  metric: 1,
  isAdvertised: false,
};

test.each([
  ["both stand", dual, [ours4, ours6], undefined],
  ["a worse one of another's is beside it", dual, [ours4, eth6, ours6, { ...eth4, metric: 50 }], undefined],
  ["it is gone", v4, [], /IPv4 is to go by 10\.2\.0\.1 on net1, and there is none/],
  ["it goes elsewhere", v4, [eth4], /it is "default via 10\.1\.0\.1 dev eth0"/],
  ["a better one has come", v6, [ours6, { ...eth6, metric: 0 }], /it is "default via fd01::1 dev eth0/],
  ["the other family is nobody's business", v4, [ours4, net6], undefined],
  ["none of the interface's own", none, [eth4, eth6], undefined],
  ["an advertised one has come back", none, [{ ...net6, isAdvertised: true }], undefined],
  [
    "the interface has one again",
    none,
    [eth4, net4],
    /by net1 have been taken away, and there is "default via 10\.2\.0\.9 dev net1"/,
  ],
])("CHECK: %s", (_case, plan, now, drift) => {
  const outcome = requireRoutes(plan, now);
  if (drift === undefined) expect(outcome).toEqual({ ok: true, value: undefined });
  else
    expect(outcome).toMatchObject({
      ok: false,
      error: { id: "route.drift", code: 105, msg: expect.stringMatching(drift) },
    });
});
