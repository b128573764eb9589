import { execFileSync } from "node:child_process";
import { beforeEach, describe, expect, test } from "vitest";
import type { Verb } from "../../../cni/version.ts";
import { addNamespace, type Bed, type BedNamespace, useBed } from "../../../tools/testbed/bed.ts";
import { answerOf, call, errorOf, expectSilence } from "../../../tools/testbed/call.ts";
import { type Executable, suite } from "../../../tools/testbed/executables.ts";
import { linkNames, type PrintedResult } from "../../../tools/testbed/kernel-state.ts";
import { leftovers } from "../../../tools/testbed/leftovers.ts";
import { annotated, bridge, define, hawser } from "../../../tools/testbed/networks.ts";

/** Real namespaces and bridges. The tests follow the pod's default routes, which must come back in the end. */

interface Routed extends PrintedResult {
  readonly routes?: readonly { dst: string; gw?: string }[];
}

/** A bridge with an address of each family. With `isDefault` its plugin adds default routes. */
function dualBridge(bed: Bed, net: number, isDefault: boolean): Record<string, unknown> {
  const ranges = [[{ subnet: `10.${net}.0.0/24` }], [{ subnet: `fd${net}::/64` }]];
  const routes = isDefault ? [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] : [];
  return bridge(bed, net, { ranges, routes });
}

interface Told {
  readonly gateway?: string;
  readonly dev?: string;
  /** The next hops of IPv6 routes that have the same metric. */
  readonly nexthops?: readonly Told[];
}

/** Default routes as `10.71.0.1 eth0`, the best first. */
function defaults(namespace: string, family: 4 | 6): string[] {
  const args = ["-n", namespace, "-j", `-${family}`, "route", "show", "default"];
  const text = execFileSync("ip", args, { encoding: "utf8" }).trim();
  const list = JSON.parse(text === "" ? "[]" : text) as Told[];
  return list.flatMap((route) => route.nexthops ?? [route]).map(({ gateway, dev }) => `${gateway} ${dev}`);
}

function asked(...networks: object[]): string {
  return JSON.stringify(networks);
}

const storage = (...gateways: string[]) => ({ name: "storage", "default-route": gateways });

