import { type CniError, cniError } from "../../../cni/errors.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { MetaConfig } from "../config/config.ts";

/** Multus waits as long. The wait is part of the operation's own time. */
const patienceMs = 45_000;
const stepMs = 1000;

/**
 * Waits for the file by which the primary network says that it is ready (Multus's `readinessindicatorfile`): at a node's
 * start its agent is not there yet. Ends with the operation's deadline, or when we are asked to stop. Errors: `meta.not-ready`.
 */
export async function awaitReadiness(
  sys: Sys,
  { readinessFile }: MetaConfig,
  deadlineMs: number,
): Promise<Outcome<void, CniError>> {
  if (readinessFile === "") return ok(undefined);
  const untilMs = Math.min(deadlineMs, sys.clock.monotonicMs() + patienceMs);
  while (!isThere(sys, readinessFile)) {
    const leftMs = untilMs - sys.clock.monotonicMs();
    if (leftMs <= 0 || sys.processes.stopRequested() !== undefined) return fail(notReady(readinessFile));
    await sys.clock.sleep(Math.min(stepMs, leftMs));
  }
  return ok(undefined);
}

/** The same without waiting: a runtime asks STATUS every few seconds. Errors: `meta.not-ready`. */
export function checkReadiness(sys: Sys, { readinessFile }: MetaConfig): Outcome<void, CniError> {
  return readinessFile === "" || isThere(sys, readinessFile) ? ok(undefined) : fail(notReady(readinessFile));
}

function isThere(sys: Sys, path: string): boolean {
  return sys.files.stat(path).ok;
}

function notReady(path: string): CniError {
  return cniError(
    "tryAgainLater",
    "meta.not-ready",
    `wait for the primary network: its file ${path} is not there`,
    "Its agent writes the file (readinessindicatorfile) when the network is ready: look at the agent's log.",
  );
}
