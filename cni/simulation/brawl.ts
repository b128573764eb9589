import { expect } from "vitest";
import { Crash, createMachine, type FakeMachine, type FakeProcess } from "../../sys/fake.ts";
import { createChance } from "../../sys/fake-clock.ts";
import type { Outcome } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { lockContainer, lockForGc } from "../lock.ts";
import { sweepLocks } from "../lock-sweep.ts";
import * as old from "./lock-0.1.0.ts";

interface Held {
  readonly inherited: boolean;
  readonly release: () => void;
}

/** One version's way to take a lock. */
export interface Locker {
  readonly take: (sys: Sys, containerId: string) => Promise<Outcome<Held, unknown>>;
  readonly collect: (sys: Sys) => Promise<Outcome<Held, unknown>>;
}

const stateDir = "/state";
const patienceMs = 1000;
/** Where 0.1.0 has been at work. */
const oldPlace = { [`${stateDir}/.locks/.keep`]: "" };

export const current: Locker = {
  take: (sys, containerId) => lockContainer(sys, stateDir, containerId, patienceMs),
  collect: (sys) => lockForGc(sys, stateDir, patienceMs),
};

export const previous: Locker = {
  take: (sys, containerId) => old.lockContainer(sys, stateDir, containerId, patienceMs),
  collect: (sys) => old.lockForGc(sys, stateDir, patienceMs),
};

/** All that lies in the place of locks. */
export function leftLocks(machine: FakeMachine, of: string): string[] {
  const place = `/run/hawser${of}/.locks/`;
  return machine.disk.paths().filter((each) => each.startsWith(place) && each !== place);
}

/** Processes that get in each other's way at any call and are killed at any call, as chance has it. */
export async function brawl(
  seed: number,
  lockers: readonly Locker[],
): Promise<{ granted: number; inherited: number; kills: number }> {
  const machine = createMachine({
    seed,
    files: lockers.includes(current) && lockers.length > 1 ? oldPlace : {},
  });
  const chance = createChance(seed);
  const pick = (count: number): number => Math.floor(chance() * count);
  const holding = new Map<number, string>();
  const owed = new Set<string>();
  const tally = { granted: 0, inherited: 0, kills: 0 };
  const living = new Map<number, FakeProcess>();
  const ends: Promise<void>[] = [];
  let pending = 30;
  const operate = async (process: FakeProcess): Promise<void> => {
    const key = ["c1", "c1", "c2", ".gc"][pick(4)] ?? "c1";
    const locker = lockers[pick(lockers.length)] ?? current;
    const lock = await (key === ".gc" ? locker.collect(process.sys) : locker.take(process.sys, key));
    if (!lock.ok || process.isDead()) return;
    const others = [...holding.values()];
    expect(others.includes(key), `two hold ${key}`).toBe(false);
    expect(key === ".gc" ? others : others.filter((each) => each === ".gc"), `${key} beside`).toEqual([]);
    if (owed.delete(key)) expect(lock.value.inherited, `${key} was killed`).toBe(true);
    tally.granted++;
    tally.inherited += Number(lock.value.inherited);
    holding.set(process.pid, key);
    await process.sys.clock.sleep(pick(10));
    holding.delete(process.pid);
    lock.value.release();
  };
  const kill = (pid: number): void => {
    const key = holding.get(pid);
    if (key !== undefined) owed.add(key);
    holding.delete(pid);
    machine.kill(pid);
    tally.kills++;
  };
  const start = (): void => {
    pending--;
    const process = machine.spawn({
      onCall: () => {
        if (pending > 0 && chance() < 0.15) start();
        const victims = [...living.keys()];
        if (chance() < 0.01) kill(victims[pick(victims.length)] ?? 0);
      },
    });
    living.set(process.pid, process);
    const end = operate(process)
      .catch((error: unknown) => {
        if (!(error instanceof Crash)) throw error;
      })
      .finally(() => living.delete(process.pid));
    ends.push(end);
  };
  while (pending > 0) {
    start();
    await machine.clock.sleep(pick(10));
  }
  // More may be started while these end.
  for (const end of ends) await end;
  await tidyUp(machine);
  return tally;
}

/** Runs the next operations and a sweep. After them nothing of a killed process is left. */
async function tidyUp(machine: FakeMachine): Promise<void> {
  const { sys } = machine.spawn();
  for (const key of ["c1", "c2"]) {
    const lock = await current.take(sys, key);
    if (lock.ok) lock.value.release();
  }
  sweepLocks(sys, stateDir);
  expect(leftLocks(machine, stateDir)).toEqual([]);
}
