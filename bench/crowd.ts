import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { childrenCpuMs } from "./children-cpu.ts";
import type { Cost } from "./cost.ts";
import { BenchFailure, type TimedCall } from "./timed-call.ts";

/** Calls that follow one another, like those of one pod. */
export type CallSeries = readonly TimedCall[];

/** Runs series of calls, several at once, and returns what one series cost. A call that fails ends the bench. */
export async function crowd(all: readonly CallSeries[], atOnce: number): Promise<Cost> {
  const waiting = [...all];
  const worker = async (): Promise<void> => {
    for (let series = waiting.shift(); series !== undefined; series = waiting.shift()) {
      for (const call of series) await runOne(call);
    }
  };
  const cpuBeforeMs = childrenCpuMs();
  const start = process.hrtime.bigint();
  await Promise.all(Array.from({ length: atOnce }, worker));
  const elapsedMs = Number(process.hrtime.bigint() - start) / 1e6;
  const cpuMs = childrenCpuMs() - cpuBeforeMs;
  return { elapsedMs: elapsedMs / all.length, cpuMs: cpuMs / all.length };
}

async function runOne({ executable, env, inputFile }: TimedCall): Promise<void> {
  const input = openSync(inputFile, "r");
  const child = spawn(executable, [], { env, stdio: [input, "ignore", "inherit"] });
  closeSync(input);
  const [status]: unknown[] = await once(child, "exit");
  if (status === 0) return;
  throw new BenchFailure(`${env.CNI_COMMAND} of ${executable} failed among others (${String(status)})`);
}
