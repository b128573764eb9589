import { sweepTemporary } from "../../cni/attachments.ts";
import type { CniError } from "../../cni/errors.ts";
import {
  collectionWasKilled,
  forgetKilledCollection,
  type Lock,
  lockContainer,
  lockForGc,
} from "../../cni/lock.ts";
import { collecting, ofContainer, settleOrphans } from "../../cni/orphans.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";

/** How long an operation waits for another one on the same container. */
const patienceMs = 60_000;

/**
 * Does something to a container alone, after what a killed operation on it, or a killed collection, has left running has
 * come to its end. If that cannot be awaited, the next one is told of it again.
 */
export async function withContainer<T>(
  sys: Sys,
  stateDir: string,
  containerId: string,
  work: () => Promise<Outcome<T, CniError>>,
): Promise<Outcome<T, CniError>> {
  const lock = await lockContainer(sys, stateDir, containerId, patienceMs);
  if (!lock.ok) return lock;
  return within(lock.value, () => settleContainer(sys, stateDir, containerId, lock.value), work);
}

/** Does something while no operation on any container of this node is under way. */
export async function withoutContainers<T>(
  sys: Sys,
  stateDir: string,
  work: () => Promise<Outcome<T, CniError>>,
): Promise<Outcome<T, CniError>> {
  const lock = await lockForGc(sys, stateDir, patienceMs);
  if (!lock.ok) return lock;
  return within(lock.value, async () => (lock.value.inherited ? settleCollection(sys) : ok(undefined)), work);
}

async function within<T>(
  lock: Lock,
  settle: () => Promise<Outcome<void, CniError>>,
  work: () => Promise<Outcome<T, CniError>>,
): Promise<Outcome<T, CniError>> {
  let leave = lock.inherited ? lock.bequeath : lock.release;
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
  lock: Lock,
): Promise<Outcome<void, CniError>> {
  if (collectionWasKilled(sys, stateDir)) {
    const settled = await settleCollection(sys);
    if (!settled.ok) return settled;
    forgetKilledCollection(sys, stateDir);
  }
  if (!lock.inherited) return ok(undefined);
  sweepTemporary(sys, stateDir);
  return settleOrphans(sys, `container ${containerId}`, ofContainer(containerId));
}

function settleCollection(sys: Sys): Promise<Outcome<void, CniError>> {
  return settleOrphans(sys, "garbage collection", collecting);
}
