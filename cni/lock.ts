import type { Attempt } from "../sys/fault.ts";
import { type Outcome, ok } from "../sys/outcome.ts";
import { outerIdentity } from "../sys/process-identity.ts";
import type { Sys } from "../sys/sys.ts";
import type { CniError } from "./errors.ts";
import {
  type AtWork,
  buryIn,
  collector,
  containersAtWork,
  type LockClaim,
  poll,
  release,
  take,
  takePatiently,
  takeUnlessCollecting,
} from "./lock-claim.ts";
import { deadPath, folderMode, gcKey, heldPath, namesIn, operationIn, placeOf } from "./lock-place.ts";
import { type OldLock, takeOld } from "./old-locks.ts";

/**
 * A lock for each container, and one for GC that excludes all of them. `lock-claim.ts` tells how a lock is taken,
 * `lock-place.ts` where it lies.
 */
export interface Lock {
  /** The lock's last holder was killed at its work, and nobody has undone yet what it left. */
  readonly inherited: boolean;
  /** The operations of dead holders: their delegates have these names in their environment (`orphans.ts`). */
  readonly operations: readonly string[];
  /** Nobody has taken a lock in this folder since the boot. Operations that the reboot cut off may have left files. */
  readonly isFirst: boolean;
  /** GCs that were killed. Whoever adds an attachment first waits for their delegates to end. */
  readonly killed: readonly KilledCollection[];
  /**
   * Whoever adds an attachment awaits this once the attachment is recorded. It waits for a GC that has not seen the
   * record; a later GC sees it. Returns the GCs that were killed meanwhile. Errors: `lock.busy`.
   */
  readonly passCollection: () => Promise<Outcome<readonly KilledCollection[], CniError>>;
  /** Releases the lock: everything that dead holders left is undone. */
  readonly release: () => void;
  /** Releases the lock, and the next holder inherits it: what dead holders left could not be undone. */
  readonly bequeath: () => void;
}

export interface GcLock extends Lock {
  /**
   * Containers whose operations did not end while GC waited for them. New operations wait until GC releases the lock.
   */
  readonly atWork: readonly string[];
}

/** How long GC keeps new operations waiting, while it waits for those under way. */
const gateMs = 1_000;
/** How long GC then lets them in before it tries again. */
const openMs = 300;
/** How often GC tries. */
const gateRounds = 3;

/**
 * Waits until the container and the node's GC are free. Errors: `lock.busy` (try again later) naming the process that
 * kept it for all of `patienceMs`, `lock.write` when the place of locks refuses.
 */
export async function lockContainer(
  sys: Sys,
  stateDir: string,
  containerId: string,
  patienceMs: number,
): Promise<Outcome<Lock, CniError>> {
  const made = newClaim(sys, stateDir, containerId, `container ${containerId}`, patienceMs);
  const { claim } = made;
  const taken = await takePatiently(claim, (count) => takeUnlessCollecting(claim, count));
  if (!taken.ok) return taken;
  const old = await takeOld(claim, stateDir);
  if (old.ok) return ok(toLock(made, old.value));
  release(claim);
  return old;
}

/**
 * Takes GC's lock: no other GC runs, and new operations wait. GC waits for operations under way, a moment at a time, so
 * that no other waits long because of them. In the end it goes on beside those that still work, and names them.
 */
export async function lockForGc(
  sys: Sys,
  stateDir: string,
  patienceMs: number,
  rounds = gateRounds,
): Promise<Outcome<GcLock, CniError>> {
  const made = newClaim(sys, stateDir, gcKey, "the garbage collection of this node", patienceMs);
  for (let round = 1; ; round++) {
    const closed = await closeGate(made, stateDir);
    if (!closed.ok) return closed;
    const { lock, old } = closed.value;
    const drained = await drain(made.claim, old, round < rounds);
    if (!drained.ok) {
      lock.bequeath();
      return drained;
    }
    if (drained.value !== undefined) return ok({ ...lock, atWork: drained.value });
    lock.bequeath();
    await sys.clock.sleep(openMs);
  }
}

async function closeGate(
  made: Made,
  stateDir: string,
): Promise<Outcome<{ lock: Lock; old: OldLock | undefined }, CniError>> {
  const { claim } = made;
  const taken = await takePatiently(claim, () => take(claim));
  if (!taken.ok) return taken;
  const old = await takeOld(claim, stateDir);
  if (old.ok) return ok({ lock: toLock(made, old.value), old: old.value });
  release(claim);
  return old;
}

