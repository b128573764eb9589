import { sweepTemporary } from "../../../cni/attachments.ts";
import type { CniError } from "../../../cni/errors.ts";
import {
  forgetCollections,
  type GcLock,
  type KilledCollection,
  type Lock,
  lockContainer,
  lockForGc,
} from "../../../cni/lock.ts";
import { settleOrphans } from "../../../cni/orphans.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";

/** How long an operation waits for another one on the same container. */
export const patienceMs = 60_000;

/**
 * Does something to a container under its lock. If an operation on it, or a GC, was killed, it waits first until the delegates
 * have ended that are still running. If they do not end, the next operation inherits the lock again.
 */
export async function withContainer<T>(
  sys: Sys,
  stateDir: string,
  containerId: string,
  work: (lock: Lock) => Promise<Outcome<T, CniError>>,
  waitMs = patienceMs,
): Promise<Outcome<T, CniError>> {
  const lock = await lockContainer(sys, stateDir, containerId, waitMs);
  if (!lock.ok) return lock;
  const settle = () => settleContainer(sys, stateDir, containerId, lock.value);
  return underLock(lock.value, settle, () => work(lock.value));
}

/** Does something under GC's lock, while no operation begins. `work` gets the operations that are under way. */
export async function collectingAlone<T>(
  sys: Sys,
  stateDir: string,
  rounds: number | undefined,
  work: (lock: GcLock) => Promise<Outcome<T, CniError>>,
): Promise<Outcome<T, CniError>> {
  const lock = await lockForGc(sys, stateDir, patienceMs, rounds);
  if (!lock.ok) return lock;
  const settle = () => settleOrphans(sys, "garbage collection", lock.value.operations);
  return underLock(lock.value, settle, () => work(lock.value));
}

/** An ADD awaits this between its record and its first delegate: see `Lock`. */
export async function passCollection(sys: Sys, lock: Lock): Promise<Outcome<void, CniError>> {
  const killed = await lock.passCollection();
  return killed.ok ? settleCollections(sys, killed.value) : killed;
}

async function underLock<T>(
  lock: Lock,
  settle: () => Promise<Outcome<void, CniError>>,
  work: () => Promise<Outcome<T, CniError>>,
): Promise<Outcome<T, CniError>> {
  let leave = lock.bequeath;
  try {
    const settled = await settle();
    if (!settled.ok) return settled;
    leave = lock.release;
    return await work();
  } finally {
    leave();
  }
}

async function settleContainer(
  sys: Sys,
  stateDir: string,
  containerId: string,
  { inherited, isFirst, operations, killed }: Lock,
): Promise<Outcome<void, CniError>> {
  const settled = await settleCollections(sys, killed);
  if (!settled.ok) return settled;
  if (inherited || isFirst) sweepTemporary(sys, stateDir);
  return settleOrphans(sys, `container ${containerId}`, operations);
}

async function settleCollections(
  sys: Sys,
  killed: readonly KilledCollection[],
): Promise<Outcome<void, CniError>> {
  if (killed.length === 0) return ok(undefined);
  const operations = killed.map(({ operation }) => operation);
  const settled = await settleOrphans(sys, "garbage collection", operations);
  if (settled.ok) forgetCollections(sys, killed);
  return settled;
}