suite("default routes of a pod whose primary is hawser's", ["root", "bridge", "host-local"], (executable) => {
  const bed = useBed({ node: true });

  beforeEach(() => {
    define(bed(), "storage", dualBridge(bed(), 72, false));
    define(bed(), "backup", dualBridge(bed(), 73, true));
  });

  function configuration(networks: string, more: object = {}): Record<string, unknown> {
    return annotated(hawser(bed(), { delegate: dualBridge(bed(), 71, true), ...more }), networks);
  }

  test.each([
    ["IPv4", ["10.72.0.1"], ["10.72.0.1 net1"], ["fd71::1 eth0"]],
    ["IPv6", ["fd72::1"], ["10.71.0.1 eth0"], ["fd72::1 net1"]],
    ["both families", ["fd72::1", "10.72.0.1"], ["10.72.0.1 net1"], ["fd72::1 net1"]],
    ["neither", [], ["10.71.0.1 eth0"], ["fd71::1 eth0"]],
  ])("by a secondary: %s", async (_case, gateways, v4, v6) => {
    const pod = addNamespace(bed());
    const config = configuration(asked(storage(...gateways)));
    const result = await add(bed(), executable, config, pod);
    expect([defaults(pod.name, 4), defaults(pod.name, 6)]).toEqual([v4, v6]);
    const told = (result.routes ?? []).filter(({ dst }) => dst.endsWith("/0")).map(({ gw }) => gw);
    expect(told.sort()).toEqual([...v4, ...v6].map((each) => each.split(" ")[0]).sort());
    await expectSilent("CHECK", { ...config, prevResult: result }, pod);
    await expectSilent("DEL", config, pod);
    expect(linkNames(pod.name)).toEqual([]);
    expect(leftovers(bed())).toEqual([]);
  });

  test.each([false, true])(
    "a network that is to have none, another's stays; parallel: %s",
    async (parallel) => {
      const pod = addNamespace(bed());
      const own = { cniVersion: "1.1.0", ...dualBridge(bed(), 71, false) };
      const networks = asked(
        { name: "backup", "default-route": [] },
        { name: "storage", "default-route": ["fd72::1"] },
      );
      const config = configuration(networks, { delegate: own, parallel });
      const result = await add(bed(), executable, config, pod);
      expect([defaults(pod.name, 4), defaults(pod.name, 6)]).toEqual([[], ["fd72::1 net2"]]);
      await expectSilent("CHECK", { ...config, prevResult: result }, pod);
      await expectSilent("DEL", config, pod);
      expect(leftovers(bed())).toEqual([]);
    },
  );

  test("CHECK tells when the pod's default route goes elsewhere", async () => {
    const pod = addNamespace(bed());
    const config = configuration(asked(storage("10.72.0.1")));
    const prevResult = await add(bed(), executable, config, pod);
    execFileSync("ip", ["-n", pod.name, "route", "replace", "default", "via", "10.71.0.1", "dev", "eth0"]);
    const ended = await call(bed(), executable, {
      verb: "CHECK",
      config: { ...config, prevResult },
      netns: pod.path,
    });
    const { code, msg, details = "" } = errorOf(ended);
    // Our bridge misses its own default route, too.
    expect([code, `${msg} ${details}`]).toEqual([
      105,
      expect.stringContaining("is to go by 10.72.0.1 on net1"),
    ]);
  });

  test.each([
    [
      "two gateways of a family",
      [storage("10.72.0.1"), { name: "backup", "default-route": ["10.73.0.1"] }],
      103,
      "route.several",
    ],
    ["a gateway that cannot be reached", [storage("10.99.0.1")], 108, "route.refused"],
    ["an IPv6 gateway that cannot be reached", [storage("fd99::1")], 108, "route.refused"],
  ])("%s: refused, and nothing is left", async (_case, networks, code, id) => {
    const pod = addNamespace(bed());
    const ended = await call(bed(), executable, {
      verb: "ADD",
      config: configuration(asked(...networks)),
      netns: pod.path,
    });
    expect(errorOf(ended)).toMatchObject({ code, details: expect.stringContaining(`[${id}]`) });
    expect(linkNames(pod.name)).toEqual([]);
    expect(leftovers(bed())).toEqual([]);
  });

  test("a gateway of a family that the network gives no address of is refused", async () => {
    define(bed(), "old", bridge(bed(), 74));
    const pod = addNamespace(bed());
    const config = configuration(asked({ name: "old", "default-route": ["fd72::1"] }));
    const error = errorOf(await call(bed(), executable, { verb: "ADD", config, netns: pod.path }));
    expect(error).toMatchObject({ code: 103, details: expect.stringContaining("[route.family]") });
    expect(leftovers(bed())).toEqual([]);
  });

  async function expectSilent(verb: Verb, config: object, { path }: BedNamespace): Promise<void> {
    expectSilence(await call(bed(), executable, { verb, config, netns: path }));
  }
});

