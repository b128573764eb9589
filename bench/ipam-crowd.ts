import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { childrenCpuMs } from "./children-cpu.ts";
import type { Cost } from "./cost.ts";
import { BenchFailure, type TimedCall } from "./timed-call.ts";

/** Runs calls, several at once, and returns what one of them cost. A call that fails ends the bench. */
export async function crowd(calls: readonly TimedCall[], atOnce: number): Promise<Cost> {
  const waiting = [...calls];
  const worker = async (): Promise<void> => {
    for (let call = waiting.shift(); call !== undefined; call = waiting.shift()) await runOne(call);
  };
  const cpuBeforeMs = childrenCpuMs();
  const start = process.hrtime.bigint();
  await Promise.all(Array.from({ length: atOnce }, worker));
  const elapsedMs = Number(process.hrtime.bigint() - start) / 1e6;
  const cpuMs = childrenCpuMs() - cpuBeforeMs;
  return { elapsedMs: elapsedMs / calls.length, cpuMs: cpuMs / calls.length };
}

async function runOne({ executable, env, inputFile }: TimedCall): Promise<void> {
  const input = openSync(inputFile, "r");
  const child = spawn(executable, [], { env, stdio: [input, "ignore", "inherit"] });
  closeSync(input);
  const [status]: unknown[] = await once(child, "exit");
  if (status === 0) return;
  throw new BenchFailure(`${env.CNI_COMMAND} of ${executable} failed among others (${String(status)})`);
}
