import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { must } from "../../../sys/outcome-testing.ts";
import { codeOf, keysOf, type PoolKeys } from "../pool/keys.ts";
import type { Compare, Entry, Op, Store, Txn, TxnReply } from "./store.ts";

/** A store to be proved: any number of handles on the same data, as several processes have. */
export interface StoreUnderTest {
  readonly open: () => Store | Promise<Store>;
  readonly close: () => void | Promise<void>;
}

let pools = 0;

/** What every store must do. Each test has a pool of its own, so one store serves them all. */
export function storeContract(name: string, start: () => StoreUnderTest | Promise<StoreUnderTest>): void {
  describe(`store contract: ${name}`, () => {
    let subject: StoreUnderTest;
    let store: Store;
    let keys: PoolKeys;
    beforeAll(async () => {
      subject = await start();
    });
    afterAll(async () => await subject.close());
    const scene = async (): Promise<void> => {
      pools += 1;
      keys = keysOf(`contract${pools}`);
      store = await subject.open();
    };

    test("a key that was put is there, with its value and a revision", async () => {
      await scene();
      await change(store, put(keys.own("a/b/c"), "one"));
      const entry = await read(store, keys.own("a/b/c"));
      expect(entry).toMatchObject({ key: keys.own("a/b/c"), value: "one" });
      expect(entry?.modRevision).toMatch(/^[1-9]\d*$/);
      expect(await read(store, keys.own("a/b/d"))).toBeUndefined();
    });

    test("it takes writes, says so without one, and tells its time, if any, as it is", async () => {
      await scene();
      const before = await store.txn({ compare: [], success: [{ kind: "get", key: "health" }], failure: [] });
      expect(await store.health()).toEqual({ ok: true, value: undefined });
      const after = await store.txn({ compare: [], success: [{ kind: "get", key: "health" }], failure: [] });
      const entries = (reply: typeof after) => (reply.ok ? reply.value.replies : reply.error);
      expect(entries(after)).toEqual(entries(before));
      const atMs = after.ok ? after.value.atMs : undefined;
      if (atMs !== undefined) expect(Math.abs(Date.now() - atMs)).toBeLessThan(60_000);
    });

    test("all keys of one transaction share a revision, that of the next is larger", async () => {
      await scene();
      await change(store, put("own/x/a/b/c", "1"), put(keys.own("a/b/d"), "2"), put(keys.mac("02:00"), "1"));
      const one = await revision(store, keys.own("a/b/d"));
      expect(await revision(store, keys.mac("02:00"))).toBe(one);
      await change(store, put(keys.own("a/b/d"), "3"));
      expect(BigInt(await revision(store, keys.own("a/b/d")))).toBeGreaterThan(BigInt(one));
      expect(await revision(store, keys.mac("02:00"))).toBe(one);
    });

    test.each<[string, (key: string, old: string, now: string) => Compare, boolean]>([
      ["absent, of a key that is there", (key) => ({ kind: "absent", key }), false],
      ["absent, of one that is not", (key) => ({ kind: "absent", key: `${key}0` }), true],
      ["present, of a key that is there", (key) => ({ kind: "present", key }), true],
      ["present, of one that is not", (key) => ({ kind: "present", key: `${key}0` }), false],
      ["unchanged since the last change", (key, _old, now) => unchanged(key, now), true],
      ["unchanged since the one before", (key, old) => unchanged(key, old), false],
      ["unchanged, of a key that is not there", (key, _old, now) => unchanged(`${key}0`, now), false],
    ])("compare %s", async (_what, compare, expected) => {
      await scene();
      const key = keys.own("a/b/c");
      await change(store, put(key, "1"));
      const old = await revision(store, key);
      await change(store, put(key, "2"));
      const now = await revision(store, key);
      const other = keys.own("a/b/d");
      const reply = await ask(store, {
        compare: [{ kind: "present", key }, compare(key, old, now)],
        success: [put(other, "then")],
        failure: [put(other, "else"), get(key)],
      });
      expect(reply.succeeded).toBe(expected);
      expect((await read(store, other))?.value).toBe(expected ? "then" : "else");
      expect(entries(reply, 1)).toHaveLength(expected ? 0 : 1);
    });

    test("what was deleted is absent, and put again it is another", async () => {
      await scene();
      const key = keys.att("node", "cid", "eth0");
      await change(store, put(key, "1"));
      const before = await revision(store, key);
      await change(store, { kind: "delete", key });
      expect(await read(store, key)).toBeUndefined();
      await change(store, { kind: "delete", key });
      await change(store, put(key, "1"));
      expect(await revision(store, key)).not.toBe(before);
    });

    test("nested transactions: the first whose compares hold is done, with the evidence of those before", async () => {
      await scene();
      const key = (n: number): string => keys.ip(codeOf("4", BigInt(n)));
      await change(store, put(key(1), "one"), put(key(2), "two"));
      const claim = (n: number, next: readonly Op[]): Txn => ({
        compare: [{ kind: "absent", key: key(n) }],
        success: [put(key(n), "mine")],
        failure: [get(key(n)), ...next],
      });
      const nested = (txn: Txn): Op => ({ kind: "txn", txn });
      const reply = await ask(store, claim(1, [nested(claim(2, [nested(claim(3, []))]))]));
      expect(reply.succeeded).toBe(false);
      expect(entries(reply, 0)[0]?.value).toBe("one");
      const second = inner(reply, 1);
      expect(second.succeeded).toBe(false);
      expect(entries(second, 0)[0]?.value).toBe("two");
      expect(inner(second, 1).succeeded).toBe(true);
      expect((await read(store, key(3)))?.value).toBe("mine");
    });

    test("a nested transaction that fails leaves the one around it done", async () => {
      await scene();
      const [outer, lost, won] = [keys.own("a/b/o"), keys.own("a/b/l"), keys.own("a/b/w")];
      await change(store, put(lost, "1"), put(won, "1"));
      const nested = (key: string, kind: "absent" | "present"): Op => ({
        kind: "txn",
        txn: { compare: [{ kind, key }], success: [{ kind: "delete", key }], failure: [] },
      });
      const reply = await change(store, put(outer, "1"), nested(lost, "absent"), nested(won, "present"));
      expect([inner(reply, 1).succeeded, inner(reply, 2).succeeded]).toEqual([false, true]);
      expect(await read(store, outer)).toBeDefined();
      expect(await read(store, lost)).toBeDefined();
      expect(await read(store, won)).toBeUndefined();
    });

    test("a read within a transaction sees the writes before it", async () => {
      await scene();
      await change(store, put(keys.def("a"), "old"), put(keys.def("b"), "gone"));
      const reply = await change(
        store,
        put(keys.def("a"), "new"),
        put(keys.def("c"), "added"),
        { kind: "delete", key: keys.def("b") },
        { kind: "range", ...keys.all.def, limit: 10 },
        { kind: "count", ...keys.all.def },
        { kind: "range", ...keys.all.def, limit: 1 },
      );
      expect(entries(reply, 3).map(({ value }) => value)).toEqual(["new", "added"]);
      expect(reply.replies[4]).toEqual({ kind: "count", count: 2 });
      expect(entries(reply, 5).map(({ value }) => value)).toEqual(["new"]);
    });

    test.each<[string, "4" | "6", bigint]>([
      ["IPv4", "4", 0x0a3bff00n],
      ["IPv4 at its end", "4", 0xfffffb00n],
      ["IPv6", "6", 0xfd00n << 112n],
    ])("a window of addresses holds those between its ends, in order: %s", async (_what, family, base) => {
      await scene();
      const offsets = [0n, 1n, 0xfen, 0xffn, 0x100n, 0x101n, 0x1ffn, 0x200n, 0x3ffn];
      for (const offset of offsets)
        await change(store, put(keys.ip(codeOf(family, base + offset)), `${offset}`));
      await change(store, put(keys.own("a/b/c"), "no address"));
      const window = async (first: bigint, last: bigint, limit = 4096): Promise<bigint[]> => {
        const range: Op = { kind: "range", ...keys.ips(family, base + first, base + last), limit };
        const reply = await change(store, range, { ...range, keysOnly: true });
        const whole = entries(reply, 0);
        expect(whole.map(({ key }) => key)).toEqual(entries(reply, 1).map(({ key }) => key));
        expect(entries(reply, 1).every(({ value }) => value === "")).toBe(true);
        expect(whole.map(({ key }) => key)).toEqual(
          whole.map(({ value }) => `${keys.ip(codeOf(family, base + BigInt(value)))}`),
        );
        return whole.map(({ value }) => BigInt(value));
      };
      expect(await window(0n, 0xffn)).toEqual([0n, 1n, 0xfen, 0xffn]);
      expect(await window(1n, 0xfen)).toEqual([1n, 0xfen]);
      expect(await window(0xffn, 0x100n)).toEqual([0xffn, 0x100n]);
      expect(await window(2n, 0xfdn)).toEqual([]);
      expect(await window(0n, 0x3ffn)).toEqual(offsets);
      expect(await window(0n, 0x3ffn, 3)).toEqual([0n, 1n, 0xfen]);
      expect(await count(store, keys.ips(family, base + 1n, base + 0x1ffn))).toBe(6);
    });

    test("a range is what begins with its prefix, and of no neighbour", async () => {
      await scene();
      const inside = [keys.att("n", "a", "eth0"), keys.att("n", "a.b", "eth0"), keys.att("n", "a", "eth1")];
      const outside = [keys.att("n.b", "a", "eth0"), keys.att("n0", "a", "eth0"), keys.own("n/a/eth0")];
      await change(store, ...[...inside, ...outside].map((key) => put(key, key)));
      const reply = await change(store, { kind: "range", ...keys.attsOf("n"), limit: 100 });
      expect(entries(reply, 0).map(({ key }) => key)).toEqual(inside.toSorted());
      expect(entries(reply, 0).map(({ value }) => value)).toEqual(inside.toSorted());
      expect(await count(store, keys.attsOf("n"))).toBe(3);
      expect(await count(store, keys.attsOf("m"))).toBe(0);
    });

    test("pages: from behind the last key on", async () => {
      await scene();
      const all = Array.from({ length: 7 }, (_each, n) => keys.att("n", `cid${n}`, "eth0"));
      await change(store, ...all.map((key) => put(key, "1")));
      const { to } = keys.attsOf("n");
      let { from } = keys.attsOf("n");
      const seen: string[][] = [];
      for (let page = 0; page < 4; page++) {
        const reply = await change(store, { kind: "range", from, to, limit: 3 });
        seen.push(entries(reply, 0).map(({ key }) => key));
        from = `${seen.at(-1)?.at(-1)}\u0000`;
      }
      expect(seen).toEqual([all.slice(0, 3), all.slice(3, 6), all.slice(6), []]);
    });

    test("holds: those up to a time, the oldest first", async () => {
      await scene();
      const times = [
        1_700_000_000_000, 1_700_000_000_001, 1_700_000_999_999, 1_700_001_000_000, 1_800_000_000_000,
      ];
      for (const time of times.toReversed()) await change(store, put(keys.hold(time, "a/b/c"), String(time)));
      const until = async (time: number, limit = 10): Promise<number[]> => {
        const reply = await change(store, { kind: "range", ...keys.holdsUntil(time), limit });
        return entries(reply, 0).map(({ value }) => Number(value));
      };
      expect(await until(1_700_000_000_000)).toEqual([]);
      expect(await until(1_700_000_000_001)).toEqual(times.slice(0, 1));
      expect(await until(1_700_001_000_001)).toEqual(times.slice(0, 4));
      expect(await until(1_700_001_000_001, 2)).toEqual(times.slice(0, 2));
      expect(await count(store, keys.all.hold)).toBe(5);
    });

    test.each([
      ["an empty value", "ns/pod/eth0", ""],
      ["a value of several lines", "ns/pod/eth0", 'one\n"two"\r\n\u0000\t\\'],
      ["a value beyond ASCII", "ns/pod/eth0", "é 漢 🐎"],
      ["a value of 100 kB", "ns/pod/eth0", "x".repeat(100_000)],
      ["an interface beyond ASCII", "ns/pod/é漢@.:%25+=", "1"],
      ["the longest names of Kubernetes", `${"n".repeat(63)}/${"p".repeat(253)}/${"i".repeat(15)}`, "1"],
      ["a container instead of a pod", "container:cid/eth0", "1"],
      ["a name that begins with a dot", "ns/pod/.hidden", "1"],
    ])("%s survives", async (_what, identity, value) => {
      await scene();
      await change(store, put(keys.own(identity), value));
      expect(await read(await subject.open(), keys.own(identity))).toMatchObject({ value });
      const reply = await change(store, { kind: "range", ...keys.all.own, limit: 10 });
      expect(entries(reply, 0)).toMatchObject([{ key: keys.own(identity), value }]);
    });

    test("a hundred operations are one transaction", async () => {
      await scene();
      const all = Array.from({ length: 100 }, (_each, n) => keys.ip(codeOf("4", BigInt(n))));
      await change(store, ...all.map((key) => put(key, key)));
      expect(await count(store, keys.ips("4", 0n, 99n))).toBe(100);
      expect(await revision(store, keys.ip(codeOf("4", 99n)))).toBe(
        await revision(store, keys.ip(codeOf("4", 0n))),
      );
    });

    test("of many that claim one key at once, one gets it", async () => {
      await scene();
      const key = `ip/contract${pools}/${codeOf("4", 7n)}`;
      const claims = Array.from({ length: 20 }, async (_each, n) => {
        const handle = await subject.open();
        const compare: Compare[] = [{ kind: "absent", key }];
        return await ask(handle, { compare, success: [put(key, `${n}`)], failure: [get(key)] });
      });
      const replies = await Promise.all(claims);
      const winners = replies.flatMap(({ succeeded }, n) => (succeeded ? [`${n}`] : []));
      expect(winners).toHaveLength(1);
      expect((await read(store, key))?.value).toBe(winners[0]);
      const seen = replies.filter(({ succeeded }) => !succeeded).map((reply) => entries(reply, 0)[0]?.value);
      expect(seen).toEqual(Array.from({ length: 19 }, () => winners[0]));
    });

    test("no change of many at once is lost", async () => {
      await scene();
      const key = keys.own("a/b/counter");
      await change(store, put(key, "0"));
      const increment = async (): Promise<void> => {
        const handle = await subject.open();
        for (;;) {
          const entry = await read(handle, key);
          if (entry === undefined) throw new Error("the counter is gone");
          const compare = [unchanged(key, entry.modRevision)];
          const next = put(key, String(Number(entry.value) + 1));
          if ((await ask(handle, { compare, success: [next], failure: [] })).succeeded) return;
        }
      };
      await Promise.all(Array.from({ length: 8 }, increment));
      expect((await read(store, key))?.value).toBe("8");
    });

    test("a transaction is one round trip", async () => {
      await scene();
      await change(store, put(keys.own("a/b/c"), "1"));
      const before = store.roundTrips();
      await change(store, put(keys.own("a/b/c"), "2"), { kind: "range", ...keys.all.own, limit: 10 });
      expect(store.roundTrips()).toBe(before + 1);
    });
  });
}

