import * as fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { createMachine, type FakeMachine, type FakeProcess } from "../sys/fake.ts";
import { must } from "../sys/outcome-testing.ts";
import { type Lock, lockContainer, lockForGc } from "./lock.ts";
import { deadOperations, sweepLocks } from "./lock-sweep.ts";
import { brawl, current, previous } from "./simulation/brawl.ts";

vi.setConfig({ testTimeout: 60_000 });

const stateDir = "/state";
const old = `${stateDir}/.locks`;

/** A node on which 0.1.0 has been at work in this boot. */
function upgraded(): FakeMachine {
  return createMachine({ files: { [`${old}/.keep`]: "" } });
}

async function taken({ sys }: FakeProcess, containerId = "c1"): Promise<Lock> {
  return must(await lockContainer(sys, stateDir, containerId, 1000));
}

const oldTake = ({ sys }: FakeProcess, containerId = "c1") => previous.take(sys, containerId);

describe("beside a process of 0.1.0", () => {
  test("its lock is waited for, and ours keeps it out", async () => {
    const machine = upgraded();
    const first = await oldTake(machine.spawn());
    const holder = machine.spawn();
    expect(await lockContainer(holder.sys, stateDir, "c1", 100)).toMatchObject({
      error: { id: "lock.busy" },
    });
    if (first.ok) first.value.release();
    const ours = await taken(holder);
    expect(await oldTake(machine.spawn())).toMatchObject({ ok: false });
    ours.release();
    expect(await oldTake(machine.spawn())).toMatchObject({ ok: true });
  });

  test("its GC is waited for, and waits for us", async () => {
    const machine = upgraded();
    const collecting = await previous.collect(machine.spawn().sys);
    expect(await lockContainer(machine.spawn().sys, stateDir, "c1", 100)).toMatchObject({ ok: false });
    if (collecting.ok) collecting.value.release();
    await taken(machine.spawn());
    expect(await previous.collect(machine.spawn().sys)).toMatchObject({ ok: false });
  });

  test("our GC gives up when its operation does not end: it looks for GC only once", async () => {
    const machine = upgraded();
    await oldTake(machine.spawn(), "c7");
    const collected = await lockForGc(machine.spawn().sys, stateDir, 20_000);
    expect(collected).toMatchObject({ ok: false, error: { id: "lock.busy", msg: /container c7/ } });
    expect(machine.clock.monotonicMs()).toBeGreaterThanOrEqual(20_000);
    expect(await taken(machine.spawn(), "c8")).toMatchObject({ inherited: false });
  });

  test("one that was killed is inherited from, with the identity that its delegates have", async () => {
    const machine = upgraded();
    const killed = machine.spawn();
    await oldTake(killed);
    machine.kill(killed.pid);
    const next = await taken(machine.spawn());
    expect(next).toMatchObject({ inherited: true, operations: [killed.sys.processes.self()] });
    next.release();
    expect(await taken(machine.spawn())).toMatchObject({ inherited: false });
  });

  test("a death that it has noted is told", async () => {
    const machine = upgraded();
    machine.disk.write(`${old}/.dead~c1`, "", { mode: 0o600 });
    const next = await taken(machine.spawn());
    expect(next.inherited).toBe(true);
    next.release();
    expect(await taken(machine.spawn())).toMatchObject({ inherited: false });
  });

  test.each(["EROFS", "ENOSPC", "EDQUOT"])(
    "a disk that refuses with %s stops neither waiting nor working",
    async (code) => {
      const machine = upgraded();
      const first = await oldTake(machine.spawn());
      const refusing = (): FakeProcess => {
        const process = machine.spawn();
        const refuse = (path: string) => path.startsWith(`${stateDir}/`);
        const fault = { ok: false, error: { code, message: code } } as const;
        const { files } = process.sys;
        const makeFolder: typeof files.makeFolder = (path, mode) =>
          refuse(path) ? fault : files.makeFolder(path, mode);
        const write: typeof files.write = (path, ...rest) =>
          refuse(path) ? fault : files.write(path, ...rest);
        return { ...process, sys: { ...process.sys, files: { ...files, makeFolder, write } } };
      };
      expect(await lockContainer(refusing().sys, stateDir, "c1", 100)).toMatchObject({
        error: { id: "lock.busy" },
      });
      if (first.ok) first.value.release();
      const lock = await taken(refusing());
      lock.release();
    },
  );
});

describe("the place of 0.1.0's locks", () => {
  test("is minded until the next boot, and then removed", async () => {
    const machine = upgraded();
    (await taken(machine.spawn())).release();
    const left = machine.spawn();
    await oldTake(left);
    expect(machine.disk.list(old)).toMatchObject({ ok: true });
    machine.crash({ lose: "nothing" });
    const next = machine.spawn();
    // The first boot is marked; what is of it is nobody's any more.
    const lock = await taken(next);
    lock.release();
    expect(machine.disk.list(old)).toMatchObject({ ok: false, error: { code: "ENOENT" } });
    expect(lock.inherited).toBe(false);
  });

  test("stays while somebody is at work there all the same: an older version was put back", async () => {
    const machine = upgraded();
    (await taken(machine.spawn())).release();
    machine.crash({ lose: "nothing" });
    const first = await oldTake(machine.spawn());
    expect(await lockContainer(machine.spawn().sys, stateDir, "c1", 100)).toMatchObject({ ok: false });
    if (first.ok) first.value.release();
    (await taken(machine.spawn())).release();
  });

  test("is swept of what the dead have left, but for what they may still have running", async () => {
    const machine = upgraded();
    const [ended, owing, living] = [machine.spawn(), machine.spawn(), machine.spawn()];
    await oldTake(ended, "c1");
    await oldTake(owing, "c2");
    await oldTake(living, "c3");
    for (const { pid } of [ended, owing]) machine.kill(pid);
    const { sys } = machine.spawn();
    expect(deadOperations(sys, stateDir)).toEqual([ended, owing].map((each) => each.sys.processes.self()));
    sweepLocks(sys, stateDir, new Set([ended.sys.processes.self()]));
    expect(machine.disk.list(old)).toEqual({ ok: true, value: [".keep", "c2", "c3"] });
  });

  test("is never made", async () => {
    const machine = createMachine();
    (await taken(machine.spawn())).release();
    expect(machine.disk.paths().filter((path) => path.startsWith(stateDir))).toEqual([]);
  });
});

test("however the two versions get in each other's way, no two hold one lock, and no kill goes untold", async () => {
  const sum = { granted: 0, inherited: 0, kills: 0 };
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 - 1 }), async (seed) => {
      const tally = await brawl(seed, [current, previous]);
      sum.granted += tally.granted;
      sum.inherited += tally.inherited;
      sum.kills += tally.kills;
    }),
    { numRuns: 150 },
  );
  expect(sum.granted).toBeGreaterThan(150 * 5);
  expect(sum.inherited).toBeGreaterThan(50);
});
