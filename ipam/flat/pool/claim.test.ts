import { describe, expect, test } from "vitest";
import { must } from "../../../sys/outcome-testing.ts";
import { stableMac } from "../../hash.ts";
import { createMemoryStore, type MemoryStore } from "../store/memory-store.ts";
import type { Compare, Op } from "../store/store.ts";
import { type Claim, type ClaimRequest, claim, hashed } from "./claim.ts";
import { claimTxn } from "./claim-txn.ts";
import { type Holding, printHolding } from "./holding.ts";
import { codeOf, keysOf } from "./keys.ts";
import { audit, holdingAt } from "./pool-testing.ts";
import { newSpace, type Space } from "./space.ts";
import { keysOfHolding, rewrite } from "./stored.ts";

const pool = "p";
const keys = keysOf(pool);
const nowMs = 1_700_000_000_000;

/** 10.0.0.`first` to 10.0.0.`last`. */
function v4(first: number, last: number): Space {
  return newSpace("4", [{ first: 0x0a000000n + BigInt(first), last: 0x0a000000n + BigInt(last) }]);
}

const v6 = newSpace("6", [{ first: 0xfdn << 120n, last: (0xfdn << 120n) + 99n }]);
const ip = (last: number): string => codeOf("4", 0x0a000000n + BigInt(last));

interface Who {
  readonly cid?: string;
  readonly identity?: string;
  readonly node?: string;
  readonly boot?: string;
}

function request(
  { cid = "c1", identity = "ns/web/eth0", node = "n1", boot }: Who,
  change: Partial<ClaimRequest> = {},
) {
  const spaces = change.spaces ?? [v4(2, 254)];
  return {
    keys,
    claimant: {
      ...{ pool, network: "net", identity, containerId: cid, ifname: "eth0", node, nowMs },
      ...(boot === undefined ? {} : { boot }),
    },
    definition: { hash: "d1", value: "{}" },
    spaces,
    onLiveElsewhere: "wait" as const,
    requested: spaces.map(() => undefined),
    ...change,
  };
}

async function finish(store: MemoryStore, start: Claim): Promise<Exclude<Claim, { kind: "ask" }>> {
  let step = start;
  while (step.kind === "ask") {
    const reply = must(await store.txn(step.txn));
    step = step.next(reply);
  }
  expect(audit(pool, store.entries())).toEqual([]);
  return step;
}

async function claimed(store: MemoryStore, who: Who, change: Partial<ClaimRequest> = {}): Promise<Holding> {
  const end = await finish(store, claim(request(who, change)));
  if (end.kind !== "claimed") throw new Error(`it ended in ${JSON.stringify(end)}`);
  return end.holding;
}

async function refused(store: MemoryStore, who: Who, change: Partial<ClaimRequest> = {}) {
  const end = await finish(store, claim(request(who, change)));
  if (end.kind !== "failed") throw new Error(`it ended in ${JSON.stringify(end)}`);
  return end.error;
}

function holding(change: Partial<Holding>): Holding {
  const identity = change.identity ?? "ns/web/eth0";
  return {
    identity,
    state: "live",
    containerId: "old",
    ifname: "eth0",
    node: "n1",
    network: "net",
    addresses: [ip(7)],
    mac: stableMac(pool, identity, 0),
    generation: 3,
    sinceMs: nowMs - 1000,
    history: [],
    ...change,
  };
}

/** A store in which the definition is known, with these holdings. */
async function storeWith(...holdings: readonly Holding[]): Promise<MemoryStore> {
  const store = createMemoryStore();
  const put = (key: string, value: string): Op => ({ kind: "put", key, value });
  await store.txn({ compare: [], success: [put(keys.def("d1"), "{}")], failure: [] });
  for (const each of holdings) {
    const puts = keysOfHolding(keys, each).map((key) => put(key, printHolding(each)));
    await store.txn({ compare: [], success: puts, failure: [] });
  }
  expect(audit(pool, store.entries())).toEqual([]);
  return store;
}

const heldUntil = (ms: number): Partial<Holding> => ({ state: "held", heldUntilMs: nowMs + ms });
const preferred = (identity: string, space: Space, n = 0): string => hashed(pool, identity, space, 0, n);