suite(
  "default routes of a pod whose primary is another plugin's",
  ["root", "bridge", "host-local"],
  (executable) => {
    const bed = useBed({ node: true });
    const before = [["10.71.0.1 eth0"], ["fd71::1 eth0"]];
    const now = (pod: BedNamespace) => [defaults(pod.name, 4), defaults(pod.name, 6)];

    describe.each([
      ["both families", ["10.72.0.1", "fd72::1"], [["10.72.0.1 net1"], ["fd72::1 net1"]], []],
      ["IPv4 alone", ["10.72.0.1"], [["10.72.0.1 net1"], ["fd71::1 eth0", "fd72::1 net1"]], []],
      ["an empty list", [], before, [{ dst: "0.0.0.0/0", gw: "10.71.0.1" }]],
    ])("%s", (_case, gateways, during, told) => {
      test("are moved by ADD, and as they were after DEL, and after a second one", async () => {
        const pod = addNamespace(bed());
        const config = chained(bed(), pod, asked(storage(...gateways)));
        const result = await add(bed(), executable, config, pod);
        // Two routes of the same metric are in no order.
        expect(now(pod).map((each) => each.sort())).toEqual(during);
        expect(result.routes ?? []).toEqual(told);
        for (const verb of ["DEL", "DEL"] as const) {
          expectSilence(await call(bed(), executable, { verb, config, netns: pod.path }));
          expect(now(pod)).toEqual(before);
        }
        const mtu = execFileSync("ip", ["-n", pod.name, "-4", "route", "show", "default"], {
          encoding: "utf8",
        });
        expect(mtu).toContain("mtu 1400");
        expect(leftovers(bed())).toEqual([]);
      });
    });

    test("are as they were after an ADD that the kernel refused", async () => {
      const pod = addNamespace(bed());
      const config = chained(bed(), pod, asked(storage("fd72::1", "10.99.0.1")));
      const error = errorOf(await call(bed(), executable, { verb: "ADD", config, netns: pod.path }));
      expect(error.msg).toContain(`add the pod's route "default via 10.99.0.1 dev net1"`);
      expect(now(pod)).toEqual(before);
      expect(linkNames(pod.name)).toEqual(["eth0", "eth0-peer"]);
      expect(leftovers(bed())).toEqual([]);
    });

    test("that a router advertises stay, and lose", async () => {
      const pod = addNamespace(bed());
      const config = chained(bed(), pod, asked(storage("fd72::1")));
      const advertised = ["default", "via", "fd71::9", "dev", "eth0", "proto", "ra", "metric", "512"];
      execFileSync("ip", ["-n", pod.name, "-6", "route", "add", ...advertised]);
      const prevResult = await add(bed(), executable, config, pod);
      expect(defaults(pod.name, 6)).toEqual(["fd72::1 net1", "fd71::9 eth0"]);
      const told = { ...config, prevResult };
      expectSilence(await call(bed(), executable, { verb: "CHECK", config: told, netns: pod.path }));
      expectSilence(await call(bed(), executable, { verb: "DEL", config, netns: pod.path }));
      expect(defaults(pod.name, 6)).toEqual(["fd71::9 eth0", "fd71::1 eth0"]);
    });

    test("are no hindrance to a DEL whose namespace is gone", async () => {
      const pod = addNamespace(bed());
      const config = chained(bed(), pod, asked(storage("10.72.0.1")));
      await add(bed(), executable, config, pod);
      for (const netns of ["/var/run/netns/gone", ""]) {
        expectSilence(await call(bed(), executable, { verb: "DEL", config, netns }));
      }
      expect(leftovers(bed())).toEqual([]);
    });
  },
);

/** The pod as the plugin before hawser has made it: it has a default route of each family, and one of them has its own MTU. */
function chained(bed: Bed, pod: BedNamespace, networks: string): Record<string, unknown> {
  const run = (...args: string[]) => execFileSync("ip", ["-n", pod.name, ...args]);
  run("link", "add", "eth0", "type", "veth", "peer", "name", "eth0-peer");
  for (const link of ["eth0", "eth0-peer"]) run("link", "set", link, "up");
  run("address", "add", "10.71.0.5/24", "dev", "eth0");
  run("address", "add", "fd71::5/64", "dev", "eth0", "nodad");
  run("route", "add", "default", "via", "10.71.0.1", "dev", "eth0", "mtu", "1400");
  run("route", "add", "default", "via", "fd71::1", "dev", "eth0");
  define(bed, "storage", dualBridge(bed, 72, true));
  const prevResult = {
    cniVersion: "1.1.0",
    interfaces: [{ name: "eth0", sandbox: pod.path }],
    ips: [{ address: "10.71.0.5/24", interface: 0 }],
    routes: [{ dst: "0.0.0.0/0", gw: "10.71.0.1" }],
  };
  return { ...annotated(hawser(bed), networks), prevResult };
}

async function add(
  bed: Bed,
  executable: Executable,
  config: object,
  { path }: BedNamespace,
): Promise<Routed> {
  return answerOf<Routed>(await call(bed, executable, { verb: "ADD", config, netns: path }));
}
