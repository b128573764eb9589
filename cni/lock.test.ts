import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { createInterface } from "node:readline";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Crash, createMachine, exited, type FakeMachine, type FakeProcess } from "../sys/fake.ts";
import { crashPoints } from "../sys/fake-crashes.ts";
import { linux } from "../sys/linux.ts";
import type { Outcome } from "../sys/outcome.ts";
import { must } from "../sys/outcome-testing.ts";
import type { CniError } from "./errors.ts";
import { type GcLock, type Lock, lockContainer, lockForGc } from "./lock.ts";
import { deadOperations, lockParties, sweepLocks } from "./lock-sweep.ts";
import { endedOperations } from "./orphans.ts";
import { brawl, current } from "./simulation/brawl.ts";

vi.setConfig({ testTimeout: 60_000 });

const stateDir = "/state";
const locks = "/run/hawser/state/.locks";
const patienceMs = 1000;

function take({ sys }: FakeProcess, containerId = "c1"): Promise<Outcome<Lock, CniError>> {
  return lockContainer(sys, stateDir, containerId, patienceMs);
}

function collect({ sys }: FakeProcess): Promise<Outcome<GcLock, CniError>> {
  return lockForGc(sys, stateDir, patienceMs);
}

async function taken(process: FakeProcess, containerId = "c1"): Promise<Lock> {
  return must(await take(process, containerId));
}

function left(machine: FakeMachine): string[] {
  return machine.disk.paths().filter((each) => each.startsWith(`${locks}/`) && each !== `${locks}/`);
}

describe("a container's lock", () => {
  test("is one folder while it is held and nothing after; it costs three effects to take, two to release", async () => {
    const machine = createMachine();
    (await taken(machine.spawn())).release();
    const process = machine.spawn();
    const lock = await taken(process);
    expect(lock.inherited).toBe(false);
    const holder = process.sys.processes.self();
    expect(left(machine)).toEqual([`${locks}/c1/`, `${locks}/c1/${holder}`]);
    expect(machine.disk.stat(locks)).toMatchObject({ value: { mode: 0o700 } });
    expect(process.effects().length).toBe(3);
    lock.release();
    expect(left(machine)).toEqual([]);
    expect(process.effects().length).toBe(5);
    expect(machine.disk.paths().filter((each) => each.startsWith(stateDir))).toEqual([]);
  });

  test("is waited for, and given on when it is released", async () => {
    const machine = createMachine();
    const first = await taken(machine.spawn());
    const waiting = take(machine.spawn());
    await machine.clock.sleep(100);
    first.release();
    expect(await waiting).toMatchObject({ ok: true, value: { inherited: false } });
    expect(machine.clock.monotonicMs()).toBeLessThan(150);
  });

  test("keeps other containers' locks free", async () => {
    const machine = createMachine();
    await taken(machine.spawn(), "c1");
    expect(await take(machine.spawn(), "c1.2")).toMatchObject({ ok: true });
  });

  test("is given up when patience ends, naming the holder, and nothing of the waiter is left", async () => {
    const machine = createMachine();
    const holder = machine.spawn();
    await taken(holder);
    const before = left(machine);
    const refused = await take(machine.spawn());
    expect(refused).toMatchObject({
      ok: false,
      error: {
        code: 11,
        id: "lock.busy",
        msg: `wait for container c1: process ${holder.pid} is at work on it`,
      },
    });
    expect(machine.clock.monotonicMs()).toBe(patienceMs);
    expect(left(machine)).toEqual(before);
  });

  test("of a process that was killed is inherited, once", async () => {
    const machine = createMachine();
    const killed = machine.spawn();
    await taken(killed);
    machine.kill(killed.pid);
    const next = await taken(machine.spawn());
    expect(next.inherited).toBe(true);
    next.release();
    expect((await taken(machine.spawn())).inherited).toBe(false);
  });

  test("of before a reboot is gone, and the first one after it knows that it is", async () => {
    const machine = createMachine();
    await taken(machine.spawn());
    machine.crash({ lose: "nothing" });
    const first = await taken(machine.spawn());
    expect(first).toMatchObject({ inherited: false, isFirst: true });
    first.release();
    expect(await taken(machine.spawn())).toMatchObject({ isFirst: false });
  });

  test("is broken by one of two that see the dead holder at once", async () => {
    const machine = createMachine();
    const killed = machine.spawn();
    await taken(killed);
    machine.kill(killed.pid);
    const faster: Promise<Outcome<Lock, CniError>>[] = [];
    const slower = machine.spawn({
      onCall: (call) => {
        if (call.startsWith("rename") && call.includes("/.dead~c1/") && faster.length === 0)
          faster.push(take(machine.spawn()));
      },
    });
    const waiting = take(slower);
    const [first] = await Promise.all(faster);
    expect(first).toMatchObject({ ok: true, value: { inherited: true } });
    if (first?.ok) first.value.release();
    expect(await waiting).toMatchObject({ ok: true, value: { inherited: false } });
  });

  test("that is broken tells whoever gets it, not whoever broke it", async () => {
    const machine = createMachine();
    const killed = machine.spawn();
    await taken(killed);
    machine.kill(killed.pid);
    const faster: Promise<Outcome<Lock, CniError>>[] = [];
    const breaker = machine.spawn({
      onCall: (call) => {
        // Between the break and the breaker's own second try.
        const isSecondTry =
          call.startsWith("rename") &&
          call.endsWith("/c1") &&
          left(machine).some((each) => each.includes("/.dead~c1/b"));
        if (isSecondTry && faster.length === 0) faster.push(take(machine.spawn()));
      },
    });
    const waiting = take(breaker);
    const [first] = await Promise.all(faster);
    expect(first).toMatchObject({ ok: true, value: { inherited: true } });
    if (first?.ok) first.value.release();
    expect(await waiting).toMatchObject({ ok: true, value: { inherited: false } });
  });

  test.each(["ENOSPC", "EACCES"])(
    "whose state folder refuses with %s fails at once and leaves nothing",
    async (code) => {
      // The first effect makes the place of all locks and is left out here. If it fails, the next process makes the place.
      for (const effect of [1, 2, 3]) {
        const machine = createMachine();
        const process = machine.spawn();
        process.failAt(effect, code);
        const refused = await take(process);
        const msg = `lock container c1 in ${locks}: ${code}`;
        expect(refused).toMatchObject({ ok: false, error: { code: 104, id: "lock.write", msg } });
        expect(left(machine)).toEqual([]);
      }
    },
  );

  test("is not taken when it cannot be seen whether GC is at work", async () => {
    const machine = createMachine();
    const process = machine.spawn();
    process.failReads(locks, "EMFILE");
    expect(await take(process)).toMatchObject({ ok: false, error: { id: "lock.write" } });
    expect(left(machine)).toEqual([]);
  });
});