/** Containers that are at work beside GC: none if all have ended, undefined if GC should let them go on first. */
async function drain(
  claim: LockClaim,
  old: OldLock | undefined,
  mayTryAgain: boolean,
): Promise<Outcome<readonly string[] | undefined, CniError>> {
  const nowMs = claim.sys.clock.monotonicMs();
  const gate = { ...claim, deadlineMs: Math.min(claim.deadlineMs, nowMs + gateMs) };
  let working: Working = { ours: [], others: [] };
  const ended = await poll(gate, () => {
    const found = workingBeside(claim, old);
    if (found.ok) working = found.value;
    return found.ok ? ok(working.others[0] ?? working.ours[0]) : found;
  });
  if (ended.ok) return ok([]);
  if (ended.error.id !== "lock.busy") return ended;
  // An ADD of 0.1.0 does not look for GC again once it has its record: nobody may collect beside it.
  if (working.others.length > 0)
    return claim.sys.clock.monotonicMs() < claim.deadlineMs ? ok(undefined) : ended;
  return ok(mayTryAgain ? undefined : working.ours.map(({ key }) => key));
}

interface Working {
  readonly ours: readonly AtWork[];
  /** Containers that a process of hawser 0.1.0 is at work on. */
  readonly others: readonly AtWork[];
}

function workingBeside(claim: LockClaim, old: OldLock | undefined): Attempt<Working> {
  const ours = containersAtWork(claim);
  const theirs = old === undefined ? ok([]) : old.atWork();
  if (!ours.ok) return ours;
  if (!theirs.ok) return theirs;
  const known = new Set(ours.value.map(({ identity }) => outerIdentity(identity)));
  return ok({ ours: ours.value, others: theirs.value.filter(({ identity }) => !known.has(identity)) });
}

/** A GC that was killed and whose delegates nobody has waited for: they may still free what has been added since. */
export interface KilledCollection {
  /** Path of the killed GC's file among the locks. */
  readonly path: string;
  readonly operation: string;
}

/** `names` are the names in the folder of locks. */
function killedCollections(
  { sys, folder }: LockClaim,
  names: readonly string[],
  old: OldLock | undefined,
): KilledCollection[] {
  const isDead = (identity: string): boolean => !sys.processes.isAlive(identity);
  const filesIn = (path: string, isMeant: (identity: string) => boolean): KilledCollection[] =>
    namesIn(sys, path)
      .filter(isMeant)
      .map((name) => ({ path: `${path}/${name}`, operation: operationIn(sys, path, name) }));
  const dead = deadPath(folder, gcKey);
  return [
    ...(names.includes(gcKey) ? filesIn(heldPath(folder, gcKey), isDead) : []),
    ...(names.some((name) => dead === `${folder}/${name}`) ? filesIn(dead, () => true) : []),
    ...(old === undefined ? [] : filesIn(heldPath(old.folder, gcKey), isDead)),
  ];
}

/** Removes the files of these killed GCs. Call it after their delegates have ended. */
export function forgetCollections(sys: Sys, killed: readonly KilledCollection[]): void {
  for (const { path } of killed) {
    sys.files.remove(path);
    sys.files.removeFolder(path.slice(0, path.lastIndexOf("/")));
  }
}

interface Made {
  readonly claim: LockClaim;
  readonly isFirst: boolean;
}

function newClaim(sys: Sys, stateDir: string, key: string, label: string, patienceMs: number): Made {
  const folder = placeOf(sys, stateDir);
  const deadlineMs = sys.clock.monotonicMs() + patienceMs;
  const identity = sys.processes.self();
  const bury = buryIn(sys, folder, key);
  const isFirst = !sys.files.stat(folder).ok;
  // Made here with its own mode. If makeFolder made it as a missing parent, it would be open to all, and others need not
  // know which containers are being worked on.
  if (isFirst) sys.files.makeFolder(folder, folderMode);
  return { claim: { sys, folder, key, label, patienceMs, deadlineMs, identity, bury }, isFirst };
}

function toLock({ claim, isFirst }: Made, old: OldLock | undefined): Lock {
  const { sys, folder, key, patienceMs } = claim;
  const path = deadPath(folder, key);
  const all = namesIn(sys, folder);
  const hasDead = all.some((name) => path === `${folder}/${name}`);
  const dead = hasDead ? namesIn(sys, path) : [];
  const bequeath = (): void => {
    old?.release();
    release(claim);
  };
  return {
    inherited: dead.length > 0,
    operations: dead.map((identity) => operationIn(sys, path, identity)),
    isFirst,
    killed: killedCollections(claim, all, old),
    passCollection: async () => {
      const later = { ...claim, deadlineMs: sys.clock.monotonicMs() + patienceMs };
      const passed = await poll(later, () => collector(later));
      return passed.ok ? ok(killedCollections(claim, namesIn(sys, folder), old)) : passed;
    },
    bequeath,
    release: () => {
      for (const identity of dead) sys.files.remove(`${path}/${identity}`);
      if (hasDead) sys.files.removeFolder(path);
      bequeath();
    },
  };
}
