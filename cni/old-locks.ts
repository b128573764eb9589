import type { Attempt } from "../sys/fault.ts";
import { fail, type Outcome, ok } from "../sys/outcome.ts";
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
 * hawser 0.1.0 has its locks on the disk, in `<stateDir>/.locks/`, and knows of no others. While one of its processes may
 * run beside us we take each lock there, too. No process outlives a reboot, so the folder is noted with the boot in which
 * it was first seen, and removed in a later one; where it never was, or is no more, all this is one look at nothing.
 */
const markPrefix = ".moved-";
/** A disk that refuses us refuses 0.1.0 as well: no lock can be taken there. */
const refusals = ["EROFS", "ENOSPC", "EDQUOT"];
const unreadable = ["ENOENT", "ENOTDIR", "EIO"];

/** The folder, as long as it has to be minded. */
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

/** Removes what is of processes that are dead, and the folder, unless somebody is at work in it all the same. */
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

/** What was taken there; undefined where nothing has to be. */
export interface OldLock {
  /** Of all of them. */
  readonly folder: string;
  readonly release: () => void;
  /** Containers at work there: of 0.1.0's processes, and of those of ours that hold both locks. */
  readonly atWork: () => Attempt<readonly AtWork[]>;
}

/** Takes the lock of the same key there, once ours is held. */
export async function takeOld(
  claim: LockClaim,
  stateDir: string,
): Promise<Outcome<OldLock | undefined, CniError>> {
  const folder = oldFolder(claim.sys, stateDir);
  if (!folder.ok) return fail(refused(claim, folder.error));
  if (folder.value === undefined) return ok(undefined);
  const old: LockClaim = { ...claim, folder: folder.value, bury: buryFrom(claim, folder.value) };
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

/** Noted where ours are, and then as 0.1.0 does: whoever of the two comes next is told, whenever we are stopped. */
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

/** A death that 0.1.0 noted does not say whose it was. */
function tellOfUnknown(claim: LockClaim, folder: string): void {
  const { sys, key } = claim;
  const path = deadPath(folder, key);
  if (!sys.files.stat(path).ok) return;
  if (namesIn(sys, deadPath(claim.folder, key)).length === 0) note(claim, deadMark, "");
  sys.files.remove(path);
}