describe("a holder stopped at any effect", () => {
  test.each(crashPoints)(
    "(%s it) is followed by one that gets the lock; it inherits if it was held",
    async (point) => {
      const heldFrom = { before: 4, half: 4, after: 3 }[point];
      for (let effect = 0; effect < 6; effect++) {
        const machine = createMachine();
        const killed = machine.spawn();
        killed.crashAt(effect, point);
        await expect(taken(killed).then((lock) => lock.release())).rejects.toThrow(Crash);
        const next = machine.spawn();
        const lock = await taken(next);
        // The lock is held from the rename (3) on, until its file is removed (4).
        const wasHeld = effect >= heldFrom && (point === "after" ? effect < 4 : effect <= 4);
        expect([effect, lock.inherited]).toEqual([effect, wasHeld]);
        lock.release();
        sweepLocks(next.sys, stateDir);
        expect(left(machine)).toEqual([]);
      }
    },
  );
});

describe("GC's lock", () => {
  test("waits for the operations under way, and keeps new ones out until it is released", async () => {
    const machine = createMachine();
    const order: string[] = [];
    const first = await taken(machine.spawn(), "c1");
    const collecting = collect(machine.spawn()).then((lock) => {
      order.push("gc");
      return lock;
    });
    const second = take(machine.spawn(), "c2").then((lock) => {
      order.push("c2");
      return lock;
    });
    await machine.clock.sleep(100);
    expect(order).toEqual([]);
    first.release();
    const gc = await collecting;
    await machine.clock.sleep(100);
    expect(order).toEqual(["gc"]);
    if (gc.ok) gc.value.release();
    expect(await second).toMatchObject({ ok: true });
  });

  test("does not keep its own process from taking a container's", async () => {
    const process = createMachine().spawn();
    expect(await collect(process)).toMatchObject({ ok: true });
    expect(await take(process)).toMatchObject({ ok: true });
  });

  test("of a dead GC keeps nobody out, and the next GC inherits it", async () => {
    const machine = createMachine();
    const killed = machine.spawn();
    await collect(killed);
    machine.kill(killed.pid);
    const lock = await taken(machine.spawn());
    lock.release();
    expect(await collect(machine.spawn())).toMatchObject({ ok: true, value: { inherited: true } });
  });

  test("is not kept up by an operation that died", async () => {
    const machine = createMachine();
    const killed = machine.spawn();
    await taken(killed);
    machine.kill(killed.pid);
    expect(await collect(machine.spawn())).toMatchObject({ ok: true });
  });

  test("goes on beside an operation that does not end, names it, and still keeps new ones out", async () => {
    const machine = createMachine();
    await taken(machine.spawn(), "c7");
    const collector = machine.spawn();
    const gc = await lockForGc(collector.sys, stateDir, 60_000);
    expect(gc).toMatchObject({ ok: true, value: { atWork: ["c7"] } });
    const msg = `wait for container c8: process ${collector.pid} collects garbage on this node`;
    expect(await take(machine.spawn(), "c8")).toMatchObject({ ok: false, error: { id: "lock.busy", msg } });
  });

  test("lets new operations in again and again while it waits for a slow one", async () => {
    const machine = createMachine();
    await taken(machine.spawn(), "c7");
    const waits: number[] = [];
    const collecting = lockForGc(machine.spawn().sys, stateDir, 60_000);
    const start = machine.clock.monotonicMs();
    // One after the other, for as long as GC tries.
    for (let count = 0; machine.clock.monotonicMs() - start < 3000; count++) {
      const before = machine.clock.monotonicMs();
      const lock = await taken({ ...machine.spawn() }, `n${count}`).catch(() => undefined);
      waits.push(machine.clock.monotonicMs() - before);
      lock?.release();
      await machine.clock.sleep(10);
    }
    expect(Math.max(...waits)).toBeLessThanOrEqual(1100);
    expect(waits.length).toBeGreaterThan(10);
    expect(await collecting).toMatchObject({ ok: true, value: { atWork: ["c7"] } });
  });

  test("is waited for without touching anything: a claim that came and went would hold GC up", async () => {
    const machine = createMachine();
    const gc = await collect(machine.spawn());
    const waiter = machine.spawn();
    const waiting = take(waiter);
    await machine.clock.sleep(3);
    const afterFirstTry = waiter.effects().length;
    await machine.clock.sleep(500);
    expect(waiter.effects().length).toBe(afterFirstTry);
    if (gc.ok) gc.value.release();
    expect(await waiting).toMatchObject({ ok: true });
  });

  test("that is held too long is named by whoever waited for it", async () => {
    const machine = createMachine();
    const collector = machine.spawn();
    await collect(collector);
    const msg = `wait for container c1: process ${collector.pid} collects garbage on this node`;
    expect(await take(machine.spawn())).toMatchObject({ ok: false, error: { id: "lock.busy", msg } });
  });
});