describe("round trips", () => {
  test.each<[string, Holding[], Who, number]>([
    ["a free preferred address", [], {}, 1],
    ["a known identity, held", [holding(heldUntil(1000))], {}, 2],
    ["a known identity, the sandbox before still there", [holding({})], { cid: "c2" }, 2],
    ["a repeated ADD", [holding({ containerId: "c1" })], {}, 1],
    [
      "two of three candidates are taken",
      [0, 1].map((n) =>
        holding({
          identity: `a/b${n}/e`,
          containerId: `o${n}`,
          addresses: [preferred("ns/web/eth0", v4(2, 254), n)],
        }),
      ),
      {},
      1,
    ],
  ])("%s", async (_what, holdings, who, expected) => {
    const store = await storeWith(...holdings);
    const before = store.roundTrips();
    await claimed(store, who);
    expect(store.roundTrips() - before).toBe(expected);
  });

  test("the first claim of a pool brings its definition, and costs one more", async () => {
    const store = createMemoryStore();
    await claimed(store, {});
    expect(store.roundTrips()).toBe(2);
    expect(store.entries().find(({ key }) => key === keys.def("d1"))?.value).toBe("{}");
  });
});

describe("what the identity has already", () => {
  test("nothing: the address of its hash, with a MAC address of its own", async () => {
    const store = await storeWith();
    const got = await claimed(store, {});
    expect(got.addresses).toEqual([preferred("ns/web/eth0", v4(2, 254))]);
    expect(got).toMatchObject({ generation: 1, state: "live", mac: stableMac(pool, "ns/web/eth0", 0) });
    expect(holdingAt(store.entries(), keys.mac(got.mac))).toEqual(got);
    // The store was lost: the same again.
    expect((await claimed(await storeWith(), { cid: "c9" })).addresses).toEqual(got.addresses);
  });

  test.each<[string, Partial<Holding>, Who]>([
    ["held", heldUntil(1000), {}],
    ["held too long, and not taken", heldUntil(-1000), {}],
    ["held for ever", { state: "held" }, {}],
    ["held since it was on another node", { ...heldUntil(1000), node: "n2" }, {}],
    ["live in the sandbox before, on this node", {}, { cid: "c2" }],
    ["reserved for it", { state: "reserved", containerId: "", node: "" }, {}],
  ])("%s: it keeps address and MAC, one generation on", async (_what, change, who) => {
    const former = holding({ ...change, mac: "02:11:22:33:44:55" });
    const store = await storeWith(former);
    const got = await claimed(store, who);
    expect(got).toMatchObject({ addresses: [ip(7)], mac: former.mac, generation: 4, state: "live" });
    expect(got.history.at(-1)).toMatchObject({
      what: "taken over",
      containerId: got.containerId,
      atMs: nowMs,
    });
    const expectedKeys = [keys.def("d1"), ...keysOfHolding(keys, got)].toSorted();
    expect(store.entries().map(({ key }) => key)).toEqual(expectedKeys);
  });

  test("a reservation is remembered as long as its addresses are used", async () => {
    const store = await storeWith(holding({ state: "reserved", containerId: "", node: "" }));
    expect((await claimed(store, {})).reserved).toBe(true);
    expect((await claimed(store, { cid: "c2" })).reserved).toBe(true);
    const other = await claimed(store, { cid: "c3" }, { requested: [ip(9)] });
    expect(other.reserved).toBeUndefined();
  });

  test("the container has it: the same again, though everything else has changed", async () => {
    const store = await storeWith(holding({ containerId: "c1" }));
    const before = store.entries();
    const got = await claimed(
      store,
      { cid: "c1", identity: "ns/renamed/eth0" },
      { spaces: [v4(100, 200)], requested: [ip(150)] },
    );
    expect(got).toEqual(holding({ containerId: "c1" }));
    expect(store.entries()).toEqual(before);
  });

  test("an address that the pool no longer gives is replaced", async () => {
    const store = await storeWith(holding(heldUntil(1000)));
    const got = await claimed(store, {}, { spaces: [v4(100, 200)] });
    expect(got.addresses).toEqual([preferred("ns/web/eth0", v4(100, 200))]);
    expect(store.entries().some(({ key }) => key === `ip/${pool}/${ip(7)}`)).toBe(false);
  });

  test("a range set that came new is added to what it keeps, one that went is dropped", async () => {
    const store = await storeWith(holding(heldUntil(1000)));
    const both = await claimed(store, {}, { spaces: [v4(2, 254), v6] });
    expect(both.addresses).toEqual([ip(7), hashed(pool, "ns/web/eth0", v6, 1, 0)]);
    const other = await claimed(store, { cid: "c2" }, { spaces: [v6, v4(2, 254)] });
    expect(other.addresses).toEqual(both.addresses.toReversed());
    expect((await claimed(store, { cid: "c3" }, { spaces: [v6] })).addresses).toEqual(
      both.addresses.slice(1),
    );
  });

  test("a record that cannot be understood is told, and nobody's to replace", async () => {
    const store = await storeWith();
    const key = keys.att("n1", "c1", "eth0");
    await store.txn({ compare: [], success: [{ kind: "put", key, value: "?" }], failure: [] });
    const start = claim(request({}));
    if (start.kind !== "ask") throw new Error("a claim begins with a question");
    const reply = await store.txn(start.txn);
    expect(reply.ok && start.next(reply.value)).toMatchObject({ error: { id: "ipam.store-damaged" } });
  });
});

