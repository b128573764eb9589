import { fail, type Outcome, ok } from "../sys/outcome.ts";
import type { Attempt, Fault, Sys } from "../sys/sys.ts";
import { type CniError, cniError } from "./errors.ts";

/**
 * One lock per container, and GC's exclusion of all of them. Node has no flock, so a lock is the folder
 * `<stateDir>/.locks/<key>/`, held as long as it is not empty; the one file in it is named by its holder's identity.
 *
 * - Taking it is one rename of a prepared folder, `.<identity>~<key>`, which the kernel refuses over a folder that is
 *   not empty. Until then the prepared folder registers its owner as waiting.
 * - Breaking a dead process's lock moves that process's file out by its own name: a lock that somebody took meanwhile
 *   has a file of another name, so none is broken by mistake. It becomes `.dead~<key>`, which tells the next holder.
 * - Whoever takes a container's lock then looks for GC's, and GC, having taken its own, then looks for the containers':
 *   each writes before it reads, so at least one of two that meet sees the other.
 */
export interface Lock {
  readonly release: () => void;
  /** A dead process held it before: it was killed amid its work. Told once; who is told has to see to what it left. */
  readonly inherited: boolean;
  /** Releases it and lets the next holder inherit: what was left could not be seen to. */
  readonly bequeath: () => void;
}

/** No container ID or network name starts with a dot. */
const locksFolder = ".locks";
const gcKey = ".gc";
const deadMark = "dead";
const folderMode = 0o700;
const fileMode = 0o600;
const pauses = [2, 4, 8, 16];
const longestPauseMs = 25;
const atWork = "is at work on it";

interface Claim {
  readonly sys: Sys;
  /** Of all locks. */
  readonly folder: string;
  readonly key: string;
  readonly identity: string;
  /** What is locked, for people. */
  readonly label: string;
  readonly patienceMs: number;
  /** On `sys.clock.monotonicMs()`. */
  readonly deadlineMs: number;
}

/** Who is in the way. */
interface Blocker {
  readonly identity: string;
  /** `is at work on it` */
  readonly doing: string;
}

/**
 * Waits until the container and the node's GC are free. Errors: `lock.busy` (try again later) naming the process that
 * kept it for all of `patienceMs`, `lock.write` when the state folder refuses.
 */
export async function lockContainer(
  sys: Sys,
  stateDir: string,
  containerId: string,
  patienceMs: number,
): Promise<Outcome<Lock, CniError>> {
  const claim = newClaim(sys, stateDir, containerId, `container ${containerId}`, patienceMs);
  return await takePatiently(claim, (poll) => takeUnlessCollecting(claim, poll));
}

/** Waits until no operation on any container of this node is under way, and keeps new ones from beginning. */
export async function lockForGc(
  sys: Sys,
  stateDir: string,
  patienceMs: number,
): Promise<Outcome<Lock, CniError>> {
  const claim = newClaim(sys, stateDir, gcKey, "the garbage collection of this node", patienceMs);
  const lock = await takePatiently(claim, () => take(claim));
  if (!lock.ok) return lock;
  const drained = await poll(claim, () => containerHolder(claim));
  if (drained.ok) return lock;
  lock.value.release();
  return drained;
}

/**
 * Whether a collection was killed and nobody has seen to it: its delegates may still free what is not in a valid set that
 * has become old. To be asked by whoever adds something, with its container's lock held.
 */
export function collectionWasKilled(sys: Sys, stateDir: string): boolean {
  const dead = namesIn(sys, `${stateDir}/${locksFolder}/${gcKey}`);
  return dead.length > 0 && !dead.some((identity) => sys.processes.isAlive(identity));
}

/** A killed collection has been seen to. */
export function forgetKilledCollection(sys: Sys, stateDir: string): void {
  const path = `${stateDir}/${locksFolder}/${gcKey}`;
  for (const identity of namesIn(sys, path)) {
    if (!sys.processes.isAlive(identity)) sys.files.remove(`${path}/${identity}`);
  }
  sys.files.removeFolder(path);
}

