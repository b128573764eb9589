import { type Outcome, ok } from "../sys/outcome.ts";
import { identityIn } from "../sys/process-identity.ts";
import type { ProcessName, Sys } from "../sys/sys.ts";
import { type CniError, failWith } from "./errors.ts";

/**
 * Names the operation that started a delegate, in the delegate's environment and so in all that it starts: the identity
 * of our process with a secret behind it (`sys.processes.operation()`). The lock that is held meanwhile keeps the secret:
 * when its holder is dead, whoever has it in its environment is an orphan of that operation, and nobody else is.
 */
export const operationVariable = "HAWSER_OPERATION";

/** An orphan may finish by itself for this long, which leaves less to clean up than ending it. */
const graceMs = 2_000;
const patienceMs = 10_000;
const pollMs = 20;

/**
 * First of all that a delegate is given: only the beginning of an environment is ever looked at. By it a DEL finds what
 * we have started after we were killed.
 */
export function operationEnvironment(sys: Sys): Readonly<Record<string, string>> {
  return { [operationVariable]: sys.processes.operation() };
}

/** The identity of the process that started us, if it was one of ours. */
export function startedBy(variables: Readonly<Record<string, string | undefined>>): string | undefined {
  const operation = variables[operationVariable];
  return operation === undefined ? undefined : identityIn(operation);
}

/**
 * Waits for delegates of operations whose process was killed, and ends those that do not finish: containerd kills only the
 * plugin's own process at its deadline, and a late ADD must not outlive the DEL that follows. Where no operation is
 * dead, nobody is looked for. Errors: `delegate.orphan`.
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
    // An orphan that has ended meanwhile cannot be killed: nothing is lost by not looking at the answer.
    if (waitedMs > graceMs) for (const orphan of orphans) sys.processes.kill(orphan, "SIGKILL");
    await sys.clock.sleep(pollMs);
  }
}

/** Of dead operations those of which nothing runs any more. */
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
