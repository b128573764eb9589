import type { Sys } from "../../sys/sys.ts";

/** What a killed process left in the folder of locks. */
export interface StaleLock {
  readonly path: string;
  /** What was locked, for people. */
  readonly holder: string;
}

/**
 * Locks of dead processes. The layout is that of `cni/lock.ts`: `.locks/<key>/<identity>` is held, `.<identity>~<key>`
 * waits, `.dead~<key>` says that the last holder died.
 */
export function readStaleLocks(sys: Sys, stateDir: string): StaleLock[] {
  const folder = `${stateDir}/.locks`;
  return namesIn(sys, folder)
    .filter((name) => isStale(sys, folder, name))
    .map((name) => ({ path: `${folder}/${name}`, holder: holderOf(name) }));
}

function isStale(sys: Sys, folder: string, name: string): boolean {
  const at = name.indexOf("~");
  if (at >= 0) return !sys.processes.isAlive(name.slice(1, at));
  return namesIn(sys, `${folder}/${name}`).some((identity) => !sys.processes.isAlive(identity));
}

function holderOf(name: string): string {
  const key = name.slice(name.indexOf("~") + 1);
  return key === ".gc" ? "all containers (GC)" : `container ${key}`;
}

function namesIn(sys: Sys, path: string): string[] {
  const names = sys.files.list(path);
  return names.ok ? names.value : [];
}
