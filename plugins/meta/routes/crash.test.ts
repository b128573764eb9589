import { describe, expect, test } from "vitest";
import { load, save } from "../../../cni/attachments.ts";
import { printJson } from "../../../cni/json.ts";
import type { CniResult } from "../../../cni/types.ts";
import {
  createMachine,
  exited,
  type FakeMachine,
  type FakeProcess,
  type Handler,
} from "../../../sys/fake.ts";
import { crashSites } from "../../../sys/fake-crashes.ts";
import { callIn, endOf, type TestedCall } from "../crash-testing.ts";
import { createPodNetwork, type PodNetwork } from "./pod-network-testing.ts";

/**
 * ADD and DEL of a pod that moves its default routes, chained behind another plugin, are stopped or fail at each effect.
 * Afterwards the other plugin's default routes are back, and nothing of ours is left.
 */

type RouteVerb = "ADD" | "DEL" | "CHECK";

interface Scene {
  readonly machine: FakeMachine;
  readonly pod: PodNetwork;
  readonly attached: Set<string>;
  readonly config: object;
}

const stateDir = "/var/lib/cni/hawser";
const netns = "/run/netns/pod";
const primarys = ["4 default via 10.1.0.1 dev eth0 mtu 1400", "6 default via fd01::1 dev eth0 metric 1024"];
const moved = ["4 default via 10.2.0.1 dev net1", "6 default via fd02::1 dev net1 metric 1"];
const key = { network: "pods", containerId: "victim", ifname: "eth0" };

interface SceneOptions {
  readonly parallel?: boolean;
  readonly asked?: object[];
  readonly hasIpv6?: boolean;
}

const bothFamilies = [{ name: "data", "default-route": ["10.2.0.1", "fd02::1"] }, { name: "other" }];

async function scene(options: SceneOptions = {}): Promise<Scene> {
  const { parallel = false, asked = bothFamilies, hasIpv6 = true } = options;
  const pod = await createPodNetwork(netns, { hasIpv6 });
  pod.add("eth0", hasIpv6 ? ["10.1.0.5/24", "fd01::5/64"] : ["10.1.0.5/24"]);
  pod.setRoutes(primarys.filter((route) => hasIpv6 || route.startsWith("4")));
  const attached = new Set<string>();
  const side: Handler = ({ env }) => {
    const { CNI_COMMAND: verb, CNI_IFNAME: ifname = "" } = env;
    if (verb === "DEL") {
      attached.delete(ifname);
      pod.remove(ifname);
    }
    if (verb !== "ADD") return exited(0, "");
    const own = `4 default via 10.2.0.99 dev ${ifname} metric ${50 + Number(ifname.slice(3))}`;
    attached.add(ifname);
    pod.add(ifname, hasIpv6 ? ["10.2.0.5/24", "fd02::5/64"] : ["10.2.0.5/24"]);
    if (!pod.routes().includes(own)) pod.setRoutes([...pod.routes(), own]);
    const ips = [{ address: "10.2.0.5/24" }, { address: "fd02::5/64" }];
    const result = { cniVersion: "1.1.0", interfaces: [{ name: ifname, sandbox: netns }], ips };
    return exited(0, printJson({ ...result, routes: [{ dst: "0.0.0.0/0", gw: "10.2.0.99" }] }));
  };
  const machine = createMachine({
    executables: { "/bin/cni/side": side },
    network: pod.network,
    files: {
      [netns]: "",
      "/net.d/default/data.json": printJson({ cniVersion: "1.1.0", name: "data", type: "side" }),
      "/net.d/default/other.json": printJson({ cniVersion: "1.1.0", name: "other", type: "side" }),
    },
  });
  const annotation = { "k8s.v1.cni.cncf.io/networks": printJson(asked as never) };
  const config = {
    cniVersion: "1.1.0",
    name: "pods",
    type: "hawser",
    definitionsDir: "/net.d",
    stateDir,
    parallel,
    result: "merged",
    runtimeConfig: { "io.kubernetes.cri.pod-annotations": annotation },
    prevResult: {
      cniVersion: "1.1.0",
      interfaces: [{ name: "eth0", sandbox: netns }],
      ips: [{ address: "10.1.0.5/24", interface: 0 }],
      routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }, { dst: "10.96.0.0/12" }],
    },
  };
  return { machine, pod, attached, config };
}

const callOf = (verb: RouteVerb, config: object): TestedCall => ({
  verb,
  containerId: key.containerId,
  config,
  variables: { CNI_NETNS: netns },
});
const call = (process: FakeProcess, verb: RouteVerb, config: object) => callIn(process, callOf(verb, config));
const ending = ({ machine, config }: Scene, process: FakeProcess, verb: RouteVerb) =>
  endOf(machine, process, callOf(verb, config));

