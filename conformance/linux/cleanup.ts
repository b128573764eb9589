import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The names of all files, namespaces and links that the suite makes begin with this and its process ID. */
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

/** Ends the processes that a plugin has left running in its process group. */
export function endGroup(pid: number): void {
  held.groups.delete(pid);
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // ESRCH: the group has no process any more.
  }
}

/** Removes everything at the end of the suite. It is synchronous, since a signal handler cannot wait. */
export function removeEverything(): void {
  for (const pid of [...held.groups]) endGroup(pid);
  for (const name of [...held.namespaces]) deleteNamespace(name);
  for (const folder of [...held.folders]) removeFolder(folder);
}

/** Removes what earlier runs have left: they were ended by SIGKILL, which no process can handle. */
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
    // There is nothing to remove: it was never made, or a probe has removed it.
  }
}

function namesIn(folder: string): string[] {
  return fs.existsSync(folder) ? fs.readdirSync(folder) : [];
}