describe("the container has it, but was attached", () => {
  const mine = { containerId: "c1", boot: "m1-b1" };

  test.each<[string, Partial<Holding>, Who, Partial<Holding>]>([
    ["in an earlier boot", mine, { boot: "m1-b2" }, { boot: "m1-b2" }],
    [
      "in an earlier boot, and is in quarantine",
      { ...mine, state: "quarantine" },
      { boot: "m1-b2" },
      { boot: "m1-b2" },
    ],
    ["under the node's former name", { ...mine, node: "n0" }, { boot: "m1-b1" }, { boot: "m1-b1" }],
    ["under the node's former name, by an older hawser", { containerId: "c1", node: "n0" }, {}, {}],
  ])("%s: it has the same again, recorded as it is now", async (_what, change, who, now) => {
    const store = await storeWith(holding(change));
    const got = await claimed(store, who, { spaces: [v4(100, 200)] });
    expect(got).toMatchObject({ ...now, state: "live", node: "n1", addresses: [ip(7)], sinceMs: nowMs });
    expect(got.history.at(-1)).toMatchObject({ what: "taken over", node: "n1", atMs: nowMs });
    expect(holdingAt(store.entries(), keys.att("n1", "c1", "eth0"))).toEqual(got);
    expect(store.entries().filter(({ key }) => key.startsWith("att/"))).toHaveLength(1);
  });

  test.each<[string, Partial<Holding>, Who]>([
    ["in this boot", mine, { boot: "m1-b1" }],
    ["on another machine of this name", mine, { boot: "m2-b2" }],
    ["by an older hawser, which records no boot", { containerId: "c1" }, { boot: "m1-b2" }],
    ["and this machine does not say which one it is", mine, {}],
  ])("%s: nothing is written", async (_what, change, who) => {
    const store = await storeWith(holding(change));
    const before = store.entries();
    expect(await claimed(store, who)).toEqual(holding(change));
    expect(store.entries()).toEqual(before);
  });

  test("in an earlier boot, and another key of it is damaged: told, and nothing is written", async () => {
    const store = await storeWith(holding(mine));
    const key = keys.mac(stableMac(pool, "ns/web/eth0", 0));
    await store.txn({ compare: [], success: [{ kind: "put", key, value: "?" }], failure: [] });
    const before = store.entries();
    let step = claim(request({ boot: "m1-b2" }));
    while (step.kind === "ask") {
      const reply = must(await store.txn(step.txn));
      step = step.next(reply);
    }
    expect(step).toMatchObject({ error: { id: "ipam.store-damaged" } });
    expect(store.entries()).toEqual(before);
  });
});

