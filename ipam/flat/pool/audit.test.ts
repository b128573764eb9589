import { describe, expect, test } from "vitest";
import type { MemoryStore } from "../store/memory-store.ts";
import { put, remove } from "../store/store.ts";
import { auditDefinitions, auditEntries, auditRanges, lookAgain } from "./audit.ts";
import { auditNode, type NodeAttachment } from "./audit-node.ts";
import { nobody, printHolding } from "./holding.ts";
import { changeAsSeen } from "./operator.ts";
import { contradictions, finish, holdingOf, ip, keys, nowMs, pool, storeWith, tell } from "./pool-testing.ts";
import { keysOfHolding, storedOf } from "./stored.ts";

const live = holdingOf(2);
const held = holdingOf(3, { state: "held", heldUntilMs: nowMs + 1000 });

const entriesIn = (store: MemoryStore) => store.entries().filter(({ key }) => key !== keys.def("d"));
const findings = (store: MemoryStore) => auditEntries(keys, entriesIn(store));

async function change(store: MemoryStore, ...success: readonly ReturnType<typeof put | typeof remove>[]) {
  await tell(store, { compare: [], success, failure: [] });
}

describe("the store against itself", () => {
  test.each(keysOfHolding(keys, live))("without %s: all keys are written anew", async (key) => {
    const store = await storeWith(live, held);
    await change(store, remove(key));
    const [finding, ...more] = findings(store);
    expect(more).toEqual([]);
    expect(finding).toMatchObject({ kind: "keys-disagree", about: live.identity, wrong: { missing: [key] } });
    if (finding?.repair === undefined) throw new Error("it has a repair");
    expect(await finish(store, changeAsSeen(finding.repair))).toEqual({ kind: "done" });
    expect(contradictions(store)).toEqual([]);
    expect(entriesIn(store).map((entry) => entry.key)).toEqual(
      expect.arrayContaining(keysOfHolding(keys, live)),
    );
  });

  test("what is left of an address that waited is removed", async () => {
    const store = await storeWith(held);
    await change(store, remove(keys.own(held.identity)), remove(keys.ip(ip(3))));
    const [finding] = findings(store);
    expect(finding).toMatchObject({ kind: "keys-disagree", isRemains: true });
    if (finding?.repair === undefined) throw new Error("it has a repair");
    await finish(store, changeAsSeen(finding.repair));
    expect(entriesIn(store)).toEqual([]);
  });

  test("a key of two owners is left to a person", async () => {
    const store = await storeWith(live);
    await change(store, put(keys.ip(ip(2)), printHolding(holdingOf(4, { addresses: [ip(2)] }))));
    const two = findings(store).find(({ kind }) => kind === "two-owners");
    expect(two).toMatchObject({ foreign: [{ key: keys.ip(ip(2)), identity: "ns/pod4/eth0" }] });
    expect(two).not.toHaveProperty("repair");
  });

  test("a value that is no holding is told with its address", async () => {
    const store = await storeWith();
    await change(store, put(keys.ip(ip(9)), "?"), put(keys.mac("02:00:00:00:00:09"), "?"));
    expect(findings(store)).toMatchObject([
      { kind: "unreadable", code: ip(9) },
      { kind: "unreadable", code: undefined, key: keys.mac("02:00:00:00:00:09") },
    ]);
  });

  test("a second look finds nothing where only the pages disagreed", async () => {
    const store = await storeWith(live);
    const half = entriesIn(store).slice(1);
    const [finding] = auditEntries(keys, half);
    if (finding === undefined) throw new Error("the half disagrees");
    const looked = await finish(
      store,
      lookAgain(finding, (entries) => auditEntries(keys, entries)),
    );
    expect(looked).toEqual({ kind: "looked", findings: [] });
  });
});

test("ranges: an address that they do not give, but not one that is reserved from everybody", () => {
  const range = { family: "4", first: 0x0a000002n, last: 0x0a000003n, gateway: 0x0a000003n } as const;
  const subnet = { address: { family: "4", value: 0x0a000000n }, prefix: 24 } as const;
  const sets = [[{ ...range, subnet, excluded: [], place: "" }]];
  const kept = holdingOf(9, { identity: nobody("10.0.0.9"), state: "reserved" });
  const found = auditRanges(sets, [live, holdingOf(3), holdingOf(7), kept]);
  expect(found.map((each) => each.kind === "outside" && [each.code, each.why])).toEqual([
    [ip(3), "gateway"],
    [ip(7), "outside"],
  ]);
});

test("definitions: one is as it should be, of two the others can go where one is ours", () => {
  const definition = (key: string, isOurs: boolean) => ({ key, modRevision: "1", value: "", isOurs });
  expect(auditDefinitions(pool, [definition("a", true)])).toEqual([]);
  const [found] = auditDefinitions(pool, [definition("a", true), definition("b", false)]);
  expect(found?.repair?.success).toEqual([remove("b")]);
  const [nobodys] = auditDefinitions(pool, [definition("a", false), definition("b", false)]);
  expect(nobodys).not.toHaveProperty("repair");
});

describe("the store against the node", () => {
  const place = { name: pool, keys, node: "n1", holdMs: 0 };
  const attached: NodeAttachment = { ...live, codes: live.addresses };
  const view = { attached: [attached], valid: undefined, nowMs };
  const seen = (store: MemoryStore) => entriesIn(store).map(storedOf);

  test("what agrees is no finding", async () => {
    expect(auditNode(place, seen(await storeWith(live)), view)).toEqual([]);
  });

  test("an attachment that the store has lost is recorded again", async () => {
    const store = await storeWith();
    const [finding] = auditNode(place, [], view);
    expect(finding).toMatchObject({ kind: "lost", owner: undefined });
    if (finding?.repair === undefined) throw new Error("it has a repair");
    await finish(store, changeAsSeen(finding.repair));
    expect(contradictions(store)).toEqual([]);
    expect(auditNode(place, seen(store), view)).toEqual([]);
  });

  test("one whose address is another's is left to a person", async () => {
    const store = await storeWith(holdingOf(4, { addresses: [ip(2)], node: "n2" }));
    const [finding] = auditNode(place, seen(store), view);
    expect(finding).toMatchObject({ kind: "lost", owner: "ns/pod4/eth0" });
    expect(finding).not.toHaveProperty("repair");
  });

  test("one that was given another address drifted", async () => {
    const found = auditNode(place, seen(await storeWith(live)), {
      ...view,
      attached: [{ ...attached, codes: [ip(8)] }],
    });
    expect(found).toMatchObject([{ kind: "drift", recorded: [ip(2)] }]);
  });

  test("a container that the runtime does not list is freed, as it was seen", async () => {
    const store = await storeWith(live);
    const [finding] = auditNode(place, seen(store), { ...view, attached: [], valid: new Set() });
    expect(finding?.kind).toBe("leaked");
    if (finding?.repair === undefined) throw new Error("it has a repair");
    await finish(store, changeAsSeen(finding.repair));
    expect(entriesIn(store)).toEqual([]);
  });

  test("a container that no record names is a warning where hawser attaches others", async () => {
    const found = auditNode(place, seen(await storeWith(live, holdingOf(4))), view);
    expect(found).toMatchObject([{ kind: "unknown", about: "c4/eth0" }]);
  });
});
