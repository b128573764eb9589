import { describe, expect, test } from "vitest";
import { stableMac } from "../../hash.ts";
import { del } from "../del.ts";
import type { FlatCall } from "../flat-testing.ts";
import { added, addTo, run, scene, type VerbScene, web } from "../simulation/verb-scene.ts";
import type { Holding } from "./holding.ts";
import { keysOf } from "./keys.ts";
import { audit, holdingAt } from "./pool-testing.ts";

const own = stableMac("net", "ns/web/eth0", 0);
const wanted = "02:00:00:00:00:77";
const asking = { ...web, more: { runtimeConfig: { mac: wanted } } };
const db = { containerId: "c9", pod: "ns/db" };

function webs(at: VerbScene): Holding | undefined {
  expect(audit("net", at.memory.entries())).toEqual([]);
  return holdingAt(at.memory.entries(), keysOf("net").own("ns/web/eth0"));
}

describe("the MAC address of a claim", () => {
  async function told(at: VerbScene, call: Omit<FlatCall, "verb">) {
    return (await added(at, { ...call, more: { runtimeConfig: { tellMac: true } } })).interfaces;
  }

  test("is told to who asks for it, each time, and to nobody else", async () => {
    const at = scene();
    expect(await told(at, web)).toEqual([{ name: "eth0", mac: own, sandbox: "/ns" }]);
    expect(await told(at, web)).toEqual([{ name: "eth0", mac: own, sandbox: "/ns" }]);
    expect(await added(at, web)).not.toHaveProperty("interfaces");
  });

  test("is not taken for an asked one when the main plugin repeats it", async () => {
    const at = scene();
    await added(at, { ...web, more: { runtimeConfig: { mac: own } } });
    expect(webs(at)).toMatchObject({ mac: own });
    expect(webs(at)).not.toHaveProperty("macAsked");
  });

  test("is that of what the sandbox has: another one where its pod's address is in use elsewhere", async () => {
    const at = scene();
    await added(at, { ...web, ipam: { node: "node2" } });
    const ipam = { onLiveElsewhere: "new-ip" };
    const [one] = (await told(at, { ...web, containerId: "c2", ipam })) as { mac: string }[];
    expect(one?.mac).toBe(stableMac("net", "container:c2/eth0", 0));
  });
});

describe("a MAC address that is asked for", () => {
  test.each<[string, Omit<FlatCall, "verb">]>([
    ["runtimeConfig.mac", { ...web, more: { runtimeConfig: { mac: "02-00-00-00-00-77" } } }],
    ["args.cni.mac", { ...web, more: { args: { cni: { mac: wanted } } } }],
    ["CNI_ARGS MAC", { ...web, args: "MAC=0200.0000.0077" }],
    [
      "runtimeConfig.mac goes before",
      {
        ...asking,
        args: "MAC=02:00:00:00:00:01",
        more: { ...asking.more, args: { cni: { mac: "02:00:00:00:00:02" } } },
      },
    ],
  ])("%s: it is recorded in one spelling", async (_place, call) => {
    const at = scene();
    await added(at, call);
    expect(webs(at)).toMatchObject({ mac: wanted, macAsked: true });
    expect(at.memory.entries().some(({ key }) => key === keysOf("net").mac(own))).toBe(false);
  });

  test("is the sandbox's, and free when it is gone; the next has its identity's again", async () => {
    const at = scene();
    const before = await added(at, asking);
    await run(at, del, web);
    expect(webs(at)).toMatchObject({ state: "held", mac: "" });
    await added(at, { ...db, more: asking.more });
    expect(await added(at, { ...web, containerId: "c2" })).toEqual(before);
    expect(webs(at)).toMatchObject({ mac: own });
  });

  test("of a sandbox that the next one takes over from: each has what it asks for", async () => {
    const at = scene();
    await added(at, web);
    await added(at, { ...asking, containerId: "c2" });
    expect(webs(at)).toMatchObject({ mac: wanted, containerId: "c2" });
    await added(at, { ...asking, containerId: "c3" });
    expect(webs(at)).toMatchObject({ mac: wanted, containerId: "c3" });
    await added(at, { ...web, containerId: "c4" });
    expect(webs(at)).toMatchObject({ mac: own, containerId: "c4" });
    expect(webs(at)).not.toHaveProperty("macAsked");
  });

  test.each([
    ["another's own", own, web],
    ["asked for by another", wanted, asking],
  ])("%s: refused, with its owner's name, and nothing is written", async (_what, mac, first) => {
    const at = scene();
    await added(at, first);
    const before = at.memory.entries();
    const outcome = await addTo(at, { ...db, more: { runtimeConfig: { mac } } });
    expect(outcome).toMatchObject({ ok: false, error: { code: 106, id: "ipam.mac-taken" } });
    expect(!outcome.ok && outcome.error.msg).toContain("ns/web/eth0");
    expect(at.memory.entries()).toEqual(before);
  });

  test("another's own, before that one comes: that one has the next", async () => {
    const at = scene();
    await added(at, { ...db, more: { runtimeConfig: { mac: own } } });
    await added(at, web);
    expect(webs(at)).toMatchObject({ mac: stableMac("net", "ns/web/eth0", 1) });
  });

  test.each([7, "xx:yy", "02:00"])("%j is none: refused", async (mac) => {
    const outcome = await addTo(scene(), { ...web, more: { runtimeConfig: { mac } } });
    expect(outcome).toMatchObject({ ok: false, error: { id: "ipam.config" } });
  });
});

test.each([
  ["", true],
  ["identity", true],
  ["none", true],
  ["pod", false],
])("ipam.mac %j: %s", async (mac, isOk) => {
  expect((await addTo(scene(), { ...web, ipam: { mac } })).ok).toBe(isOk);
});
