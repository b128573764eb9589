import type { Attempt } from "../../sys/fault.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";

/** The locks of hawser 0.1.0, as it had them: its processes may run beside ours while a node is upgraded. */
export interface SimulatedOldLock {
  readonly release: () => void;
  readonly inherited: boolean;
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
  /** The folder of all locks. */
  readonly folder: string;
  readonly key: string;
  readonly identity: string;
  readonly patienceMs: number;
  /** On `sys.clock.monotonicMs()`. */
  readonly deadlineMs: number;
}

/** The process that holds the lock. */
interface Blocker {
  readonly identity: string;
  /** `is at work on it` */
  readonly doing: string;
}

export async function lockContainer(
  sys: Sys,
  stateDir: string,
  containerId: string,
  patienceMs: number,
): Promise<Outcome<SimulatedOldLock, string>> {
  const claim = newClaim(sys, stateDir, containerId, patienceMs);
  return await takePatiently(claim, (poll) => takeUnlessCollecting(claim, poll));
}

/** Waits until no operation on any container of this node is under way, and keeps new ones from beginning. */
export async function lockForGc(
  sys: Sys,
  stateDir: string,
  patienceMs: number,
): Promise<Outcome<SimulatedOldLock, string>> {
  const claim = newClaim(sys, stateDir, gcKey, patienceMs);
  const lock = await takePatiently(claim, () => take(claim));
  if (!lock.ok) return lock;
  const drained = await poll(claim, () => containerHolder(claim));
  if (drained.ok) return lock;
  lock.value.release();
  return drained;
}

function newClaim(sys: Sys, stateDir: string, key: string, patienceMs: number): Claim {
  const folder = `${stateDir}/${locksFolder}`;
  const deadlineMs = sys.clock.monotonicMs() + patienceMs;
  return { sys, folder, key, patienceMs, deadlineMs, identity: sys.processes.self() };
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

async function takePatiently(
  claim: Claim,
  tryOnce: (poll: number) => Attempt<Blocker | undefined>,
): Promise<Outcome<SimulatedOldLock, string>> {
  const registered = register(claim);
  const taken = registered.ok ? await poll(claim, tryOnce) : fail(registered.error.code);
  if (!taken.ok) {
    withdraw(claim);
    return taken;
  }
  // Only now, as the holder for good: a claim that was given up again must not have eaten the news.
  const inherited = claim.sys.files.remove(deadPath(claim)).ok;
  return ok({ inherited, release: () => release(claim) });
}

/** Tries until nobody is in the way or patience ends. */
async function poll(
  claim: Claim,
  tryOnce: (poll: number) => Attempt<Blocker | undefined>,
): Promise<Outcome<void, string>> {
  for (let count = 0; ; count++) {
    const blocker = tryOnce(count);
    if (!blocker.ok) return fail(blocker.error.code);
    if (blocker.value === undefined) return ok(undefined);
    const leftMs = claim.deadlineMs - claim.sys.clock.monotonicMs();
    if (leftMs <= 0) return fail(`busy: ${blocker.value.doing}`);
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