describe("the parties of a lock", () => {
  test("are its live holder and waiters, without ourselves, the dead and other containers'", async () => {
    const machine = createMachine();
    const holder = machine.spawn();
    const waiter = machine.spawn();
    const dead = machine.spawn();
    const own = machine.spawn();
    await taken(holder);
    await taken(machine.spawn(), "c2");
    // The killed process never gets its lock. That is no failure of the test.
    const waits = [waiter, dead, own].map((process) => take(process).catch(() => undefined));
    machine.kill(dead.pid);
    expect(lockParties(own.sys, stateDir, "c1")).toEqual([holder.pid, waiter.pid]);
    expect(lockParties(own.sys, stateDir, "none")).toEqual([]);
    await Promise.all(waits);
  });
});

describe("a sweep", () => {
  test("removes the dead's locks and registrations, and leaves the living's", async () => {
    const machine = createMachine();
    const [holder, waiter, deadHolder, deadWaiter, breaker] = [1, 2, 3, 4, 5].map(() => machine.spawn());
    if (!holder || !waiter || !deadHolder || !deadWaiter || !breaker) throw new Error("spawn");
    await taken(holder, "c1");
    await taken(deadHolder, "c2");
    const waits = [waiter, deadWaiter].map((process) => take(process, "c1").catch(() => undefined));
    const broken = machine.spawn();
    await taken(broken, "c3");
    for (const { pid } of [deadHolder, deadWaiter, broken]) machine.kill(pid);
    // The effects are the registration (two), the failed rename, the folder of the dead, and the dead one's file.
    breaker.crashAt(4, "after");
    await expect(taken(breaker, "c3")).rejects.toThrow(Crash);
    expect(left(machine)).toContain(`${locks}/.dead~c3/${broken.sys.processes.self()}`);
    const names = left(machine).filter((each) => /c1\/|~c1\//.test(each));
    sweepLocks(machine.spawn().sys, stateDir);
    expect(left(machine)).toEqual(names.filter((each) => !each.includes(deadWaiter.sys.processes.self())));
    await Promise.all(waits);
  });

  test("leaves the lock of a killed process whose delegate still runs: the next one must learn of it", async () => {
    const machine = createMachine({
      executables: { "/bin/slow": (_request, child) => child.sleep(500).then(() => exited(0, "")) },
    });
    const killed = machine.spawn();
    await taken(killed);
    killed.crashAt(killed.effects().length, "half");
    const env = { HAWSER_OPERATION: killed.sys.processes.operation() };
    const request = { executable: "/bin/slow", args: [], env, stdin: "", timeoutMs: 9000, maxOutputBytes: 9 };
    await expect(killed.sys.processes.run(request)).rejects.toThrow(Crash);
    const collector = machine.spawn();
    const sweep = async (): Promise<void> => {
      const ended = await endedOperations(collector.sys, deadOperations(collector.sys, stateDir));
      sweepLocks(collector.sys, stateDir, ended);
    };
    await sweep();
    const next = await taken(machine.spawn());
    expect(next).toMatchObject({ inherited: true, operations: [killed.sys.processes.operation()] });
    next.bequeath();
    await sweep();
    expect(left(machine)).not.toEqual([]);
    await machine.clock.sleep(600);
    await sweep();
    expect(left(machine)).toEqual([]);
  });

  test("in the middle of a registration does not take it away", async () => {
    const machine = createMachine();
    const collector = machine.spawn();
    const process = machine.spawn({ onCall: () => sweepLocks(collector.sys, stateDir) });
    expect(await take(process)).toMatchObject({ ok: true });
  });

  test("of a node without locks does nothing", () => {
    const process = createMachine().spawn();
    sweepLocks(process.sys, stateDir);
    expect(process.effects()).toEqual([]);
  });
});

test("never are there two live holders, nor one beside GC's, and no kill goes untold", async () => {
  const sum = { granted: 0, inherited: 0, kills: 0 };
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 - 1 }), async (seed) => {
      const tally = await brawl(seed, [current]);
      sum.granted += tally.granted;
      sum.inherited += tally.inherited;
      sum.kills += tally.kills;
    }),
    { numRuns: 150 },
  );
  // The property would hold of a lock that nobody ever gets, or of processes that nobody kills.
  expect(sum.granted).toBeGreaterThan(150 * 10);
  expect(sum.inherited).toBeGreaterThan(50);
  expect(sum.kills).toBeGreaterThan(sum.inherited);
});

