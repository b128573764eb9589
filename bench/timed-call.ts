import { spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { childrenCpuMs } from "./children-cpu.ts";
import type { Cost } from "./cost.ts";

/** Why the bench cannot go on. It is printed without a stack. */
export class BenchFailure extends Error {}

/** One call of a plugin: everything that its process gets. */
export interface TimedCall {
  readonly executable: string;
  /** None if they are left out, as a runtime calls a plugin. */
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** A file that holds the bytes of stdin. */
  readonly inputFile: string;
}

/** Starts a plugin, waits for its end and tells what it cost; a failing plugin ends the bench. */
export type Timer = (call: TimedCall) => Cost;

const patienceMs = 30_000;

/** Plain files for all three streams: with pipes we would time our own event loop, too. */
export function makeTimer(folder: string): Timer {
  const outputFile = join(folder, "output");
  const output = openSync(outputFile, "a", 0o600);
  return ({ executable, args = [], env, inputFile }) => {
    const input = openSync(inputFile, "r");
    ftruncateSync(output, 0);
    const cpuBeforeMs = childrenCpuMs();
    const start = process.hrtime.bigint();
    const child = spawnSync(executable, args, { env, stdio: [input, output, output], timeout: patienceMs });
    const elapsedMs = Number(process.hrtime.bigint() - start) / 1e6;
    closeSync(input);
    if (child.status !== 0) throw failed(executable, env, child.error, readFileSync(outputFile, "utf8"));
    return { elapsedMs, cpuMs: childrenCpuMs() - cpuBeforeMs };
  };
}

function failed(
  executable: string,
  env: Readonly<Record<string, string>>,
  error: Error | undefined,
  said: string,
): BenchFailure {
  const why = error?.message ?? said.trim();
  return new BenchFailure(`${env.CNI_COMMAND ?? "run"} of ${executable} failed: ${why || "it said nothing"}`);
}
