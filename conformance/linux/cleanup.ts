import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Everything that the suite makes outside of its output carries this and its process ID, so that it can be found. */
export const prefix = "hwc-";
export const namespaceFolder = "/var/run/netns";

interface Belongings {
  readonly namespaces: Set<string>;
  readonly folders: Set<string>;
  readonly groups: Set<number>;
}

const held: Belongings = { namespaces: new Set(), folders: new Set(), groups: new Set() };
let count = 0;

export function freshName(): string {
  return `${prefix}${process.pid}-${++count}`;
}

export function makeFolder(): string {
  const folder = fs.mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`));
  held.folders.add(folder);
  return folder;
}

export function removeFolder(folder: string): void {
  fs.rmSync(folder, { recursive: true, force: true });
  held.folders.delete(folder);
}

export function holdNamespace(name: string): void {
  held.namespaces.add(name);
}

export function forgetNamespace(name: string): void {
  held.namespaces.delete(name);
}

export function holdGroup(pid: number): void {
  held.groups.add(pid);
}

/** Ends what a plugin may have left running in its group; a group that has ended is what was wanted. */
export function endGroup(pid: number): void {
  held.groups.delete(pid);
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // ESRCH: nothing is left of it.
  }
}

/** At the end, however it came: synchronous, since a signal handler waits for nothing. */
export function removeEverything(): void {
  for (const pid of [...held.groups]) endGroup(pid);
  for (const name of [...held.namespaces]) deleteNamespace(name);
  for (const folder of [...held.folders]) removeFolder(folder);
}

/** Takes away what earlier runs left that were killed by a signal that cannot be handled. */
export function sweepStale(): void {
  const isStale = (name: string): boolean => {
    const owner = /^hwc-(\d+)-/.exec(name)?.[1];
    return owner !== undefined && !fs.existsSync(`/proc/${owner}`);
  };
  for (const name of namesIn(namespaceFolder).filter(isStale)) deleteNamespace(name);
  for (const name of namesIn(tmpdir()).filter(isStale)) removeFolder(join(tmpdir(), name));
}

/** Calls back on a signal that asks us to stop, once all is cleaned up. */
export function cleanUpOnSignal(exit: (code: number) => void): void {
  for (const [signal, number] of [
    ["SIGINT", 2],
    ["SIGTERM", 15],
    ["SIGHUP", 1],
  ] as const) {
    process.on(signal, () => {
      removeEverything();
      exit(128 + number);
    });
  }
}

function deleteNamespace(name: string): void {
  held.namespaces.delete(name);
  try {
    execFileSync("ip", ["netns", "del", name], { stdio: "ignore" });
  } catch {
    // It was never made, or a probe has removed it.
  }
}

function namesIn(folder: string): string[] {
  return fs.existsSync(folder) ? fs.readdirSync(folder) : [];
}