describe("with real processes", () => {
  let folder: string;
  const children = new Set<ChildProcess>();
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "hawser-lock-"));
  });
  afterEach(() => {
    for (const child of children) child.kill("SIGKILL");
    children.clear();
    fs.rmSync(folder, { recursive: true, force: true });
    fs.rmSync(`/run/hawser${folder}`, { recursive: true, force: true });
  });

  /** Runs TypeScript with the lock and Sys in scope; tells each line that it prints. */
  function start(text: string, onLine: (line: string, child: ChildProcess) => void): Promise<number | null> {
    const here = import.meta.dirname;
    const program = `
      import { lockContainer, lockForGc } from "${here}/lock.ts";
      import { linux } from "${here}/../sys/linux.ts";
      const state = "${folder}/state";
      ${text}`;
    const file = path.join(folder, `program-${children.size}.ts`);
    fs.writeFileSync(file, program);
    const child = spawn(process.execPath, ["--no-warnings", file], { stdio: ["ignore", "pipe", "inherit"] });
    children.add(child);
    createInterface({ input: child.stdout }).on("line", (line) => onLine(line, child));
    return new Promise((resolve) => child.once("close", resolve));
  }

  /** A round in the lock, with a witness that only a killed holder may leave behind. */
  const round = (key: string): string => `
    const lock = await lockContainer(linux, state, "${key}", 60_000);
    if (!lock.ok) throw new Error(lock.error.msg);
    const witness = "${folder}/witness-${key}";
    if (lock.value.inherited) linux.files.remove(witness);
    const alone = linux.files.write(witness, "x", { mode: 0o600, exclusive: true });
    if (!alone.ok) console.log("violation: " + alone.error.code);
    const count = linux.files.read("${folder}/count-${key}");
    linux.files.write("${folder}/count-${key}", String(Number(count.ok ? count.value : 0) + 1), { mode: 0o600 });
    linux.files.remove(witness);
    lock.value.release();`;

  test("eight at 50 rounds each on one container never meet", async () => {
    const lines: string[] = [];
    const text = `for (let i = 0; i < 50; i++) { ${round("c1")} }`;
    const ends = Array.from({ length: 8 }, () => start(text, (line) => lines.push(line)));
    expect(await Promise.all(ends)).toEqual(Array.from({ length: 8 }, () => 0));
    expect(lines).toEqual([]);
    expect(fs.readFileSync(`${folder}/count-c1`, "utf8")).toBe("400");
    expect(fs.readdirSync(`/run/hawser${folder}/state/.locks`)).toEqual([]);
  });

  test("a holder that is killed by SIGKILL is inherited from", async () => {
    const ended = start(
      `const lock = await lockContainer(linux, state, "c1", 1000); console.log("held"); setInterval(() => {}, 1000);`,
      (_line, child) => child.kill("SIGKILL"),
    );
    expect(await ended).toBe(null);
    const lock = await lockContainer(linux, `${folder}/state`, "c1", 1000);
    expect(lock).toMatchObject({ ok: true, value: { inherited: true } });
    if (lock.ok) lock.value.release();
  });

  test("killed again and again amid their rounds, they never meet either", async () => {
    const violations: string[] = [];
    let kills = 0;
    let lines = 0;
    const text = `for (;;) { console.log("round"); ${round("c1")} }`;
    const fight = (): Promise<number | null> =>
      start(text, (line, child) => {
        if (line !== "round") violations.push(line);
        // Each line comes at some moment of the round after it.
        if (++lines % 7 === 0) kills += Number(child.kill("SIGKILL"));
      });
    const respawn = async (): Promise<void> => {
      for (let lives = 0; lives < 6; lives++) await fight();
    };
    await Promise.all([respawn(), respawn(), respawn(), respawn()]);
    expect(violations).toEqual([]);
    expect(kills).toBeGreaterThanOrEqual(24);
    const lock = await lockContainer(linux, `${folder}/state`, "c1", 5000);
    expect(lock.ok).toBe(true);
    if (lock.ok) lock.value.release();
    sweepLocks(linux, `${folder}/state`);
    expect(fs.readdirSync(`/run/hawser${folder}/state/.locks`)).toEqual([]);
  });

  test("GC never meets an operation on any container", async () => {
    const lines: string[] = [];
    const operate = (key: string): string => `for (let i = 0; i < 30; i++) { ${round(key)} }`;
    const collecting = `for (let i = 0; i < 30; i++) {
      const lock = await lockForGc(linux, state, 60_000);
      if (!lock.ok) throw new Error(lock.error.msg);
      for (let look = 0; look < 20; look++) {
        const witnesses = linux.files.list("${folder}").value.filter((name) => name.startsWith("witness"));
        if (witnesses.length > 0) console.log("violation: " + witnesses);
      }
      lock.value.release();
    }`;
    const programs = [operate("c1"), operate("c2"), operate("c2"), operate("c3"), collecting, collecting];
    const ends = programs.map((text) => start(text, (line) => lines.push(line)));
    expect(await Promise.all(ends)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(lines).toEqual([]);
    expect(fs.readFileSync(`${folder}/count-c2`, "utf8")).toBe("60");
    expect(fs.readdirSync(`/run/hawser${folder}/state/.locks`)).toEqual([]);
  });
});
