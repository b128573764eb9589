import { describe, expect, test } from "vitest";
import type { CniResult } from "../../cni/types.ts";
import { createFake } from "../../sys/fake.ts";
import { check } from "./check.ts";
import { del } from "./del.ts";
import { type FlatCall, invocationOf } from "./flat-testing.ts";
import { gc } from "./gc.ts";
import { keysOf } from "./pool/keys.ts";
import { audit, holdingAt } from "./pool/pool-testing.ts";
import {
  added,
  addressesOf,
  addTo,
  away,
  run,
  scene,
  tiny,
  type VerbScene,
  web,
} from "./simulation/verb-scene.ts";
import { status } from "./status.ts";
import type { StoreFault } from "./store/store.ts";
import type { OpenStore } from "./teardown-config.ts";

describe("ADD", () => {
  test("answers with one address of each range set, in order, its gateway, routes and DNS, and no interface", async () => {
    const ipam = {
      ranges: [[{ subnet: "fd00::/64" }], [{ subnet: "10.60.0.0/24", gateway: "10.60.0.254" }]],
      routes: [{ dst: "0.0.0.0/0", gw: "10.60.0.254" }],
      dns: { nameservers: ["10.60.0.53"] },
    };
    const result = await added(scene(), { ...web, ipam });
    expect(result).toEqual({
      ips: [
        { address: expect.stringMatching(/^fd00::.*\/64$/), gateway: "fd00::1" },
        { address: expect.stringMatching(/^10\.60\.0\.\d+\/24$/), gateway: "10.60.0.254" },
      ],
      routes: [{ dst: "0.0.0.0/0", gw: "10.60.0.254" }],
      dns: { nameservers: ["10.60.0.53"] },
    });
  });

  test("tells no gateway where there is none, and that of the range that gives the address", async () => {
    const half = { subnet: "10.60.0.0/24", rangeEnd: "10.60.0.2", gateway: "none" };
    const rest = { subnet: "10.60.0.0/24", rangeStart: "10.60.0.250", gateway: "10.60.0.254" };
    const ipam = { ranges: [[half, rest], [{ subnet: "fd00::/64", gateway: false }]] };
    const given = async (ip: string) => {
      const args = `IP=${ip}`;
      return await added(scene(), { ...web, ipam, args });
    };
    expect((await given("10.60.0.1")).ips).toEqual([
      { address: "10.60.0.1/24" },
      { address: expect.stringMatching(/^fd00::/) },
    ]);
    expect((await given("10.60.0.251")).ips?.[0]).toEqual({
      address: "10.60.0.251/24",
      gateway: "10.60.0.254",
    });
  });

  test("the same pod in another sandbox keeps its address, another container of no pod does not", async () => {
    const at = scene();
    const first = await added(at, web);
    await run(at, del, web);
    expect(await added(at, { ...web, containerId: "c2" })).toEqual(first);
    const bare = await added(at, { containerId: "c3" });
    await run(at, del, { containerId: "c3" });
    expect(at.memory.entries().some(({ key }) => key.includes("c3"))).toBe(false);
    expect(addressesOf(await added(at, { containerId: "c4" }))).not.toEqual(addressesOf(bare));
  });

  test(`identity "container": nothing is kept of a pod`, async () => {
    const at = scene();
    const ipam = { identity: "container" };
    await added(at, { ...web, ipam });
    await run(at, del, { ...web, ipam });
    expect(at.memory.entries().map(({ key }) => key)).toEqual([expect.stringMatching(/^pool\/net\/def\//)]);
  });

  test("repeated after the pool was moved to another network, it answers as before", async () => {
    const at = scene();
    const first = await added(at, { ...web, ipam: { ranges: tiny } });
    expect(await added(at, { ...web, ipam: { ranges: [[{ subnet: "10.9.0.0/24" }]] } })).toEqual(first);
    for (const { key } of at.memory.entries().filter((each) => each.key.startsWith("pool/")))
      await at.memory.txn({ compare: [], success: [{ kind: "delete", key }], failure: [] });
    const lost = await addTo(at, { ...web, ipam: { ranges: [[{ subnet: "10.9.0.0/24" }]] } });
    const bare = scene();
    const none = await added(bare, {
      ...web,
      ipam: { ranges: [[{ subnet: "10.8.0.0/24", gateway: "none" }]] },
    });
    expect(none.ips?.[0]).not.toHaveProperty("gateway");
    expect(await added(bare, { ...web, ipam: { ranges: [[{ subnet: "10.9.0.0/24" }]] } })).toEqual(none);
    expect(lost).toMatchObject({ ok: false, error: { id: "ipam.pool-changed" } });
  });

  test("nodes that disagree about the pool are told so, until GC forgets what nobody uses", async () => {
    const at = scene();
    await added(at, web);
    const other = { ranges: [[{ subnet: "10.60.0.0/23" }]] };
    await added(at, { containerId: "c2", pod: "ns/db", ipam: other });
    expect(at.fake.warnings).toEqual([
      expect.stringContaining("nodes disagree about the ranges of pool net"),
    ]);
    at.fake.machine.clock.advance(3_600_001);
    await added(at, { containerId: "c3", pod: "ns/mq", ipam: other });
    const valid = ["c1", "c2", "c3"].map((containerID) => ({ containerID, ifname: "eth0" }));
    expect(
      await run(at, gc, { containerId: "", ipam: other, more: { "cni.dev/valid-attachments": valid } }),
    ).toMatchObject({ ok: true });
    expect(at.memory.entries().filter(({ key }) => key.startsWith("pool/"))).toHaveLength(1);
    await added(at, { containerId: "c4", pod: "ns/x", ipam: other });
    expect(at.fake.warnings).toHaveLength(2);
  });

  test("exhausted: it says who has the pool, what is held longest, and what to do", async () => {
    const at = scene();
    const ipam = { ranges: [[{ subnet: "10.0.0.0/29", exclude: ["10.0.0.6"] }]] };
    for (const pod of ["a/1", "a/2", "b/1"])
      await added(at, { containerId: `c-${pod.replace("/", "-")}`, pod, ipam });
    await run(at, del, { containerId: "c-a-1", pod: "a/1", ipam });
    await added(at, { containerId: "c4", pod: "b/2", ipam });
    const outcome = await addTo(at, { containerId: "c5", pod: "c/1", ipam });
    expect(outcome).toMatchObject({ ok: false, error: { code: 106, id: "ipam.pool-exhausted" } });
    const { msg, details } = outcome.ok ? { msg: "", details: "" } : outcome.error;
    expect(msg).toBe(
      "claim an address for c/1/eth0: pool net has none left in range set 0: 10.0.0.1-10.0.0.6",
    );
    expect(details).toContain("All 4 are taken, 2 more are excluded or gateways.");
    expect(details).toContain("3 used, 1 held for pods that are gone.");
    expect(details).toContain("Most have: a (2), b (2).");
    expect(details).toMatch(/held for a\/1\/eth0, at 2023-11-15T/);
    expect(details).toContain("hawser ipam show --pool net");
  });

  test.each<[StoreFault["kind"], number, string]>([
    ["unreachable", 11, "ipam.store-unreachable"],
    ["unknown", 11, "ipam.store-unreachable"],
    ["refused", 106, "ipam.store-refused"],
  ])("the store is %s", async (kind, code, id) => {
    const at = scene();
    at.fault = { ...away, kind };
    const outcome = await addTo(at, web);
    expect(outcome).toMatchObject({ ok: false, error: { code, id } });
    expect(!outcome.ok && outcome.error.details).toMatch(/^Start it\./);
  });

  test("a pod that cannot be one is refused", async () => {
    const outcome = await addTo(scene(), { containerId: "c1", pod: "ns/../x" });
    expect(outcome).toMatchObject({ ok: false, error: { code: 4, id: "ipam.identity" } });
  });
});

describe("the MAC address of an identity", () => {
  const asking = { ...web, more: { runtimeConfig: { tellMac: true } } };
  const macOf = (result: CniResult): string | undefined => result.interfaces?.[0]?.mac;

  test("is told to who asks for it, and to nobody else", async () => {
    const at = scene();
    const { interfaces, ...rest } = await added(at, asking);
    const mac = holdingAt(at.memory.entries(), keysOf("net").own("ns/web/eth0"))?.mac;
    expect(mac).toMatch(/^02(:[0-9a-f]{2}){5}$/);
    expect(interfaces).toEqual([{ name: "eth0", mac, sandbox: "/ns" }]);
    expect(await added(at, web)).toEqual(rest);
    for (const tellMac of [false, "true", 1, null])
      expect(await added(at, { ...web, more: { runtimeConfig: { tellMac } } })).toEqual(rest);
  });

  test("can be asked before the interface is made: the main plugin's own ADD takes one round trip, and changes nothing", async () => {
    const at = scene();
    const first = await added(at, asking);
    const before = at.memory.entries();
    const trips = at.memory.roundTrips();
    expect((await added(at, web)).ips).toEqual(first.ips);
    expect(at.memory.roundTrips() - trips).toBe(1);
    expect(at.memory.entries()).toEqual(before);
    expect(await added(at, asking)).toEqual(first);
  });

  test("stays with a pod over its sandboxes and nodes, and is another one's for no time", async () => {
    const at = scene();
    const macs = new Set<string | undefined>();
    for (const [containerId, node] of [
      ["c1", "node1"],
      ["c2", "node1"],
      ["c3", "node2"],
    ] as const) {
      const call = { ...asking, containerId, ipam: { node } };
      macs.add(macOf(await added(at, call)));
      await run(at, del, call);
    }
    expect(macs.size).toBe(1);
    expect(macs.has(macOf(await added(at, { ...asking, containerId: "c4", pod: "ns/db" })))).toBe(false);
  });

  test("is kept when its holding is gone, and with each interface another", async () => {
    const at = scene();
    const ipam = { hold: "0" };
    const first = macOf(await added(at, { ...asking, ipam }));
    await run(at, del, { ...web, ipam });
    expect(macOf(await added(at, { ...asking, containerId: "c2", ipam }))).toBe(first);
    expect(macOf(await added(at, { ...asking, containerId: "c2", ifname: "net1", ipam }))).not.toBe(first);
  });
});

describe("clocks that are wrong", () => {
  const hourMs = 3_600_000;
  const ipam = { hold: "30m" };
  const own = keysOf("net").own("ns/web/eth0");
  /** A node whose clock is behind or ahead. The clock of its store is right. */
  const off = (at: VerbScene, offMs: number): VerbScene => {
    const open: OpenStore = async (sys) => ({
      ...at.memory,
      txn: async (txn) => {
        const reply = await at.memory.txn(txn);
        return reply.ok ? { ok: true, value: { ...reply.value, atMs: sys.clock.nowMs() - offMs } } : reply;
      },
    });
    const fake = createFake();
    fake.machine.clock.advance(offMs);
    return { ...at, fake, open };
  };
  const rightMs = scene().fake.sys.clock.nowMs();
  const untilOf = (at: VerbScene): number => holdingAt(at.memory.entries(), own)?.heldUntilMs ?? 0;

  test.each<[string, number, (at: VerbScene) => Promise<unknown>]>([
    ["DEL, an hour behind", -hourMs, (at) => run(at, del, { ...web, ipam })],
    [
      "GC, an hour behind",
      -hourMs,
      (at) => run(at, gc, { containerId: "", ipam, more: { "cni.dev/valid-attachments": [] } }),
    ],
    ["DEL, by a right clock", 0, (at) => run(at, del, { ...web, ipam })],
  ])("%s: the hold begins now", async (_what, offMs, release) => {
    const node = off(scene(), offMs);
    await added(node, { ...web, ipam });
    await release(node);
    expect(untilOf(node) - rightMs - hourMs / 2).toBeGreaterThanOrEqual(0);
    expect(untilOf(node) - rightMs - hourMs / 2).toBeLessThan(1000);
  });

  test.each<[string, number, boolean]>([
    ["an hour ahead", hourMs, false],
    ["right", 0, false],
    ["right, when it is over", 0, true],
  ])("a pool that is full gives nobody's hold to a node whose clock is %s", async (_what, offMs, isOver) => {
    const at = off(scene(), 0);
    const small = { ...ipam, ranges: tiny };
    const held = addressesOf(await added(at, { containerId: "c1", pod: "ns/p1", ipam: small }))[0];
    for (let n = 2; n <= 5; n++) await added(at, { containerId: `c${n}`, pod: `ns/p${n}`, ipam: small });
    await run(at, del, { containerId: "c1", pod: "ns/p1", ipam: small });
    // The address is given neither by a search nor by its name.
    for (const args of ["", `IP=${held}`]) {
      const thief = off(at, offMs);
      if (isOver) thief.fake.machine.clock.advance(hourMs);
      const outcome = await addTo(thief, { containerId: "c9", pod: "ns/p9", ipam: small, args });
      expect(outcome.ok).toBe(isOver);
    }
  });
});

describe("a node that was renamed", () => {
  const renamed = { ...web, ipam: { node: "node9" } };

  test("its containers are found by their owners: ADD answers as before, CHECK passes, DEL frees", async () => {
    const at = scene();
    const had = await added(at, web);
    const prevResult = { cniVersion: "1.1.0", ips: had.ips };
    expect(await run(at, check, { ...renamed, more: { prevResult } })).toMatchObject({ ok: true });
    expect(await added(at, renamed)).toEqual(had);
    expect(await run(at, check, { ...renamed, more: { prevResult } })).toMatchObject({ ok: true });
    expect(await run(at, del, renamed)).toMatchObject({ ok: true });
    expect(at.memory.entries().filter(({ key }) => key.startsWith("att/"))).toEqual([]);
    expect(audit("net", at.memory.entries())).toEqual([]);
  });

  test.each<[string, Record<string, unknown>]>([
    ["of a pod", {}],
    ["of its own", { identity: "container" }],
  ])(
    "DEL of a container with an address %s frees it under its former name, and of no other",
    async (_what, more) => {
      const at = scene();
      await added(at, { ...web, ipam: more });
      await added(at, { containerId: "c2", pod: "ns/db", ipam: more });
      expect(await run(at, del, { ...web, ipam: { ...more, node: "node9" } })).toMatchObject({ ok: true });
      const left = at.memory.entries().filter(({ key }) => key.startsWith("att/"));
      expect(left.map(({ key }) => key)).toEqual([keysOf("net").att("node1", "c2", "eth0")]);
      expect(audit("net", at.memory.entries())).toEqual([]);
    },
  );

  test("a late DEL of a sandbox that was replaced changes nothing", async () => {
    const at = scene();
    await added(at, web);
    await added(at, { ...web, containerId: "c2" });
    const before = at.memory.entries();
    expect(await run(at, del, renamed)).toMatchObject({ ok: true });
    expect(at.memory.entries()).toEqual(before);
  });
});

describe("CHECK", () => {
  async function inspected(
    change: (at: VerbScene) => Promise<unknown>,
    ips?: string[],
    ipam: FlatCall["ipam"] = {},
  ) {
    const at = scene();
    const result = await added(at, web);
    await change(at);
    const prevResult = {
      cniVersion: "1.1.0",
      ips: (ips ?? addressesOf(result)).map((address) => ({ address })),
    };
    return await run(at, check, { ...web, ipam, more: { prevResult } });
  }
  const nothing = async (): Promise<void> => {};

  test("all is as ADD left it", async () => {
    expect(await inspected(nothing)).toMatchObject({ ok: true });
  });

  test.each<[string, (at: VerbScene) => Promise<unknown>, string[] | undefined, string]>([
    ["the record is gone", (at) => run(at, del, web), undefined, "it has nothing in pool net"],
    [
      "a newer sandbox has it",
      (at) => addTo(at, { ...web, containerId: "c2" }),
      undefined,
      "it has nothing in pool net",
    ],
    ["prevResult has another address", nothing, ["10.60.0.250/24"], "which prevResult does not have"],
    ["prevResult has none", nothing, [], "which prevResult does not have"],
  ])("drift: %s", async (_what, change, ips, why) => {
    const outcome = await inspected(change, ips);
    expect(outcome).toMatchObject({ ok: false, error: { code: 105, id: "ipam.drift" } });
    expect(!outcome.ok && outcome.error.msg).toContain(why);
  });

  test("drift: the address belongs to someone else, with a newer generation", async () => {
    const outcome = await inspected(async (at) => {
      const entry = at.memory.entries().find(({ key }) => key.startsWith("ip/"));
      const value = (entry?.value ?? "")
        .replace('"generation":1', '"generation":2')
        .replaceAll("ns/web/eth0", "ns/db/eth0");
      await at.memory.txn({
        compare: [],
        success: [{ kind: "put", key: entry?.key ?? "", value }],
        failure: [],
      });
    });
    expect(!outcome.ok && outcome.error.msg).toMatch(
      /ip\/net\/4\w+ is live for ns\/db\/eth0, .* generation 2/,
    );
  });

  test("an address of another plugin in prevResult is none of ours", async () => {
    const at = scene();
    const ips = [...addressesOf(await added(at, web)), "192.168.7.7/24"].map((address) => ({ address }));
    const call = { ...web, more: { prevResult: { cniVersion: "1.1.0", ips } } };
    expect(await run(at, check, call)).toMatchObject({ ok: true });
    at.fault = away;
    expect(await run(at, check, call)).toMatchObject({
      ok: false,
      error: { code: 11, id: "ipam.store-unreachable" },
    });
  });
});

describe("STATUS", () => {
  const ipam = { ranges: tiny, hold: "1m", notReadyWhen: ["full"] };
  async function full(): Promise<VerbScene> {
    const at = scene();
    for (let n = 1; n <= 5; n++) await added(at, { containerId: `c${n}`, pod: `ns/p${n}`, ipam });
    return at;
  }

  test("room left, none left, and room again when a hold is over", async () => {
    const at = await full();
    const exhausted = { ok: false, error: { code: 50, id: "ipam.pool-exhausted" } };
    const outcome = await run(at, status, { containerId: "", ipam });
    expect(outcome).toMatchObject(exhausted);
    expect(!outcome.ok && outcome.error.details).toContain("range set 0: 5 of 5 taken");
    await run(at, del, { containerId: "c1", ipam });
    expect(await run(at, status, { containerId: "", ipam })).toMatchObject(exhausted);
    at.fake.machine.clock.advance(60_001);
    expect(await run(at, status, { containerId: "", ipam })).toMatchObject({ ok: true });
  });

  test.each<[string, StoreFault | undefined, Record<string, unknown>, string]>([
    ["no store", away, { notReadyWhen: ["unreachable"] }, "ipam.store-unreachable"],
    ["a wrong configuration", undefined, { ranges: [] }, "ipam.config"],
  ])("%s", async (_what, fault, change, id) => {
    const at = scene();
    at.fault = fault;
    expect(await run(at, status, { containerId: "", ipam: change })).toMatchObject({
      ok: false,
      error: { code: 50, id },
    });
  });
});

describe("STATUS, unless the operator says otherwise, is ready, and says on stderr", () => {
  test.each<[string, string[] | undefined]>([
    ["nothing said", undefined],
    ["only the other", ["unreachable"]],
  ])("that the pool is full: %s", async (_what, notReadyWhen) => {
    const at = scene();
    const ipam = { ranges: tiny, notReadyWhen };
    for (let n = 1; n <= 5; n++) await added(at, { containerId: `c${n}`, pod: `ns/p${n}`, ipam });
    expect(await run(at, status, { containerId: "", ipam })).toMatchObject({ ok: true });
    expect(at.fake.warnings).toEqual([
      expect.stringMatching(/pool net has no address left.*does not name "full".*\[ipam\.pool-exhausted\]$/),
    ]);
  });

  test.each<[string, StoreFault, string]>([
    ["away", away, "ipam.store-unreachable"],
    ["refusing", { ...away, kind: "refused" }, "ipam.store-refused"],
  ])("that the store is %s", async (_what, fault, id) => {
    const at = scene();
    at.fault = fault;
    expect(await run(at, status, { containerId: "", ipam: { notReadyWhen: ["full"] } })).toMatchObject({
      ok: true,
    });
    expect(at.fake.warnings).toEqual([expect.stringContaining(`"unreachable". [${id}]`)]);
  });
});

describe("GC", () => {
  const listing = (...ids: string[]) => ({
    "cni.dev/valid-attachments": ids.map((containerID) => ({ containerID, ifname: "eth0" })),
  });
  const live = (at: VerbScene): string[] =>
    at.memory
      .entries()
      .flatMap(({ key }) => (key.startsWith("att/") ? [key.split("/").slice(2).join("/")] : []));

  test("only what this node's containers of this network have, and are not listed with", async () => {
    const at = scene();
    const shared = { pool: "shared" };
    const containers = [
      { containerId: "c1", pod: "ns/1", ipam: shared },
      { containerId: "c2", pod: "ns/2", ipam: shared },
      { containerId: "c2", pod: "ns/2", ifname: "net1", ipam: shared },
      { containerId: "c3", pod: "ns/3", ipam: { ...shared, node: "node2" } },
      { containerId: "c4", pod: "ns/4", network: "other", ipam: shared },
    ];
    for (const each of containers) await added(at, each);
    const outcome = await run(at, gc, { containerId: "", ipam: shared, more: listing("c2") });
    expect(outcome).toMatchObject({ ok: true });
    expect(live(at)).toEqual(["node1/c2/eth0", "node1/c4/eth0", "node2/c3/eth0"]);
    expect(audit("shared", at.memory.entries())).toEqual([]);
  });

  test("without a list nothing is known to be invalid; with an empty one everything is", async () => {
    const at = scene();
    await added(at, web);
    await run(at, gc, { containerId: "" });
    expect(live(at)).toHaveLength(1);
    await run(at, gc, { containerId: "", more: listing() });
    expect(live(at)).toEqual([]);
    // An address that GC has collected waits for its pod, as after DEL.
    expect(holdingAt(at.memory.entries(), keysOf("net").own("ns/web/eth0"))?.state).toBe("held");
  });

  test("more than a page of them, though the ranges have become invalid", async () => {
    const at = scene();
    for (let n = 0; n < 300; n++)
      await added(at, { containerId: `c${n}`, ipam: { ranges: [[{ subnet: "10.0.0.0/16" }]] } });
    const outcome = await run(at, gc, {
      containerId: "",
      ipam: { ranges: "?" },
      more: listing("c7", "c299"),
    });
    expect(outcome).toMatchObject({ ok: true });
    expect(live(at)).toEqual(["node1/c299/eth0", "node1/c7/eth0"]);
  });

  test("what it judged and is claimed anew before it can be freed, stays", async () => {
    const at = scene();
    await added(at, web);
    let requests = 0;
    const racing: OpenStore = async () => ({
      ...at.memory,
      txn: async (txn) => {
        requests += 1;
        // The change comes between the list and the release.
        if (requests === 2) {
          await run(at, del, web);
          await added(at, web);
        }
        return await at.memory.txn(txn);
      },
    });
    await gc(at.fake.sys, invocationOf({ verb: "GC", containerId: "", more: listing() }), racing);
    expect(live(at)).toEqual(["node1/c1/eth0"]);
  });

  test("no store", async () => {
    const at = scene();
    at.fault = away;
    const outcome = await run(at, gc, { containerId: "", more: listing() });
    expect(outcome).toMatchObject({ ok: false, error: { code: 11, id: "ipam.store-unreachable" } });
  });
});