async function succeed(made: Scene, verb: RouteVerb): Promise<unknown> {
  const outcome = await call(made.machine.spawn(), verb, made.config);
  expect(outcome, verb).toMatchObject({ ok: true });
  return outcome.ok ? outcome.value : undefined;
}

function expectAsBefore({ machine, pod, attached }: Scene, where: string): void {
  expect(pod.routes().sort(), where).toEqual([...primarys].sort());
  expect([...attached], where).toEqual([]);
  const names = machine.disk.list(`${stateDir}/pods`);
  expect(names.ok ? names.value.filter((name) => name.startsWith("victim")) : [], where).toEqual([]);
}

async function stage(verb: RouteVerb, parallel: boolean): Promise<Scene> {
  const made = await scene({ parallel });
  if (verb !== "ADD") await succeed(made, "ADD");
  return made;
}

async function effectsOf(verb: RouteVerb, parallel: boolean): Promise<readonly string[]> {
  const made = await stage(verb, parallel);
  const process = made.machine.spawn();
  expect(await ending(made, process, verb)).toBe("ok");
  return process.effects();
}

describe.each([false, true])("parallel: %s", (parallel) => {
  test("all is as planned, and as it was after DEL", async () => {
    const made = await scene({ parallel });
    const result = (await succeed(made, "ADD")) as CniResult;
    expect(made.pod.routes().sort()).toEqual(moved);
    expect(result.routes).toEqual([
      { dst: "10.96.0.0/12" },
      { dst: "0.0.0.0/0", gw: "10.2.0.1" },
      { dst: "::/0", gw: "fd02::1" },
    ]);
    const check = await call(made.machine.spawn(), "CHECK", {
      ...made.config,
      prevResult: { cniVersion: "1.1.0", ...result },
    });
    expect(check).toMatchObject({ ok: true });
    await succeed(made, "DEL");
    expectAsBefore(made, "after DEL");
  });

  describe.each(["ADD", "DEL"] as const)("%s", (verb) => {
    test("killed at any effect: DEL leaves all as it was", async () => {
      const effects = await effectsOf(verb, parallel);
      expect(effects.filter((effect) => effect.startsWith("netlink")).length).toBeGreaterThan(3);
      for (const { effect, point, where } of crashSites(effects)) {
        for (const powerLoss of [false, true]) {
          const which = `${where}, power loss: ${powerLoss}`;
          const made = await stage(verb, parallel);
          const process = made.machine.spawn();
          process.crashAt(effect, point);
          expect(await ending(made, process, verb), which).not.toBe("error");
          if (powerLoss) made.machine.crash({ lose: "unsynced" });
          await succeed(made, "DEL");
          expectAsBefore(made, which);
        }
      }
    });

    test("any effect failing: what could not be undone is undone by DEL", async () => {
      for (const [number, effect] of (await effectsOf(verb, parallel)).entries()) {
        const where = `${verb} with EIO at effect ${number}: ${effect}`;
        const made = await stage(verb, parallel);
        const process = made.machine.spawn();
        process.failAt(number, "EIO");
        const ended = await ending(made, process, verb);
        // A failed ADD undoes itself, because no DEL may come for it.
        if (verb === "ADD" && ended === "error")
          expect(made.pod.routes().sort(), where).toEqual([...primarys].sort());
        await succeed(made, "DEL");
        expectAsBefore(made, where);
      }
    });
  });
});

