import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from "node:fs";
import type { FoundProcess } from "./sys.ts";

/**
 * Looks through /proc. Another user's process writes what /proc shows of it, and may make it costly to read. So only
 * processes are looked into that run as root in every sense, in our PID namespace, and only the beginning of their
 * environment.
 */
const environmentBytes = 128 * 1024;

export function findProcesses(
  variable: string,
  values: readonly string[],
  startOf: (pid: number) => string | undefined,
): FoundProcess[] {
  const namespace = namespaceOf("self");
  if (namespace === undefined) return [];
  const buffer = Buffer.alloc(environmentBytes);
  const own = process.pid;
  return readdirSync("/proc").flatMap((name): FoundProcess[] => {
    const pid = Number(name);
    if (!/^\d+$/.test(name) || pid === own || !isRoots(name) || namespaceOf(name) !== namespace) return [];
    // The start is read before the rest: if the process ID becomes another's meanwhile, the pair names no process.
    const startTicks = startOf(pid);
    const text = startTicks === undefined ? "" : `\0${readEnvironment(name, buffer)}\0`;
    const value = values.find((each) => text.includes(`\0${variable}=${each}\0`));
    return startTicks === undefined || value === undefined ? [] : [{ pid, startTicks, value }];
  });
}

/**
 * Whether real, effective, saved and file system's user are root. The owner of the folder does not tell: root owns the
 * folder of a process that hides itself.
 */
function isRoots(pid: string): boolean {
  try {
    return /^Uid:\t0\t0\t0\t0$/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

function namespaceOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

function readEnvironment(pid: string, buffer: Buffer): string {
  let descriptor: number | undefined;
  let length = 0;
  try {
    descriptor = openSync(`/proc/${pid}/environ`, "r");
    // The kernel gives a page at a time.
    for (let count = -1; count !== 0 && length < buffer.length; length += count)
      count = readSync(descriptor, buffer, length, buffer.length - length, null);
  } catch {
    // The process has ended.
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
  return buffer.toString("latin1", 0, length);
}