function put(key: string, value: string): Op {
  return { kind: "put", key, value };
}

function get(key: string): Op {
  return { kind: "get", key };
}

function unchanged(key: string, modRevision: string): Compare {
  return { kind: "unchanged", key, modRevision };
}

async function ask(store: Store, txn: Txn): Promise<TxnReply> {
  return must(await store.txn(txn));
}

async function change(store: Store, ...success: readonly Op[]): Promise<TxnReply> {
  const reply = await ask(store, { compare: [], success, failure: [] });
  expect(reply.succeeded).toBe(true);
  return reply;
}

async function read(store: Store, key: string): Promise<Entry | undefined> {
  return entries(await change(store, get(key)), 0)[0];
}

async function revision(store: Store, key: string): Promise<string> {
  const entry = await read(store, key);
  if (entry === undefined) throw new Error(`${key} is not there`);
  return entry.modRevision;
}

async function count(store: Store, range: { from: string; to: string }): Promise<number> {
  const [reply] = (await change(store, { kind: "count", ...range })).replies;
  if (reply?.kind !== "count") throw new Error("a count is answered with a count");
  return reply.count;
}

function entries(reply: TxnReply, at: number): readonly Entry[] {
  const one = reply.replies[at];
  return one?.kind === "entries" ? one.entries : [];
}

function inner(reply: TxnReply, at: number): TxnReply {
  const one = reply.replies[at];
  if (one?.kind !== "txn") throw new Error(`reply ${at} is of no nested transaction`);
  return one.reply;
}
