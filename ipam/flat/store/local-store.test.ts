import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Crash, createMachine, type FakeMachine } from "../../../sys/fake.ts";
import { createChance } from "../../../sys/fake-clock.ts";
import { crashPoints } from "../../../sys/fake-crashes.ts";
import type { Loss } from "../../../sys/fake-files.ts";
import { must } from "../../../sys/outcome-testing.ts";
import { codeOf, keysOf } from "../pool/keys.ts";
import { damaged, readChange } from "./local-log.ts";
import { openLocalStore } from "./local-store.ts";
import type { Entry, Op, Store, TxnReply } from "./store.ts";

const dir = "/var/lib/store";
const keys = keysOf("p");

async function ask(store: Store, success: readonly Op[]): Promise<TxnReply> {
  return must(await store.txn({ compare: [], success, failure: [] }));
}

/** All entries that a new process finds. */
async function content(machine: FakeMachine): Promise<ReadonlyMap<string, string>> {
  const process = machine.spawn();
  const [reply] = (
    await ask(openLocalStore(process.sys, dir), [{ kind: "range", from: "", to: "~", limit: 1e6 }])
  ).replies;
  machine.kill(process.pid);
  const entries: readonly Entry[] = reply?.kind === "entries" ? reply.entries : [];
  return new Map(entries.map(({ key, value }) => [key, value]));
}

const someKeys = [
  ...[0n, 1n, 255n, 256n].map((n) => keys.ip(codeOf("4", 0x0a000000n + n))),
  ...["ns/a/eth0", "ns/b/eth0", "container:c1/eth0"].map(keys.own),
  ...[1_700_000_000_000, 1_700_001_000_000].map((time) => keys.hold(time, "ns/a/eth0")),
  keys.att("n1", "c1", "eth0"),
  keys.mac("02:00:00:00:00:01"),
];

type Change = ReadonlyMap<string, string | undefined>;

/** A change as claims make it: one value under several keys, and several keys removed. */
function someChange(chance: () => number, number: number): Change {
  const change = new Map<string, string | undefined>();
  for (const key of someKeys) {
    const choice = chance();
    if (choice < 0.3) change.set(key, `value ${number}`);
    else if (choice < 0.5) change.set(key, undefined);
  }
  if (change.size === 0) change.set(someKeys[0] ?? "", `value ${number}`);
  return change;
}

function toOps(change: Change): Op[] {
  return [...change].map(([key, value]) =>
    value === undefined ? { kind: "delete", key } : { kind: "put", key, value },
  );
}

function applied(state: ReadonlyMap<string, string>, change: Change): Map<string, string> {
  const next = new Map(state);
  for (const [key, value] of change) {
    if (value === undefined) next.delete(key);
    else next.set(key, value);
  }
  return next;
}

const sorted = (state: ReadonlyMap<string, string>) => [...state].toSorted();

/** Whether the write during which the process was stopped is there. It may not be there in part. */
async function isDone(
  machine: FakeMachine,
  before: ReadonlyMap<string, string>,
  change: Change,
): Promise<boolean> {
  const found = sorted(await content(machine));
  const after = sorted(applied(before, change));
  const done = JSON.stringify(found) === JSON.stringify(after);
  expect(found).toEqual(done ? after : sorted(before));
  return done;
}

