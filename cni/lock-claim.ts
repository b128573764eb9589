import type { Attempt, Fault } from "../sys/fault.ts";
import { fail, type Outcome, ok } from "../sys/outcome.ts";
import { pidOf } from "../sys/process-identity.ts";
import type { Sys } from "../sys/sys.ts";
import { type CniError, cniError } from "./errors.ts";
import {
  deadMark,
  deadPath,
  fileMode,
  folderMode,
  gcKey,
  heldPath,
  holders,
  namesIn,
  parseWaiter,
  waitingPath,
} from "./lock-place.ts";

/**
 * Node has no flock, so a lock is a folder that is held as long as it is not empty; the one file in it is named by its
 * holder's identity.
 *
 * - Taking it is one rename of a prepared folder, which the kernel refuses over a folder that is not empty. Until then the
 *   prepared folder registers its owner as waiting.
 * - Breaking a dead process's lock moves that process's file out by its own name: a lock that somebody took meanwhile
 *   has a file of another name, so none is broken by mistake.
 * - Whoever takes a container's lock then looks for GC's, and GC, having taken its own, then looks for the containers':
 *   each writes before it reads, so at least one of two that meet sees the other.
 */
export interface LockClaim {
  readonly sys: Sys;
  /** The folder of all locks. */
  readonly folder: string;
  readonly key: string;
  readonly identity: string;
  /** For people: the thing that is locked. */
  readonly label: string;
  readonly patienceMs: number;
  /** On `sys.clock.monotonicMs()`. */
  readonly deadlineMs: number;
  /** Moves the file of a dead holder to the place where the next holder looks for it. */
  readonly bury: (identity: string) => Attempt;
}

/** The process that holds the lock. */
export interface Blocker {
  readonly identity: string;
  /** `is at work on it` */
  readonly doing: string;
}

/** A container that a live process is at work on. */
export interface AtWork extends Blocker {
  readonly key: string;
}

const pauses = [2, 4, 8, 16];
const longestPauseMs = 25;
const atWork = "is at work on it";

/** Registers as waiting and tries until it has the lock. If it fails, nothing of the registration is left. */
export async function takePatiently(
  claim: LockClaim,
  tryOnce: (count: number) => Attempt<Blocker | undefined>,
): Promise<Outcome<void, CniError>> {
  const registered = register(claim);
  const taken = registered.ok ? await poll(claim, tryOnce) : fail(refused(claim, registered.error));
  if (!taken.ok) withdraw(claim);
  return taken;
}

/** Tries until no process is in the way, or until the time is over. */
export async function poll(
  claim: LockClaim,
  tryOnce: (count: number) => Attempt<Blocker | undefined>,
): Promise<Outcome<void, CniError>> {
  for (let count = 0; ; count++) {
    const blocker = tryOnce(count);
    if (!blocker.ok) return fail(refused(claim, blocker.error));
    if (blocker.value === undefined) return ok(undefined);
    const leftMs = claim.deadlineMs - claim.sys.clock.monotonicMs();
    if (leftMs <= 0) return fail(busy(claim, blocker.value));
    await claim.sys.clock.sleep(Math.min(pauses[count] ?? longestPauseMs, leftMs));
  }
}

export function register({ sys, folder, key, identity }: LockClaim): Attempt {
  const path = waitingPath(folder, key, identity);
  const made = sys.files.makeFolder(path, folderMode);
  if (!made.ok) return made;
  return sys.files.write(`${path}/${identity}`, sys.processes.operation(), { mode: fileMode });
}

export function withdraw({ sys, folder, key, identity }: LockClaim): void {
  const path = waitingPath(folder, key, identity);
  sys.files.remove(`${path}/${identity}`);
  sys.files.removeFolder(path);
}

export function release(claim: LockClaim): void {
  sweepWaiters(claim);
  const path = heldPath(claim.folder, claim.key);
  claim.sys.files.remove(`${path}/${claim.identity}`);
  // This fails if the next holder has the lock already.
  claim.sys.files.removeFolder(path);
}

/**
 * Removes the registrations of processes that were killed while they waited for this lock. Where GC is never called,
 * nobody else does.
 */
function sweepWaiters({ sys, folder, key }: LockClaim): void {
  for (const name of namesIn(sys, folder)) {
    const waiter = parseWaiter(name);
    if (waiter?.key !== key || waiter.identity === deadMark || sys.processes.isAlive(waiter.identity))
      continue;
    sys.files.remove(`${folder}/${name}/${waiter.identity}`);
    sys.files.removeFolder(`${folder}/${name}`);
  }
}

