import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { BenchFailure, type TimedCall } from "./timed-call.ts";

/**
 * The peak resident memory of a process in kilobytes. The kernel keeps it as a high-water mark of the address space
 * (VmHWM), so that reading it until the process is gone loses at most what the last instants add. rusage would not do:
 * its maximum begins with that of whoever spawned the process.
 */
export async function peakMemoryKb({ executable, env, inputFile }: TimedCall): Promise<number> {
  const input = openSync(inputFile, "r");
  const child = spawn(executable, [], { env, stdio: [input, "ignore", "inherit"] });
  closeSync(input);
  const exited = once(child, "exit");
  if (child.pid === undefined) throw new BenchFailure(`cannot start ${executable}`);
  const peakKb = watch(child.pid);
  const [status] = await exited;
  if (status !== 0)
    throw new BenchFailure(`${env.CNI_COMMAND} of ${executable} failed while its memory was watched`);
  if (peakKb === 0) throw new BenchFailure(`${executable} ended before its memory could be read`);
  return peakKb;
}

/** Blocks our event loop while it reads, so that the process stays a zombie until the last value was read. */
function watch(pid: number): number {
  let peakKb = 0;
  for (;;) {
    const now = highWaterKb(readFileSync(`/proc/${pid}/status`, "utf8"));
    if (now === undefined) return peakKb;
    peakKb = now;
  }
}

/** Undefined once the process has given up its memory. */
export function highWaterKb(status: string): number | undefined {
  const found = /^VmHWM:\s+(\d+) kB$/m.exec(status);
  return found === null ? undefined : Number(found[1]);
}