/** Process IDs of the live holders and waiters of a container's lock, ourselves left out. */
export function lockParties(sys: Sys, stateDir: string, containerId: string): number[] {
  const folder = `${stateDir}/${locksFolder}`;
  const waiting = namesIn(sys, folder).flatMap((name) => {
    const waiter = parseWaiter(name);
    return waiter?.key === containerId ? [waiter.identity] : [];
  });
  const self = sys.processes.self();
  return [...namesIn(sys, `${folder}/${containerId}`), ...waiting]
    .filter((identity) => identity !== self && sys.processes.isAlive(identity))
    .map(pidOf);
}

/**
 * Removes what dead processes left of their locks. The lock of a container for which some process still runs stays, so
 * that its next operation learns of the interruption.
 */
export function sweepLocks(sys: Sys, stateDir: string): void {
  const folder = `${stateDir}/${locksFolder}`;
  const served = new Set(sys.processes.list().flatMap(({ env }) => env?.CNI_CONTAINERID ?? []));
  for (const name of namesIn(sys, folder)) {
    const path = `${folder}/${name}`;
    const waiter = parseWaiter(name);
    if (served.has(waiter?.key ?? name)) continue;
    if (waiter?.identity === deadMark) {
      sys.files.remove(path);
    } else {
      const dead = namesIn(sys, path).filter((identity) => !sys.processes.isAlive(identity));
      for (const identity of dead) sys.files.remove(`${path}/${identity}`);
      // A live waiter's folder is empty for the moment before its file is written.
      if (waiter === undefined || !sys.processes.isAlive(waiter.identity)) sys.files.removeFolder(path);
    }
  }
}

function newClaim(sys: Sys, stateDir: string, key: string, label: string, patienceMs: number): Claim {
  const folder = `${stateDir}/${locksFolder}`;
  const deadlineMs = sys.clock.monotonicMs() + patienceMs;
  return { sys, folder, key, label, patienceMs, deadlineMs, identity: sys.processes.self() };
}

function heldPath({ folder, key }: Claim): string {
  return `${folder}/${key}`;
}

function waitingPath({ folder, key, identity }: Claim): string {
  return `${folder}/.${identity}~${key}`;
}

function deadPath({ folder, key }: Claim): string {
  return `${folder}/.${deadMark}~${key}`;
}

function parseWaiter(name: string): { identity: string; key: string } | undefined {
  const at = name.indexOf("~");
  return at < 0 ? undefined : { identity: name.slice(1, at), key: name.slice(at + 1) };
}

/** Identities name boot, process ID and start time. */
function pidOf(identity: string): number {
  return Number(identity.split("-")[1]);
}

async function takePatiently(
  claim: Claim,
  tryOnce: (poll: number) => Attempt<Blocker | undefined>,
): Promise<Outcome<Lock, CniError>> {
  const registered = register(claim);
  const taken = registered.ok ? await poll(claim, tryOnce) : fail(refused(claim, registered.error));
  if (!taken.ok) {
    withdraw(claim);
    return taken;
  }
  // Only now, as the holder for good: a claim that was given up again must not have eaten the news.
  const inherited = claim.sys.files.remove(deadPath(claim)).ok;
  return ok({ inherited, release: () => release(claim), bequeath: () => bequeath(claim) });
}

