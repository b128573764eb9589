import { describe, expect, test } from "vitest";
import { must } from "../../../sys/outcome-testing.ts";
import { createMemoryStore, type MemoryStore } from "../store/memory-store.ts";
import type { Op } from "../store/store.ts";
import { type Holding, parseHolding, printHolding } from "./holding.ts";
import { codeOf, keysOf } from "./keys.ts";
import { audit, holdingAt } from "./pool-testing.ts";
import { type Release, type ReleaseRequest, release, releaseKnown } from "./release.ts";
import { keysOfHolding } from "./stored.ts";

const keys = keysOf("p");
const nowMs = 1_700_000_000_000;
const hourMs = 3_600_000;
const ip = (last: number): string => codeOf("4", 0x0a000000n + BigInt(last));

function holding(change: Partial<Holding> = {}): Holding {
  return {
    identity: "ns/web/eth0",
    state: "live",
    containerId: "c1",
    ifname: "eth0",
    node: "n1",
    network: "net",
    addresses: [ip(7), codeOf("6", 7n)],
    mac: "02:00:00:00:00:07",
    generation: 3,
    sinceMs: nowMs - 1000,
    history: [],
    ...change,
  };
}

function request(change: Partial<ReleaseRequest> = {}): ReleaseRequest {
  return { keys, node: "n1", containerId: "c1", ifname: "eth0", holdMs: hourMs, nowMs, ...change };
}

async function write(store: MemoryStore, ...holdings: readonly Holding[]): Promise<void> {
  for (const each of holdings) {
    const puts = keysOfHolding(keys, each).map(
      (key): Op => ({ kind: "put", key, value: printHolding(each) }),
    );
    await store.txn({ compare: [], success: puts, failure: [] });
  }
}

async function storeWith(...holdings: readonly Holding[]): Promise<MemoryStore> {
  const store = createMemoryStore();
  await write(store, ...holdings);
  return store;
}

/** `between` happens before the question of this number is answered. */
async function finish(
  store: MemoryStore,
  start: Release,
  between: Readonly<Record<number, () => Promise<unknown>>> = {},
): Promise<Release["kind"]> {
  let step = start;
  for (let number = 0; step.kind === "ask"; number++) {
    await between[number]?.();
    const reply = must(await store.txn(step.txn));
    step = step.next(reply);
  }
  return step.kind;
}

const own = (store: MemoryStore): Holding | undefined => holdingAt(store.entries(), keys.own("ns/web/eth0"));

describe("DEL", () => {
  test("with a hold: the addresses wait for their identity, in two round trips", async () => {
    const store = await storeWith(holding({ uid: "u1" }));
    const before = store.roundTrips();
    expect(await finish(store, release(request()))).toBe("released");
    expect(store.roundTrips() - before).toBe(2);
    expect(own(store)).toEqual({
      ...holding(),
      state: "held",
      sinceMs: nowMs,
      heldUntilMs: nowMs + hourMs,
      history: [{ what: "released", identity: "ns/web/eth0", containerId: "c1", node: "n1", atMs: nowMs }],
    });
    expect(audit("p", store.entries())).toEqual([]);
    expect(store.entries().map(({ key }) => key)).toContain(keys.hold(nowMs + hourMs, "ns/web/eth0"));
  });

  test.each<[string, Partial<ReleaseRequest>, Partial<Holding>, Partial<Holding> | undefined]>([
    ["hold 0: nothing is left", { holdMs: 0 }, {}, undefined],
    ["hold for ever", { holdMs: undefined }, {}, { state: "held" }],
    ["a container instead of a pod: nothing is left", {}, { identity: "container:c1/eth0" }, undefined],
    ["a reservation: reserved again", { holdMs: 0 }, { reserved: true }, { state: "reserved" }],
    ["out of quarantine", {}, { state: "quarantine" }, { state: "held" }],
  ])("%s", async (_what, change, before, after) => {
    const store = await storeWith(holding(before));
    expect(await finish(store, release(request(change)))).toBe("released");
    expect(audit("p", store.entries())).toEqual([]);
    const { identity } = holding(before);
    const left = holdingAt(store.entries(), keys.own(identity));
    if (after === undefined) expect(store.entries()).toEqual([]);
    else expect(left).toMatchObject(after);
    expect(left?.heldUntilMs === undefined).toBe(
      change.holdMs === undefined && "holdMs" in change ? true : left?.state !== "held",
    );
    expect(store.entries().some(({ key }) => key.startsWith("att/"))).toBe(false);
  });

  test.each<[string, Partial<ReleaseRequest>]>([
    ["of another container", { containerId: "c0" }],
    ["of another interface", { ifname: "net1" }],
    ["of another node", { node: "n2" }],
    ["that was called before the container was attached anew", { claimedUntilMs: nowMs - 1001 }],
  ])("%s changes nothing", async (_what, change) => {
    const store = await storeWith(holding());
    const before = store.entries();
    expect(await finish(store, release(request(change)))).toBe("nothing");
    expect(store.entries()).toEqual(before);
  });

  test("repeated, it changes nothing", async () => {
    const store = await storeWith(holding());
    await finish(store, release(request()));
    const before = store.entries();
    expect(await finish(store, release(request({ nowMs: nowMs + 5 })))).toBe("nothing");
    expect(store.entries()).toEqual(before);
  });

  test("late, after its pod's next sandbox took over, it changes nothing", async () => {
    const store = await storeWith(holding({ containerId: "c2", generation: 4 }));
    const before = store.entries();
    expect(await finish(store, release(request()))).toBe("nothing");
    expect(store.entries()).toEqual(before);
  });

  test("what is taken over between its questions is not freed", async () => {
    const store = await storeWith(holding());
    const next = holding({ containerId: "c2", generation: 4 });
    const takeOver = async (): Promise<void> => {
      await store.txn({
        compare: [],
        success: [{ kind: "delete", key: keys.att("n1", "c1", "eth0") }],
        failure: [],
      });
      await write(store, next);
    };
    expect(await finish(store, release(request()), { 1: takeOver })).toBe("nothing");
    expect(own(store)).toEqual(next);
  });

  test("what changes between its questions and is still its own is freed", async () => {
    const store = await storeWith(holding());
    const change = async (): Promise<void> => await write(store, holding({ reserved: true }));
    expect(await finish(store, release(request({ holdMs: 0 })), { 1: change })).toBe("released");
    expect(own(store)).toMatchObject({ state: "reserved" });
  });
});

