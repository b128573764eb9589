import { describe, expect, test } from "vitest";
import { fail } from "../../sys/outcome.ts";
import { add } from "./add.ts";
import { del } from "./del.ts";
import { invocationOf } from "./flat-testing.ts";
import { gc } from "./gc.ts";
import { keysOf } from "./pool/keys.ts";
import { holdingAt } from "./pool/pool-testing.ts";
import {
  added,
  addressesOf,
  addTo,
  away,
  journal,
  run,
  scene,
  type VerbScene,
  web,
} from "./simulation/verb-scene.ts";
import type { Store, Txn } from "./store/store.ts";

describe("DEL while the store is away", () => {
  async function journalled(): Promise<VerbScene> {
    const at = scene();
    await added(at, { ...web, ipam: { hold: "0" } });
    at.fault = away;
    const outcome = await run(at, del, { ...web, ipam: { hold: "0" } });
    expect(outcome).toMatchObject({ ok: false, error: { code: 11, id: "ipam.store-unreachable" } });
    expect(!outcome.ok && outcome.error.details).toContain("journalled on this node");
    expect(at.fake.machine.disk.paths()).toContain(`${journal}/net/c1@eth0.json`);
    at.fault = undefined;
    return at;
  }
  const gone = (at: VerbScene): void => {
    expect(at.memory.entries().filter(({ key }) => key.includes("web") || key.includes("c1"))).toEqual([]);
    expect(at.fake.machine.disk.paths().filter((path) => path.endsWith(".json"))).toEqual([]);
  };
  const other = { containerId: "c9", pod: "ns/other" };

  test.each<[string, (at: VerbScene) => Promise<unknown>]>([
    ["its retry", (at) => run(at, del, { ...web, ipam: { hold: "0" } })],
    ["another container's ADD", (at) => addTo(at, other)],
    ["another container's DEL", (at) => run(at, del, other)],
    ["GC, even without a list", (at) => run(at, gc, { containerId: "" })],
  ])("%s does it", async (_what, next) => {
    const at = await journalled();
    expect(await next(at)).toMatchObject({ ok: true });
    gone(at);
  });

  test("the same container's next ADD does it first, and what it claims then is not released any more", async () => {
    const at = await journalled();
    const result = await added(at, web);
    expect(addressesOf(result)).toHaveLength(1);
    await addTo(at, other);
    expect(holdingAt(at.memory.entries(), keysOf("net").att("node1", "c1", "eth0"))?.generation).toBe(1);
  });

  test("the same container's next ADD fails as long as it cannot be done", async () => {
    const at = await journalled();
    at.fault = away;
    expect(await addTo(at, web)).toMatchObject({ ok: false, error: { code: 11 } });
    expect(at.fake.machine.disk.paths()).toContain(`${journal}/net/c1@eth0.json`);
  });

  test("an entry that came back from the dead frees nothing that was claimed after it", async () => {
    const at = await journalled();
    const entry = at.fake.machine.disk.read(`${journal}/net/c1@eth0.json`);
    await added(at, web);
    // Another process had read the journal before.
    const text = entry.ok ? entry.value : "";
    at.fake.machine.disk.write(`${journal}/net/c1@eth0.json`, text, { mode: 0o600 });
    expect(await addTo(at, other)).toMatchObject({ ok: true });
    expect(holdingAt(at.memory.entries(), keysOf("net").att("node1", "c1", "eth0"))?.state).toBe("live");
    expect(at.fake.machine.disk.paths().filter((path) => path.endsWith(".json"))).toEqual([]);
  });

  test("a journal that cannot be written either is told", async () => {
    const at = scene();
    await added(at, web);
    at.fault = away;
    for (let effect = 0; effect < 30; effect++) at.fake.failAt(effect, "ENOSPC");
    const outcome = await run(at, del, web);
    expect(outcome).toMatchObject({ ok: false, error: { code: 11 } });
    expect(!outcome.ok && outcome.error.details).toContain("could not be journalled either");
  });

  test("a damaged entry is moved aside, and GC frees what it was for", async () => {
    const at = await journalled();
    at.fake.machine.disk.write(`${journal}/net/c1@eth0.json`, "{", { mode: 0o600 });
    expect(await addTo(at, other)).toMatchObject({ ok: true });
    expect(at.fake.warnings).toEqual([expect.stringContaining("is damaged")]);
    const valid = [{ containerID: "c9", ifname: "eth0" }];
    await run(at, gc, { containerId: "", ipam: { hold: "0" }, more: { "cni.dev/valid-attachments": valid } });
    expect(at.memory.entries().filter(({ key }) => key.includes("web"))).toEqual([]);
  });
});

