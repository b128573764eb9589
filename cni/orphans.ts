import { type Outcome, ok } from "../sys/outcome.ts";
import { identityIn } from "../sys/process-identity.ts";
import type { ProcessName, Sys } from "../sys/sys.ts";
import { type CniError, failWith } from "./errors.ts";

/**
 * The variable that names an operation to its delegates, and so to all that they start. Its value is our process's
 * identity with a secret behind it (`sys.processes.operation()`), which our lock keeps, too. Once the lock's holder is
 * dead, a process with this value in its environment is an orphan of that operation, and no other process is.
 */
export const operationVariable = "HAWSER_OPERATION";

/** How long an orphan may take to finish by itself. That leaves less to clean up than ending it. */
const graceMs = 2_000;
const patienceMs = 10_000;
const pollMs = 20;

/**
 * Stands first in a delegate's environment, because only the beginning of an environment is ever looked at. If we are
 * killed, the next DEL finds our delegates by it.
 */
export function operationEnvironment(sys: Sys): Readonly<Record<string, string>> {
  return { [operationVariable]: sys.processes.operation() };
}

/** The identity of the process that started us, if that process was a hawser. */
export function startedBy(variables: Readonly<Record<string, string | undefined>>): string | undefined {
  const operation = variables[operationVariable];
  return operation === undefined ? undefined : identityIn(operation);
}

/**
 * Waits for the delegates of killed operations, and ends those that do not finish. containerd kills only the plugin's
 * own process at its deadline, and a late ADD must not outlive the DEL that follows. If no operation was killed, no
 * process is looked for. Errors: `delegate.orphan`.
 */
export async function settleOrphans(
  sys: Sys,
  label: string,
  operations: readonly string[],
): Promise<Outcome<void, CniError>> {
  if (operations.length === 0) return ok(undefined);
  const startMs = sys.clock.monotonicMs();
  for (;;) {
    const orphans = await sys.processes.find(operationVariable, operations);
    if (orphans.length === 0) return ok(undefined);
    const waitedMs = sys.clock.monotonicMs() - startMs;
    if (waitedMs > patienceMs) return stillRunning(label, orphans);
    // The kill fails if the orphan has ended meanwhile, and that is as good.
    if (waitedMs > graceMs) for (const orphan of orphans) sys.processes.kill(orphan, "SIGKILL");
    await sys.clock.sleep(pollMs);
  }
}

/** The dead operations of which no delegate runs any more. */
export async function endedOperations(sys: Sys, operations: readonly string[]): Promise<ReadonlySet<string>> {
  if (operations.length === 0) return new Set();
  const orphans = await sys.processes.find(operationVariable, operations);
  const running = new Set(orphans.map(({ value }) => value));
  return new Set(operations.filter((each) => !running.has(each)));
}

function stillRunning(label: string, orphans: readonly ProcessName[]): Outcome<never, CniError> {
  const pids = orphans.map((orphan) => orphan.pid).join(", ");
  return failWith(
    "tryAgainLater",
    "delegate.orphan",
    `${label}: delegates of an interrupted operation still run and cannot be ended`,
    `Their process IDs are ${pids}; a process in uninterruptible sleep ends when its device or file system answers.`,
  );
}