/**
 * Takes the lock unless GC is at work. After the first collision with GC it looks for GC first: a process that took its
 * lock again and again would hold GC up.
 */
export function takeUnlessCollecting(claim: LockClaim, count: number): Attempt<Blocker | undefined> {
  const collecting = count === 0 ? ok(undefined) : collector(claim);
  if (!collecting.ok || collecting.value !== undefined) return collecting;
  const taken = take(claim);
  if (!taken.ok || taken.value !== undefined) return taken;
  const collectingNow = collector(claim);
  if (collectingNow.ok && collectingNow.value === undefined) return collectingNow;
  const { sys, folder, key, identity } = claim;
  const back = sys.files.rename(heldPath(folder, key), waitingPath(folder, key, identity));
  if (back.ok) return collectingNow;
  release(claim);
  return back;
}

export function collector(claim: LockClaim): Attempt<Blocker | undefined> {
  // One listing: it hardly ever has GC's lock, and it fails where the folder cannot be read.
  const names = holders(claim.sys, claim.folder);
  if (!names.ok) return names;
  if (!names.value.includes(gcKey)) return ok(undefined);
  const identity = otherHolder(claim, gcKey);
  if (!identity.ok) return identity;
  if (identity.value === undefined) return ok(undefined);
  return ok({ identity: identity.value, doing: "collects garbage on this node" });
}

/** Containers that live processes other than ourselves are at work on. */
export function containersAtWork(claim: LockClaim): Attempt<readonly AtWork[]> {
  const names = holders(claim.sys, claim.folder);
  if (!names.ok) return names;
  const found: AtWork[] = [];
  for (const key of names.value.filter((name) => !name.startsWith("."))) {
    const identity = otherHolder(claim, key);
    if (!identity.ok) return identity;
    if (identity.value !== undefined)
      found.push({ key, identity: identity.value, doing: `is at work on container ${key}` });
  }
  return ok(found);
}

/** The live process that holds a lock, unless it is this one. */
function otherHolder({ sys, folder, identity }: LockClaim, key: string): Attempt<string | undefined> {
  const names = holders(sys, heldPath(folder, key));
  return names.ok ? ok(names.value.find((each) => each !== identity && sys.processes.isAlive(each))) : names;
}

/** One try; breaks the lock of a dead holder. */
export function take(claim: LockClaim): Attempt<Blocker | undefined> {
  const moved = moveIn(claim);
  if (!moved.ok) return moved;
  if (moved.value) return ok(undefined);
  const names = holders(claim.sys, heldPath(claim.folder, claim.key));
  if (!names.ok) return names;
  for (const identity of names.value) {
    if (claim.sys.processes.isAlive(identity)) return ok({ identity, doing: atWork });
    const broken = claim.bury(identity);
    // ENOENT: another waiter was faster.
    if (!broken.ok && broken.error.code !== "ENOENT") return broken;
  }
  const again = moveIn(claim);
  if (!again.ok) return again;
  return ok(again.value ? undefined : { identity: names.value[0] ?? claim.identity, doing: atWork });
}

/** Whether the prepared folder could become the lock. */
function moveIn({ sys, folder, key, identity }: LockClaim): Attempt<boolean> {
  const moved = sys.files.rename(waitingPath(folder, key, identity), heldPath(folder, key));
  if (moved.ok) return ok(true);
  const occupied = moved.error.code === "ENOTEMPTY" || moved.error.code === "EEXIST";
  return occupied ? ok(false) : moved;
}

/** Moves the file of a dead holder to where the next holder of the lock looks for it. */
export function buryIn(sys: Sys, folder: string, key: string): (identity: string) => Attempt {
  return (identity) => {
    const made = sys.files.makeFolder(deadPath(folder, key), folderMode);
    if (!made.ok) return made;
    return sys.files.rename(`${heldPath(folder, key)}/${identity}`, `${deadPath(folder, key)}/${identity}`);
  };
}

function busy(claim: LockClaim, { identity, doing }: Blocker): CniError {
  return cniError(
    "tryAgainLater",
    "lock.busy",
    `wait for ${claim.label}: process ${pidOf(identity)} ${doing}`,
    `It did not end within ${claim.patienceMs / 1000} s. Try again; if it hangs, end that process.`,
  );
}

export function refused(claim: LockClaim, fault: Fault): CniError {
  return cniError(
    "records",
    "lock.write",
    `lock ${claim.label} in ${claim.folder}: ${fault.code}`,
    `${fault.message}. The folder must be writable for root, with space left: /run is memory, and only a full or foreign /run refuses.`,
  );
}