describe("ADD", () => {
  test.each([
    [
      "a gateway that the kernel refuses",
      { asked: [{ name: "data", "default-route": ["10.9.0.1"] }] },
      "route.refused",
      108,
    ],
    [
      "two gateways of a family",
      {
        asked: [
          { name: "data", "default-route": ["10.2.0.1"] },
          { name: "other", "default-route": ["10.2.0.1"] },
        ],
      },
      "route.several",
      103,
    ],
  ] as const)("with %s fails, and all is as it was", async (_case, options, id, code) => {
    const made = await scene(options as unknown as SceneOptions);
    const outcome = await call(made.machine.spawn(), "ADD", made.config);
    expect(outcome).toMatchObject({ ok: false, error: { id, code } });
    expectAsBefore(made, id);
  });

  test("changes no network where nobody asks for a default route", async () => {
    const made = await scene({ asked: [{ name: "data" }] });
    const process = made.machine.spawn();
    await call(process, "ADD", made.config);
    const effects = process.effects().filter((effect) => /^(run|netlink)/.test(effect));
    expect(effects).toEqual(["run /bin/cni/side ADD"]);
  });

  test("on a kernel without IPv6 takes IPv4's away, and refuses an IPv6 gateway", async () => {
    const made = await scene({ hasIpv6: false, asked: [{ name: "data", "default-route": [] }] });
    await succeed(made, "ADD");
    expect(made.pod.routes()).toEqual([primarys[0]]);
    const asking = await scene({ hasIpv6: false });
    const outcome = await call(asking.machine.spawn(), "ADD", asking.config);
    expect(outcome).toMatchObject({ ok: false, error: { id: "route.refused" } });
    expect(asking.pod.routes()).toEqual([primarys[0]]);
  });

  test("takes the own default routes of a network away that asks for none", async () => {
    const made = await scene({ asked: [{ name: "data", "default-route": [] }, { name: "other" }] });
    const result = (await succeed(made, "ADD")) as CniResult;
    expect(made.pod.routes().sort()).toEqual([
      primarys[0],
      "4 default via 10.2.0.99 dev net2 metric 52",
      primarys[1],
    ]);
    expect(result.routes).toEqual([
      { dst: "0.0.0.0/0", gw: "10.1.0.1" },
      { dst: "10.96.0.0/12" },
      { dst: "0.0.0.0/0", gw: "10.2.0.99" },
    ]);
  });
});

/** The routes of a record that hawser 0.1.0 has written, which ran iproute2. */
const oldRoutes = {
  plan: { gateways: [{ family: "4", address: "10.2.0.1", ifname: "net1" }], withdrawn: [] },
  removed: [
    { family: "4", words: primarys[0]?.split(" ").slice(1) ?? [], devices: ["eth0"] },
    { family: "6", words: primarys[1]?.split(" ").slice(1) ?? [], devices: ["eth0"] },
  ],
  added: [{ family: "4", words: ["default", "via", "10.2.0.1", "dev", "net1"], devices: ["net1"] }],
};

describe("DEL", () => {
  test("takes back what hawser 0.1.0 has recorded in the words of ip", async () => {
    const made = await scene();
    const record = { ...(await recordOf(made)), routes: oldRoutes };
    made.pod.setRoutes(["4 default via 10.2.0.1 dev net1"]);
    save(made.machine.spawn().sys, stateDir, key, record, "commit");
    await succeed(made, "DEL");
    expectAsBefore(made, "after DEL");
  });

  test.each([
    ["the namespace is gone", (made: Scene) => void made.machine.disk.remove(netns)],
    [
      "the routes have changed since",
      (made: Scene) => made.pod.setRoutes(["4 default via 10.1.0.1 dev eth0 mtu 1400"]),
    ],
  ])("succeeds although %s", async (_case, change) => {
    const made = await scene();
    await succeed(made, "ADD");
    change(made);
    await succeed(made, "DEL");
    expect([...made.attached]).toEqual([]);
  });

  test("gives up, with a warning, what the kernel refuses to restore", async () => {
    const refused = "default via 10.9.0.1 dev eth0";
    const made = await scene();
    const record = {
      ...(await recordOf(made)),
      routes: {
        plan: { gateways: [], withdrawn: [] },
        removed: [{ family: "4", words: refused.split(" "), devices: ["eth0"] }],
        added: [],
      },
    };
    save(made.machine.spawn().sys, stateDir, key, record, "commit");
    const process = made.machine.spawn();
    expect(await ending(made, process, "DEL")).toBe("ok");
    expect(process.warnings).toEqual([
      expect.stringMatching(/take back .*default via 10\.9\.0\.1.*ENETUNREACH/),
    ]);
  });
});

/** The record of an ADD without any request for routes, as an older hawser wrote it. */
async function recordOf(made: Scene) {
  const plain = { ...made.config, runtimeConfig: {}, networks: ["data"] };
  expect(await call(made.machine.spawn(), "ADD", plain)).toMatchObject({ ok: true });
  const found = load(made.machine.spawn().sys, stateDir, key);
  if (found.kind !== "record") throw new Error("there is no record");
  expect(found.record).not.toHaveProperty("routes");
  return found.record;
}

test("CHECK tells when the default route is another one", async () => {
  const made = await scene();
  const result = (await succeed(made, "ADD")) as CniResult;
  made.pod.setRoutes(primarys);
  const check = await call(made.machine.spawn(), "CHECK", {
    ...made.config,
    prevResult: { cniVersion: "1.1.0", ...result },
  });
  expect(check).toMatchObject({ ok: false, error: { id: "route.drift", code: 105 } });
});