describe("the identity is live elsewhere", () => {
  const inQuarantine = (former: Holding): Holding => {
    const { identity, containerId } = former;
    const event = { what: "quarantined", identity, containerId, node: "n1", atMs: nowMs } as const;
    return { ...former, state: "quarantine", history: [event] };
  };

  test("wait: it goes into quarantine, once, under all of its keys", async () => {
    const former = holding({ node: "n2" });
    const store = await storeWith(former);
    const keysBefore = store.entries().map(({ key }) => key);
    const error = await refused(store, {});
    expect(error).toMatchObject({ code: 11, id: "ipam.live-elsewhere" });
    expect(error.msg).toContain("container old on node n2");
    expect(error.details).toContain("hawser ipam release 10.0.0.7 --force");
    const after = store.entries();
    expect(after.map(({ key }) => key)).toEqual(keysBefore);
    expect(holdingAt(after, keys.own("ns/web/eth0"))).toEqual(inQuarantine(former));
    expect(audit(pool, after)).toEqual([]);
    expect(await refused(store, { cid: "c2" })).toMatchObject({ id: "ipam.live-elsewhere" });
    expect(store.entries()).toEqual(after);
  });

  test("in quarantine on this very node: its own runtime knows that the next sandbox comes after it", async () => {
    const store = await storeWith(holding({ state: "quarantine" }));
    expect(await claimed(store, {})).toMatchObject({ state: "live", addresses: [ip(7)], generation: 4 });
  });

  test("the sandbox that is in quarantine asks again: it is told what it has", async () => {
    const former = holding({ state: "quarantine", containerId: "c1" });
    const store = await storeWith(former);
    expect(await claimed(store, {})).toEqual(former);
  });

  test("freed between the look and the quarantine: it is claimed", async () => {
    const store = await storeWith(holding({ node: "n2" }));
    let step = claim(request({}));
    for (let asked = 0; step.kind === "ask"; asked += 1) {
      const freed = rewrite(keys, [holding({ node: "n2" })], holding({ node: "n2", ...heldUntil(1000) }));
      if (asked === 1) await store.txn({ compare: [], success: freed, failure: [] });
      const reply = must(await store.txn(step.txn));
      step = step.next(reply);
    }
    expect(step).toMatchObject({ kind: "claimed", holding: { addresses: [ip(7)], generation: 4 } });
    expect(audit(pool, store.entries())).toEqual([]);
  });

  test("new-ip: the container gets an address of its own, and the pod's goes into quarantine", async () => {
    const former = holding({ node: "n2" });
    const store = await storeWith(former);
    const got = await claimed(store, {}, { onLiveElsewhere: "new-ip" });
    expect(got).toMatchObject({ identity: "container:c1/eth0", generation: 1 });
    expect(got.addresses).not.toEqual(former.addresses);
    expect(holdingAt(store.entries(), keys.own("ns/web/eth0"))).toEqual(inQuarantine(former));
    expect(await claimed(store, {}, { onLiveElsewhere: "new-ip" })).toEqual(got);
  });

  test("takeover: the address moves, and nothing of the other container is left", async () => {
    const store = await storeWith(holding({ node: "n2" }));
    const got = await claimed(store, {}, { onLiveElsewhere: "takeover" });
    expect(got).toMatchObject({ addresses: [ip(7)], node: "n1", generation: 4 });
    expect(store.entries().some(({ key }) => key === keys.att("n2", "old", "eth0"))).toBe(false);
  });
});