describe("ADD is given up, and its claim is done later all the same", () => {
  const entry = `${journal}/net/c1@eth0.json`;
  const ipam = { hold: "0" };

  /** The claim reaches the store when `arrive` is called. */
  async function givenUp(): Promise<{ at: VerbScene; arrive: () => Promise<void> }> {
    const at = scene();
    const late: Txn[] = [];
    const { txn } = at.memory;
    const lossy: Store = {
      ...at.memory,
      txn: async (each) => {
        if (each.compare.length > 0) late.push(each);
        return fail(each.compare.length > 0 ? { ...away, kind: "unknown" } : away);
      },
    };
    at.fake.machine.clock.advance(1);
    const call = invocationOf({ ...web, ipam, verb: "ADD" });
    const outcome = await add(at.fake.sys, call, async () => lossy);
    expect(outcome).toMatchObject({ ok: false, error: { code: 11, id: "ipam.store-unreachable" } });
    expect(!outcome.ok && outcome.error.details).toContain("this node's next operation, or GC, frees it");
    expect(at.fake.machine.disk.paths()).toContain(entry);
    const [first] = late;
    if (first === undefined) throw new Error("nothing was claimed");
    // The store is new, so the claim that knows no definition yet would not be done.
    const isNew = { ...first, compare: first.compare.filter(({ kind }) => kind !== "present") };
    const arrive = async () =>
      expect(await txn(isNew)).toMatchObject({ ok: true, value: { succeeded: true } });
    return { at, arrive };
  }

  const isClaimed = (at: VerbScene) => at.memory.entries().some(({ key }) => key.startsWith("ip/"));

  test("this node's next operation frees it", async () => {
    const { at, arrive } = await givenUp();
    await arrive();
    expect(isClaimed(at)).toBe(true);
    await run(at, del, { containerId: "c9", pod: "ns/other" });
    expect(isClaimed(at)).toBe(false);
    expect(at.fake.machine.disk.paths()).not.toContain(entry);
  });

  test("the same container's next ADD frees it, and what that claims stays", async () => {
    const { at, arrive } = await givenUp();
    await arrive();
    const again = await added(at, { ...web, ipam });
    await run(at, del, { containerId: "c9", pod: "ns/other" });
    expect(at.memory.entries().some(({ key }) => key === keysOf("net").att("node1", "c1", "eth0"))).toBe(
      true,
    );
    expect(await added(at, { ...web, ipam })).toEqual(again);
  });

  test("it arrives when DEL has found nothing: GC frees it, and so does the pod's next sandbox", async () => {
    for (const remedy of ["GC", "next sandbox"]) {
      const { at, arrive } = await givenUp();
      expect(await run(at, del, { ...web, ipam })).toMatchObject({ ok: true });
      expect(at.fake.machine.disk.paths()).not.toContain(entry);
      await arrive();
      if (remedy === "GC")
        await run(at, gc, { containerId: "", ipam, more: { "cni.dev/valid-attachments": [] } });
      else await added(at, { ...web, containerId: "c2", ipam });
      expect(
        at.memory.entries().filter(({ key }) => key.includes("/c1/")),
        remedy,
      ).toEqual([]);
    }
  });

  test("what the container had before is still its own", async () => {
    const at = scene();
    await added(at, { ...web, ipam });
    const had = at.memory.entries();
    at.fault = { ...away, kind: "unknown" };
    expect(await addTo(at, { ...web, ipam })).toMatchObject({ ok: false });
    expect(at.fake.machine.disk.paths()).toContain(entry);
    at.fault = undefined;
    await run(at, del, { containerId: "c9", pod: "ns/other" });
    expect(at.fake.machine.disk.paths()).not.toContain(entry);
    expect(at.memory.entries()).toEqual(had);
  });
});