describe("a store in a folder", () => {
  const losses: readonly (Loss | "no reboot")[] = ["no reboot", "nothing", "unsynced", "some"];

  test("a process that is stopped anywhere, with or without the power, leaves each transaction done or not", async () => {
    const property = fc.asyncProperty(
      fc.integer(),
      fc.integer({ min: 0, max: 90 }),
      fc.integer({ min: 0, max: 60 }),
      fc.constantFrom(...crashPoints),
      fc.constantFrom(...losses),
      async (seed, writes, effect, when, loss) => {
        const chance = createChance(seed);
        const machine = createMachine({ seed });
        let state: ReadonlyMap<string, string> = new Map();
        for (let round = 0; round < 3; round++) {
          const healthy = openLocalStore(machine.spawn().sys, dir);
          for (let n = 0; n < writes; n++) {
            const change = someChange(chance, n);
            await ask(healthy, toOps(change));
            state = applied(state, change);
          }
          const change = someChange(chance, 1000 + round);
          const victim = machine.spawn();
          victim.crashAt(effect, when);
          const ended = await ask(openLocalStore(victim.sys, dir), toOps(change)).then(
            () => "answered",
            (error: unknown) => (error instanceof Crash ? "stopped" : Promise.reject(error)),
          );
          if (loss !== "no reboot") machine.crash({ lose: loss });
          else machine.kill(victim.pid);
          const done = await isDone(machine, state, change);
          // A write that was answered survives a power loss.
          if (ended === "answered") expect(done).toBe(true);
          if (done) state = applied(state, change);
        }
      },
    );
    await fc.assert(property, { numRuns: 150 });
  });

  test.each(["EIO", "ENOSPC", "EROFS"])("%s at any effect: done, not done, or nobody knows", async (code) => {
    const change: Change = new Map(someKeys.map((key) => [key, "new"]));
    const first = new Map(someKeys.slice(3).map((key) => [key, "old"]));
    for (let effect = 0; effect < 200; effect++) {
      const machine = createMachine();
      await ask(openLocalStore(machine.spawn().sys, dir), toOps(first));
      const victim = machine.spawn();
      victim.failAt(effect, code);
      const reply = await openLocalStore(victim.sys, dir).txn({
        compare: [],
        success: toOps(change),
        failure: [],
      });
      machine.kill(victim.pid);
      const where = `effect ${effect}: ${victim.effects()[effect]}`;
      const done = await isDone(machine, first, change);
      if (reply.ok) expect(done, where).toBe(true);
      else if (reply.error.kind === "unreachable") expect(done, where).toBe(false);
      else expect(reply.error.kind, where).toBe("unknown");
      if (!reply.ok) expect(reply.error.msg, where).toContain(code);
      if (victim.effects().length <= effect) return;
    }
    throw new Error("it never came to its end");
  });

  test("a damaged file of a key is somebody's, and of the log is told", async () => {
    const machine = createMachine();
    await ask(openLocalStore(machine.spawn().sys, dir), toOps(new Map([[keys.own("ns/a/eth0"), "1"]])));
    await ask(openLocalStore(machine.spawn().sys, dir), toOps(new Map([[keys.own("ns/b/eth0"), "2"]])));
    machine.disk.write(`${dir}/keys/own/p/ns/a/eth0=`, "", { mode: 0o600 });
    const read = await ask(openLocalStore(machine.spawn().sys, dir), [
      { kind: "get", key: keys.own("ns/a/eth0") },
    ]);
    expect(read.replies[0]).toEqual({
      kind: "entries",
      entries: [{ key: keys.own("ns/a/eth0"), value: "", modRevision: "0" }],
    });
    machine.crash({ lose: "nothing" });
    const again = await openLocalStore(machine.spawn().sys, dir).txn({
      compare: [],
      success: [],
      failure: [],
    });
    expect(again).toMatchObject({
      ok: false,
      error: { kind: "unreachable", msg: expect.stringContaining("EBADMSG") },
    });
  });

  test.each([
    ["no JSON", "1\n{"],
    ["no revision", '\n{"puts":[],"deletes":[]}'],
    ["no list of what is put", '1\n{"puts":{},"deletes":[]}'],
    ["no list of what is deleted", '1\n{"puts":[]}'],
    ["a value that is no text", '1\n{"puts":[{"keys":["a"],"value":1}],"deletes":[]}'],
    ["a key that is no text", '1\n{"puts":[{"keys":[1],"value":"v"}],"deletes":[]}'],
    ["a deleted key that is no text", '1\n{"puts":[],"deletes":[{}]}'],
  ])("a file of the log is damaged with %s", (_case, text) => {
    const { sys } = createMachine().spawn();
    sys.files.makeFolder("/log", 0o700);
    sys.files.write("/log/1", text, { mode: 0o600 });
    expect(readChange(sys, "/log/1")).toMatchObject({ ok: false, error: { code: damaged } });
    const whole = '1\n{"puts":[{"keys":["a","b"],"value":"v"}],"deletes":["c"]}';
    sys.files.write("/log/1", whole, { mode: 0o600 });
    const writes = new Map([
      ["c", undefined],
      ["a", "v"],
      ["b", "v"],
    ]);
    expect(readChange(sys, "/log/1", 1n)).toEqual({ ok: true, value: { revision: 1n, writes } });
  });

  test("its log stays short, and nothing is left of what was deleted", async () => {
    const machine = createMachine();
    const looks: string[] = [];
    const onCall = (call: string): void => void (call.startsWith("find") && looks.push(call));
    const store = openLocalStore(machine.spawn({ onCall }).sys, dir);
    for (let n = 0; n < 200; n++) {
      await ask(store, [{ kind: "put", key: keys.own(`ns/p${n}/eth0`), value: "1" }]);
      await ask(store, [{ kind: "delete", key: keys.own(`ns/p${n}/eth0`) }]);
    }
    const paths = machine.disk.paths().filter((path) => path.startsWith(dir));
    expect(paths.filter((path) => path.includes("/log/")).length).toBeLessThanOrEqual(66);
    expect(paths.filter((path) => path.includes("/keys/"))).toEqual([`${dir}/keys/`]);
    const locks = machine.disk.paths().filter((path) => path.includes("/.locks/"));
    expect(locks).toEqual([`/run/hawser${dir}/.locks/`]);
    // No process is looked up under the store's lock, because other processes could make that slow.
    expect(looks).toEqual([]);
    const modes = [dir, `${dir}/log`, "/var/lib"].map((path) => machine.disk.stat(path));
    expect(modes).toMatchObject([0o700, 0o700, 0o755].map((mode) => ({ value: { mode } })));
  });

  test("a reader waits for the writer, and finishes what a dead one began", async () => {
    const machine = createMachine();
    const victim = machine.spawn();
    await ask(openLocalStore(victim.sys, dir), toOps(new Map([[keys.own("ns/a/eth0"), "old"]])));
    const renamed = victim.effects().length;
    const second = machine.spawn();
    const change = new Map([
      [keys.own("ns/a/eth0"), "new"],
      [keys.own("ns/b/eth0"), "new"],
    ]);
    await ask(openLocalStore(second.sys, dir), toOps(change));
    const commitAt = second.effects().findIndex((effect) => effect.startsWith("link"));
    expect(commitAt).toBeGreaterThan(0);
    expect(renamed).toBeGreaterThan(0);
    const third = machine.spawn();
    // The process is killed between the two links: the transaction is named, and only a part of its keys is done.
    third.crashAt(commitAt + 1, "after");
    const next = new Map([...change.keys()].map((key) => [key, "newest"]));
    await expect(ask(openLocalStore(third.sys, dir), toOps(next))).rejects.toThrow(Crash);
    expect(sorted(await content(machine))).toEqual(sorted(next));
  });

  test("what was seen of an interrupted transaction survives the power", async () => {
    const machine = createMachine();
    await ask(openLocalStore(machine.spawn().sys, dir), toOps(new Map([[keys.own("ns/a/eth0"), "old"]])));
    const change = new Map([[keys.own("ns/a/eth0"), "new"]]);
    for (let effect = 0; effect < 40; effect++) {
      const victim = machine.spawn();
      victim.crashAt(effect, "after");
      await ask(openLocalStore(victim.sys, dir), toOps(change)).catch(() => {});
      machine.kill(victim.pid);
      const seen = sorted(await content(machine));
      machine.crash({ lose: "unsynced" });
      expect(sorted(await content(machine)), `effect ${effect}: ${victim.effects()[effect]}`).toEqual(seen);
      await ask(openLocalStore(machine.spawn().sys, dir), toOps(new Map([[keys.own("ns/a/eth0"), "old"]])));
    }
  });

  test("a transaction that was forgotten, and came back with a power loss, is not done again", async () => {
    const machine = createMachine();
    const store = openLocalStore(machine.spawn().sys, dir);
    await ask(store, toOps(new Map([[keys.own("ns/a/eth0"), "1"]])));
    const [name = ""] = machine.disk.paths().filter((path) => path.startsWith(`${dir}/log/0`));
    const record = machine.disk.read(name);
    await ask(store, toOps(new Map([[keys.own("ns/a/eth0"), undefined]])));
    for (let n = 0; n < 70; n++) await ask(store, toOps(new Map([[keys.own("ns/b/eth0"), `${n}`]])));
    const expected = sorted(await content(machine));
    expect(expected).toEqual([[keys.own("ns/b/eth0"), "69"]]);
    machine.disk.write(name, record.ok ? record.value : "", { mode: 0o600 });
    machine.crash({ lose: "nothing" });
    expect(sorted(await content(machine))).toEqual(expected);
    expect(machine.disk.paths()).not.toContain(name);
  });
});

test("a folder that is not there yet is empty, and reading it does not make it", async () => {
  const machine = createMachine();
  const { sys } = machine.spawn();
  const before = machine.disk.paths();
  expect(await content(machine)).toEqual(new Map());
  expect(machine.disk.paths()).toEqual(before);
  const put: Op = { kind: "put", key: "own/p/ns/a/eth0", value: "1" };
  await ask(openLocalStore(sys, dir), [put]);
  expect(await content(machine)).toEqual(new Map([[put.key, "1"]]));
});

test("a folder that cannot be looked at is not taken for an empty store", async () => {
  const machine = createMachine();
  await ask(openLocalStore(machine.spawn().sys, dir), [{ kind: "put", key: "own/p/ns/a/eth0", value: "1" }]);
  const process = machine.spawn();
  process.failReads(dir, "EACCES");
  process.failReads(`${dir}/log`, "EACCES");
  const get = { compare: [], success: [{ kind: "get", key: "own/p/ns/a/eth0" }], failure: [] } as const;
  expect(await openLocalStore(process.sys, dir).txn(get)).toMatchObject({
    ok: false,
    error: { kind: "unreachable" },
  });
});