describe("what others have", () => {
  const space = v4(2, 254);
  const theirs = (n: number, change: Partial<Holding> = {}): Holding =>
    holding({
      identity: `a/b${n}/eth0`,
      containerId: `o${n}`,
      addresses: [preferred("ns/web/eth0", space, n)],
      ...change,
    });

  test.each<[string, Partial<Holding>]>([
    ["live", {}],
    ["held", heldUntil(1)],
    ["held for ever", { state: "held" }],
    ["reserved", { state: "reserved" }],
    ["in quarantine", { state: "quarantine" }],
  ])("a preferred address that is %s is left alone", async (_what, change) => {
    const store = await storeWith(theirs(0, change));
    expect((await claimed(store, {})).addresses).toEqual([preferred("ns/web/eth0", space, 1)]);
    expect(holdingAt(store.entries(), keys.own("a/b0/eth0"))).toEqual(theirs(0, change));
  });

  test("all candidates are taken: one of a window is found", async () => {
    const store = await storeWith(theirs(0), theirs(1), theirs(2));
    const before = store.roundTrips();
    const got = await claimed(store, {});
    expect([0, 1, 2].map((n) => preferred("ns/web/eth0", space, n))).not.toContain(got.addresses[0]);
    expect(store.roundTrips() - before).toBe(3);
  });

  test("a candidate that was held too long is taken before a window is read", async () => {
    const expired = theirs(0, { ...heldUntil(0), history: [] });
    const store = await storeWith(expired, theirs(1), theirs(2));
    const got = await claimed(store, {});
    expect(got.addresses).toEqual(expired.addresses);
    expect(store.entries().filter(({ key }) => key.includes("a/b0"))).toEqual([]);
  });

  test("a full pool: what was held too long goes, the oldest first", async () => {
    const old = (n: number, ms: number): Holding =>
      holding({ identity: `a/b${n}/eth0`, containerId: `o${n}`, addresses: [ip(n)], ...heldUntil(ms) });
    const store = await storeWith(old(2, -1), old(3, -3), old(4, 1), old(5, -2));
    const tiny = { spaces: [v4(2, 5)] };
    const other = (n: number): Who => ({ cid: `x${n}`, identity: `x/x${n}/eth0` });
    const given: (string | undefined)[] = [];
    for (let n = 0; n < 3; n++) given.push((await claimed(store, other(n), tiny)).addresses[0]);
    expect(given.toSorted()).toEqual([ip(2), ip(3), ip(5)]);
    expect(await finish(store, claim(request(other(3), tiny)))).toEqual({ kind: "exhausted", set: 0 });
  });

  test("a MAC address that another identity has is passed over", async () => {
    const mac = stableMac(pool, "ns/web/eth0", 0);
    const store = await storeWith(holding({ identity: "a/b/eth0", mac }));
    expect((await claimed(store, {})).mac).toBe(stableMac(pool, "ns/web/eth0", 1));
    // A reservation that has no MAC address yet gets one the same way.
    const reserved = holding({ state: "reserved", containerId: "", node: "", mac: "", addresses: [ip(9)] });
    const again = await storeWith(holding({ identity: "a/b/eth0", mac }), reserved);
    expect(await claimed(again, {})).toMatchObject({
      mac: stableMac(pool, "ns/web/eth0", 1),
      addresses: [ip(9)],
    });
  });

  test("two range sets: all or nothing", async () => {
    const store = await storeWith(holding({ identity: "a/b/eth0", addresses: [ip(2)] }));
    const end = await finish(store, claim(request({}, { spaces: [v6, v4(2, 2)] })));
    expect(end).toEqual({ kind: "exhausted", set: 1 });
    expect(store.entries().some(({ key }) => key.includes("ns/web"))).toBe(false);
    expect(store.entries().filter(({ key }) => key.startsWith("ip/"))).toHaveLength(1);
  });
});

describe("requested addresses", () => {
  const asking = { requested: [ip(7)] };

  test.each<[string, Partial<Holding> | undefined]>([
    ["free", undefined],
    ["held by itself", heldUntil(1000)],
    ["reserved for itself", { state: "reserved", containerId: "", node: "" }],
    ["held by another, too long", { identity: "a/b/eth0", ...heldUntil(0) }],
  ])("%s: given", async (_what, change) => {
    const store = await storeWith(...(change === undefined ? [] : [holding(change)]));
    expect((await claimed(store, {}, asking)).addresses).toEqual([ip(7)]);
  });

  test.each<[string, Partial<Holding>]>([
    ["live", {}],
    ["held", heldUntil(1)],
    ["held for ever", { state: "held" }],
    ["reserved", { state: "reserved" }],
    ["in quarantine", { state: "quarantine" }],
  ])("%s, of another: refused, with its owner's name", async (_what, change) => {
    const store = await storeWith(holding({ identity: "a/b/eth0", ...change }));
    const before = store.entries();
    const error = await refused(store, {}, asking);
    expect(error.id).toBe("ipam.address-taken");
    expect(error.msg).toContain("a/b/eth0");
    expect(store.entries()).toEqual(before);
  });

  test("another than it has: it moves, and the former one is free", async () => {
    const store = await storeWith(holding(heldUntil(1000)));
    expect((await claimed(store, {}, { requested: [ip(9)] })).addresses).toEqual([ip(9)]);
    expect(store.entries().some(({ key }) => key === `ip/${pool}/${ip(7)}`)).toBe(false);
  });

  test("in one set of two, while the other has to be searched", async () => {
    const others = [0, 1, 2].map((n) =>
      holding({
        identity: `a/b${n}/e`,
        containerId: `o${n}`,
        addresses: [hashed(pool, "ns/web/eth0", v6, 1, n)],
      }),
    );
    const store = await storeWith(...others);
    const got = await claimed(store, {}, { spaces: [v4(7, 7), v6], requested: [ip(7), undefined] });
    expect(got.addresses[0]).toBe(ip(7));
    expect(got.addresses[1]).toMatch(/^6/);
  });
});