describe("a holding whose keys do not agree", () => {
  const stranger = holding({ identity: "a/b/eth0", containerId: "o1", mac: "02:00:00:00:00:09" });

  test("only what is still its own is freed, and nothing is held", async () => {
    const store = await storeWith(holding());
    // Somebody wrote over the first address and the identity's own record.
    for (const key of [`ip/p/${ip(7)}`, keys.own("ns/web/eth0")]) {
      await store.txn({
        compare: [],
        success: [{ kind: "put", key, value: printHolding(stranger) }],
        failure: [],
      });
    }
    expect(await finish(store, release(request()))).toBe("released");
    expect(store.entries().map(({ key }) => key)).toEqual([`ip/p/${ip(7)}`, keys.own("ns/web/eth0")]);
  });

  test.each([
    ["that cannot be understood", "?"],
    ["that names another container", printHolding(stranger)],
  ])("a container's record %s goes alone", async (_what, value) => {
    const store = await storeWith(stranger);
    const before = store.entries();
    const key = keys.att("n1", "c1", "eth0");
    await store.txn({ compare: [], success: [{ kind: "put", key, value }], failure: [] });
    expect(await finish(store, release(request()))).toBe("released");
    expect(store.entries()).toEqual(before);
  });
});

describe("expired holds", () => {
  const old = (n: number, ms: number): Holding =>
    holding({
      identity: `a/b${n}/eth0`,
      containerId: `o${n}`,
      addresses: [ip(100 + n)],
      mac: `02:00:00:00:01:${n}0`,
      state: "held",
      heldUntilMs: nowMs + ms,
    });
  const owners = (store: MemoryStore): string[] =>
    store
      .entries()
      .flatMap(({ key, value }) => (key.startsWith("own/") ? (parseHolding(value)?.identity ?? []) : []));

  test("the four oldest go with a release, what is held still does not", async () => {
    const store = await storeWith(
      holding(),
      old(1, -1),
      old(2, -2),
      old(3, -3),
      old(4, -4),
      old(5, -5),
      old(6, 1),
    );
    await finish(store, release(request({ holdMs: 0 })));
    expect(owners(store)).toEqual(["a/b1/eth0", "a/b6/eth0"]);
    expect(audit("p", store.entries())).toEqual([]);
  });

  test("one whose identity came back meanwhile stays, and the release is done", async () => {
    const store = await storeWith(holding(), old(1, -1), old(2, -2));
    const back = async (): Promise<void> => {
      const gone: Op = { kind: "delete", key: keys.hold(nowMs - 1, "a/b1/eth0") };
      await store.txn({ compare: [], success: [gone], failure: [] });
      const { heldUntilMs: _heldUntilMs, ...rest } = old(1, 0);
      await write(store, { ...rest, state: "live" });
    };
    expect(await finish(store, release(request({ holdMs: 0 })), { 1: back })).toBe("released");
    expect(owners(store)).toEqual(["a/b1/eth0"]);
    expect(audit("p", store.entries())).toEqual([]);
  });
});

describe("GC", () => {
  test("what was judged is freed in one round trip", async () => {
    const store = await storeWith(holding());
    const known = { holding: holding(), modRevision: store.entries()[0]?.modRevision ?? "" };
    const before = store.roundTrips();
    expect(await finish(store, releaseKnown(request(), known))).toBe("released");
    expect(store.roundTrips() - before).toBe(1);
    expect(own(store)?.state).toBe("held");
  });

  test("what changed since it was judged is left alone, though it is the same container's", async () => {
    const store = await storeWith(holding());
    const known = { holding: holding(), modRevision: store.entries()[0]?.modRevision ?? "" };
    await write(store, holding({ generation: 4 }));
    const before = store.entries();
    expect(await finish(store, releaseKnown(request(), known))).toBe("nothing");
    expect(store.entries()).toEqual(before);
  });
});
