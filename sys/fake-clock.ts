import type { Clock, Random } from "./sys.ts";

/**
 * Time passes only while every process sleeps: then it leaps to the first that wakes. A test waits on this clock or not
 * at all.
 */
export interface FakeClock extends Clock {
  /** Like `sleep`; `cancel` ends it without waking anybody. */
  timer(durationMs: number): { readonly done: Promise<void>; readonly cancel: () => void };
  advance(durationMs: number): void;
  /** The monotonic clock starts again. */
  restart(): void;
}

interface Sleeper {
  readonly wakeMs: number;
  readonly wake: () => void;
}

export function createClock(startMs: number): FakeClock {
  let nowMs = startMs;
  let bootMs = startMs;
  let pumping = false;
  const sleepers = new Set<Sleeper>();
  const pump = (): void => {
    pumping = false;
    const first = [...sleepers].sort((one, other) => one.wakeMs - other.wakeMs)[0];
    if (first === undefined) return;
    sleepers.delete(first);
    nowMs = Math.max(nowMs, first.wakeMs);
    first.wake();
    schedule();
  };
  const schedule = (): void => {
    if (pumping || sleepers.size === 0) return;
    pumping = true;
    // This runs after everything that is ready to run.
    setImmediate(pump);
  };
  const timer = (durationMs: number): { done: Promise<void>; cancel: () => void } => {
    const { promise, resolve } = withResolvers();
    const sleeper = { wakeMs: nowMs + Math.max(0, durationMs), wake: resolve };
    sleepers.add(sleeper);
    schedule();
    return { done: promise, cancel: () => void sleepers.delete(sleeper) };
  };
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs - bootMs,
    sleep: (durationMs) => timer(durationMs).done,
    sleepUnlessStopped: async (durationMs) => void (await timer(durationMs).done),
    alarm: (durationMs, ring) => {
      const { done, cancel } = timer(durationMs);
      done.then(() => ring());
      return cancel;
    },
    timer,
    advance: (durationMs) => {
      nowMs += durationMs;
    },
    restart: () => {
      bootMs = nowMs;
    },
  };
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Random numbers from 0 to below 1 that are the same for the same seed (mulberry32). */
export function createChance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function createRandom(chance: () => number): Random {
  return {
    hex: (digits) => Array.from({ length: digits }, () => Math.floor(chance() * 16).toString(16)).join(""),
  };
}