/** Tries until nobody is in the way or patience ends. */
async function poll(
  claim: Claim,
  tryOnce: (poll: number) => Attempt<Blocker | undefined>,
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

function register(claim: Claim): Attempt {
  const { files } = claim.sys;
  const path = waitingPath(claim);
  // Makes the folders above it as well, at first use.
  const made = files.makeFolder(path, folderMode);
  return made.ok ? files.write(`${path}/${claim.identity}`, "", { mode: fileMode }) : made;
}

function withdraw(claim: Claim): void {
  const path = waitingPath(claim);
  claim.sys.files.remove(`${path}/${claim.identity}`);
  claim.sys.files.removeFolder(path);
}

function release(claim: Claim): void {
  sweepWaiters(claim);
  claim.sys.files.remove(`${heldPath(claim)}/${claim.identity}`);
  // Fails when the next holder is in already.
  claim.sys.files.removeFolder(heldPath(claim));
}

function bequeath(claim: Claim): void {
  claim.sys.files.write(deadPath(claim), "", { mode: fileMode });
  release(claim);
}

/** Processes that were killed while they waited for this lock: where GC is never called, nobody else removes their mark. */
function sweepWaiters({ sys, folder, key }: Claim): void {
  for (const name of namesIn(sys, folder)) {
    const waiter = parseWaiter(name);
    if (waiter?.key !== key || waiter.identity === deadMark || sys.processes.isAlive(waiter.identity))
      continue;
    sys.files.remove(`${folder}/${name}/${waiter.identity}`);
    sys.files.removeFolder(`${folder}/${name}`);
  }
}

/** After a first collision with GC, a claim waits outside: one that took its lock again and again would hold GC up. */
function takeUnlessCollecting(claim: Claim, count: number): Attempt<Blocker | undefined> {
  const collecting = count === 0 ? ok(undefined) : collector(claim);
  if (!collecting.ok || collecting.value !== undefined) return collecting;
  const taken = take(claim);
  if (!taken.ok || taken.value !== undefined) return taken;
  const collectingNow = collector(claim);
  if (collectingNow.ok && collectingNow.value === undefined) return collectingNow;
  const back = claim.sys.files.rename(heldPath(claim), waitingPath(claim));
  if (back.ok) return collectingNow;
  release(claim);
  return back;
}

function collector(claim: Claim): Attempt<Blocker | undefined> {
  const identity = otherHolder(claim, gcKey);
  if (!identity.ok) return identity;
  if (identity.value === undefined) return ok(undefined);
  return ok({ identity: identity.value, doing: "collects garbage on this node" });
}

function containerHolder(claim: Claim): Attempt<Blocker | undefined> {
  const names = holders(claim.sys, claim.folder);
  if (!names.ok) return names;
  for (const name of names.value) {
    if (name.startsWith(".")) continue;
    const identity = otherHolder(claim, name);
    if (!identity.ok) return identity;
    if (identity.value !== undefined)
      return ok({ identity: identity.value, doing: `is at work on container ${name}` });
  }
  return ok(undefined);
}

/** The live holder of a lock, unless it is ourselves. */
function otherHolder({ sys, folder, identity }: Claim, key: string): Attempt<string | undefined> {
  const names = holders(sys, `${folder}/${key}`);
  return names.ok ? ok(names.value.find((each) => each !== identity && sys.processes.isAlive(each))) : names;
}

/** One try; breaks the lock of a dead holder. */
function take(claim: Claim): Attempt<Blocker | undefined> {
  const moved = moveIn(claim);
  if (!moved.ok) return moved;
  if (moved.value) return ok(undefined);
  const names = holders(claim.sys, heldPath(claim));
  if (!names.ok) return names;
  for (const identity of names.value) {
    if (claim.sys.processes.isAlive(identity)) return ok({ identity, doing: atWork });
    const broken = claim.sys.files.rename(`${heldPath(claim)}/${identity}`, deadPath(claim));
    // ENOENT: another waiter was faster.
    if (!broken.ok && broken.error.code !== "ENOENT") return broken;
  }
  const again = moveIn(claim);
  if (!again.ok) return again;
  return ok(again.value ? undefined : { identity: names.value[0] ?? claim.identity, doing: atWork });
}

/** Whether the prepared folder could become the lock. */
function moveIn(claim: Claim): Attempt<boolean> {
  const moved = claim.sys.files.rename(waitingPath(claim), heldPath(claim));
  if (moved.ok) return ok(true);
  const occupied = moved.error.code === "ENOTEMPTY" || moved.error.code === "EEXIST";
  return occupied ? ok(false) : moved;
}

/** Live or dead. A folder that is not there is nobody's; one that cannot be read may be anybody's. */
function holders(sys: Sys, path: string): Attempt<string[]> {
  const names = sys.files.list(path);
  return names.ok || names.error.code !== "ENOENT" ? names : ok([]);
}

function namesIn(sys: Sys, path: string): string[] {
  const names = sys.files.list(path);
  return names.ok ? names.value : [];
}

function busy(claim: Claim, { identity, doing }: Blocker): CniError {
  return cniError(
    "tryAgainLater",
    "lock.busy",
    `wait for ${claim.label}: process ${pidOf(identity)} ${doing}`,
    `It did not end within ${claim.patienceMs / 1000} s. Try again; if it hangs, end that process.`,
  );
}

function refused(claim: Claim, fault: Fault): CniError {
  return cniError(
    "records",
    "lock.write",
    `lock ${claim.label} in ${claim.folder}: ${fault.code}`,
    `${fault.message}. The folder must be on a writable disk with space left, and belong to root.`,
  );
}
