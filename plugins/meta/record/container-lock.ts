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
 * Does something to a container alone, after what a killed operation on it, or a killed collection, has left running has
 * come to its end. If that cannot be awaited, the next one is told of it again.
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

/** Does something alone among collections, while no operation begins; `work` is told of those that are under way. */
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

/** To be awaited between the record of an ADD and its first delegate: see `Lock`. */
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