test("a claim is fenced by all that it takes", () => {
  const space = v4(2, 254);
  const { claimant, definition } = request({});
  const choices = [{ addresses: [ip(7)], steals: [] }];
  const first = claimTxn({
    keys,
    claimant,
    definition: { ...definition, isNew: false },
    macAttempt: 0,
    former: undefined,
    choices,
  });
  expect(first.compare).toEqual<Compare[]>([
    { kind: "absent", key: keys.own("ns/web/eth0") },
    { kind: "absent", key: keys.att("n1", "c1", "eth0") },
    { kind: "present", key: keys.def("d1") },
    { kind: "absent", key: keys.mac(stableMac(pool, "ns/web/eth0", 0)) },
    { kind: "absent", key: `ip/${pool}/${ip(7)}` },
  ]);
  expect(space.size).toBe(253n);
});

test("two definitions of one pool are noticed", async () => {
  const store = await storeWith();
  const other = request({ cid: "c2", identity: "a/b/eth0" }, { definition: { hash: "d2", value: "{}" } });
  expect(await finish(store, claim(request({})))).toMatchObject({ kind: "claimed", definitions: 1 });
  expect(await finish(store, claim(other))).toMatchObject({ kind: "claimed", definitions: 2 });
});

describe("the search of a large pool", () => {
  test("a full one is counted, not walked", async () => {
    const full = createMemoryStore();
    const space = v4(0, 8191);
    let asked = 0;
    const start = claim(request({}, { spaces: [space] }));
    let step = start;
    while (step.kind === "ask") {
      asked += 1;
      const reply = must(await full.txn(step.txn));
      // As if every address were taken by somebody who stays.
      step = step.next(asFull(reply, step.txn.success, space));
    }
    expect(step).toEqual({ kind: "exhausted", set: 0 });
    expect(asked).toBeLessThan(6);
  });
});

function asFull(
  reply: { succeeded: boolean; replies: readonly { kind: string }[] },
  ops: readonly Op[],
  space: Space,
): Parameters<Extract<Claim, { kind: "ask" }>["next"]>[0] {
  const value = printHolding(holding({ identity: "a/b/eth0" }));
  const isScan = ops.some((op) => op.kind === "range" && op.from.startsWith("hold/"));
  if (!isScan) return takenEvidence(value);
  const replies = ops.map((op) => {
    if (op.kind === "count") return { kind: "count" as const, count: Number(space.size) };
    if (op.kind !== "range" || op.from.startsWith("hold/")) return { kind: "entries" as const, entries: [] };
    const first = BigInt(`0x${op.from.slice(-8)}`);
    const entries = Array.from({ length: op.limit }, (_each, n) => ({
      key: keys.ip(codeOf("4", first + BigInt(n))),
      value,
      modRevision: "1",
    }));
    return { kind: "entries" as const, entries };
  });
  return { succeeded: reply.succeeded, replies };
}

/** Nothing of its own, the definition known, and three candidates that others have. */
function takenEvidence(value: string): Parameters<Extract<Claim, { kind: "ask" }>["next"]>[0] {
  const taken = { kind: "entries" as const, entries: [{ key: "ip/p/4ffffffff", value, modRevision: "1" }] };
  const none = { kind: "entries" as const, entries: [] };
  const inner = { succeeded: false, replies: [taken] };
  const middle = { succeeded: false, replies: [taken, { kind: "txn" as const, reply: inner }] };
  return { succeeded: false, replies: [none, none, taken, none, taken, { kind: "txn", reply: middle }] };
}
