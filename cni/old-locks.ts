import type { Attempt } from "../sys/fault.ts";
import { fail, type Outcome, ok } from "../sys/outcome.ts";
import { outerIdentity } from "../sys/process-identity.ts";
import type { Sys } from "../sys/sys.ts";
import type { CniError } from "./errors.ts";
import {
  type AtWork,
  type Blocker,
  collector,
  containersAtWork,
  type LockClaim,
  poll,
  refused,
  register,
  release,
  take,
  takeUnlessCollecting,
  withdraw,
} from "./lock-claim.ts";
import {
  deadMark,
  deadPath,
  fileMode,
  folderMode,
  gcKey,
  heldPath,
  holders,
  locksFolder,
  namesIn,
  operationIn,
} from "./lock-place.ts";

/**
 * hawser 0.1.0 has its locks on the disk, in `<stateDir>/.locks/`, and knows no other place. While a process of 0.1.0
 * may run beside us, we take each lock there, too. No process outlives a reboot. So the first who sees the folder notes
 * the boot in it, and whoever sees it in a later boot removes it. On a node that never had 0.1.0 all this is one look
 * for a folder that does not exist.
 */
const markPrefix = ".moved-";
/** A disk that refuses our write refuses 0.1.0's, too: 0.1.0 can take no lock there. */
const refusals = ["EROFS", "ENOSPC", "EDQUOT"];
const unreadable = ["ENOENT", "ENOTDIR", "EIO"];

/** The folder of 0.1.0's locks, as long as a process of 0.1.0 may run. */
export function oldFolder(sys: Sys, stateDir: string): Attempt<string | undefined> {
  const folder = `${stateDir}/${locksFolder}`;
  const names = sys.files.list(folder);
  if (!names.ok) return unreadable.includes(names.error.code) ? ok(undefined) : names;
  const mark = `${markPrefix}${sys.processes.bootId()}`;
  if (names.value.includes(mark)) return ok(folder);
  const ofOtherBoot = names.value.filter((name) => name.startsWith(markPrefix));
  if (ofOtherBoot.length > 0 && retire(sys, folder, names.value)) return ok(undefined);
  const written = sys.files.write(`${folder}/${mark}`, "", { mode: fileMode });
  const isGone = !written.ok && written.error.code === "ENOENT";
  return ok(isGone ? undefined : folder);
}

/** Removes the locks of dead processes, and then the folder. The folder stays if a live process holds a lock in it. */
function retire({ files, processes }: Sys, folder: string, names: readonly string[]): boolean {
  for (const name of names) {
    const path = `${folder}/${name}`;
    const held = files.list(path);
    for (const identity of held.ok ? held.value : [])
      if (!processes.isAlive(identity)) files.remove(`${path}/${identity}`);
    if (held.ok) files.removeFolder(path);
    else files.remove(path);
  }
  return files.removeFolder(folder).ok;
}

/** A lock that was taken among 0.1.0's locks; undefined where 0.1.0 has none. */
export interface OldLock {
  /** The folder of 0.1.0's locks. */
  readonly folder: string;
  readonly release: () => void;
  /** Containers that a process of 0.1.0 is at work on, or one of ours that holds both locks. */
  readonly atWork: () => Attempt<readonly AtWork[]>;
}

/** Takes the lock of the same key among 0.1.0's, once ours is held. */
export async function takeOld(
  claim: LockClaim,
  stateDir: string,
): Promise<Outcome<OldLock | undefined, CniError>> {
  const folder = oldFolder(claim.sys, stateDir);
  if (!folder.ok) return fail(refused(claim, folder.error));
  if (folder.value === undefined) return ok(undefined);
  // For 0.1.0 a process has no delegates within it.
  const identity = outerIdentity(claim.identity);
  const old: LockClaim = { ...claim, identity, folder: folder.value, bury: buryFrom(claim, folder.value) };
  const atWork = (): ReturnType<OldLock["atWork"]> => containersAtWork(old);
  const registered = register(old);
  if (!registered.ok) {
    if (!refusals.includes(registered.error.code)) return fail(refused(old, registered.error));
    withdraw(old);
    const free = await poll(old, () => lookOnly(old));
    return free.ok ? ok({ folder: old.folder, release: () => {}, atWork }) : free;
  }
  const isGc = old.key === gcKey;
  const taken = await poll(old, (count) => (isGc ? take(old) : takeUnlessCollecting(old, count)));
  if (!taken.ok) {
    withdraw(old);
    return taken;
  }
  tellOfUnknown(claim, folder.value);
  return ok({ folder: old.folder, release: () => release(old), atWork });
}

/** The live holder of a lock that we cannot take. */
function lookOnly(old: LockClaim): Attempt<Blocker | undefined> {
  const names = holders(old.sys, heldPath(old.folder, old.key));
  if (!names.ok) return names;
  const living = names.value.find((identity) => old.sys.processes.isAlive(identity));
  for (const identity of names.value) if (identity !== living) old.bury(identity);
  if (living !== undefined) return ok({ identity: living, doing: "is at work on it" });
  return old.key === gcKey ? ok(undefined) : collector(old);
}

/**
 * Notes a dead holder among our locks, and then as 0.1.0 does. So the next holder learns of it whichever version it is,
 * and whenever we are stopped.
 */
function buryFrom(claim: LockClaim, folder: string): LockClaim["bury"] {
  const { sys, key } = claim;
  return (identity) => {
    const path = `${heldPath(folder, key)}/${identity}`;
    const noted = note(claim, identity, operationIn(sys, heldPath(folder, key), identity));
    return noted.ok ? sys.files.rename(path, deadPath(folder, key)) : noted;
  };
}

function note({ sys, folder, key }: LockClaim, identity: string, operation: string): Attempt {
  const made = sys.files.makeFolder(deadPath(folder, key), folderMode);
  if (!made.ok) return made;
  return sys.files.write(`${deadPath(folder, key)}/${identity}`, operation, { mode: fileMode });
}

/** 0.1.0 notes that a holder died, but not which. */
function tellOfUnknown(claim: LockClaim, folder: string): void {
  const { sys, key } = claim;
  const path = deadPath(folder, key);
  if (!sys.files.stat(path).ok) return;
  if (namesIn(sys, deadPath(claim.folder, key)).length === 0) note(claim, deadMark, "");
  sys.files.remove(path);
}
