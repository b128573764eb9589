import { pidOf } from "../sys/process-identity.ts";
import type { Sys } from "../sys/sys.ts";
import {
  deadMark,
  gcKey,
  heldPath,
  locksFolder,
  namesIn,
  operationIn,
  parseWaiter,
  placeOf,
} from "./lock-place.ts";

/** The files that a killed process left in the folder of locks. */
export interface StaleLock {
  readonly path: string;
  /** For people: the thing that was locked. */
  readonly holder: string;
}

/** Process IDs of the live holders and waiters of a container's lock, ourselves left out. */
export function lockParties(sys: Sys, stateDir: string, containerId: string): number[] {
  const self = sys.processes.self();
  const identities = foldersOf(sys, stateDir).flatMap((folder) => [
    ...namesIn(sys, heldPath(folder, containerId)),
    ...namesIn(sys, folder).flatMap((name) => {
      const waiter = parseWaiter(name);
      return waiter?.key === containerId ? [waiter.identity] : [];
    }),
  ]);
  const living = identities.filter((each) => each !== self && sys.processes.isAlive(each));
  return [...new Set(living.map(pidOf))];
}

/** The folders of our locks and of 0.1.0's. */
function foldersOf(sys: Sys, stateDir: string): string[] {
  return [placeOf(sys, stateDir), `${stateDir}/${locksFolder}`];
}

/** Locks of dead processes. */
export function staleLocks(sys: Sys, stateDir: string): StaleLock[] {
  return foldersOf(sys, stateDir).flatMap((folder) =>
    namesIn(sys, folder)
      .filter((name) => isStale(sys, folder, name))
      .map((name) => ({ path: `${folder}/${name}`, holder: holderOf(name) })),
  );
}

function isStale(sys: Sys, folder: string, name: string): boolean {
  const waiter = parseWaiter(name);
  if (waiter !== undefined) return !sys.processes.isAlive(waiter.identity);
  return namesIn(sys, `${folder}/${name}`).some((identity) => !sys.processes.isAlive(identity));
}

function holderOf(name: string): string {
  const key = parseWaiter(name)?.key ?? name;
  return key === gcKey ? "all containers (GC)" : `container ${key}`;
}

/** The operations of dead processes. GC looks whether any delegate of theirs still runs. */
export function deadOperations(sys: Sys, stateDir: string): string[] {
  return foldersOf(sys, stateDir).flatMap((folder) =>
    namesIn(sys, folder).flatMap((name) => {
      const path = `${folder}/${name}`;
      return deadIn(sys, path, name).map((identity) => operationIn(sys, path, identity));
    }),
  );
}

/** The dead processes in a lock, in a registration, or among a lock's dead holders. */
function deadIn(sys: Sys, path: string, name: string): string[] {
  const isGrave = parseWaiter(name)?.identity === deadMark;
  return namesIn(sys, path).filter((identity) => isGrave || !sys.processes.isAlive(identity));
}

/**
 * Removes the locks of dead processes. With `ended`, only those of operations in it: the lock of an operation whose
 * delegates may still run stays, so that its next holder learns of them.
 */
export function sweepLocks(sys: Sys, stateDir: string, ended?: ReadonlySet<string>): void {
  for (const folder of foldersOf(sys, stateDir)) sweepFolder(sys, folder, ended);
}

function sweepFolder(sys: Sys, folder: string, ended: ReadonlySet<string> | undefined): void {
  for (const name of namesIn(sys, folder)) {
    const path = `${folder}/${name}`;
    for (const identity of deadIn(sys, path, name)) {
      const isOwed = ended !== undefined && !ended.has(operationIn(sys, path, identity));
      if (!isOwed) sys.files.remove(`${path}/${identity}`);
    }
    const waiter = parseWaiter(name)?.identity;
    // A live waiter's folder is empty for the moment before its file is written.
    if (waiter === undefined || !sys.processes.isAlive(waiter)) sys.files.removeFolder(path);
  }
}
