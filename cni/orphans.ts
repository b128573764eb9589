import { type Outcome, ok } from "../sys/outcome.ts";
import type { ProcessView, Sys } from "../sys/sys.ts";
import { type CniError, failWith } from "./errors.ts";

/**
 * Names the operation that started a delegate, in the delegate's environment and so in all that it starts: the identity
 * of our process (`sys.processes.self()`). A delegate whose operation is dead is an orphan.
 */
export const operationVariable = "HAWSER_OPERATION";

type Environment = Readonly<Record<string, string>>;

/** An orphan may finish by itself for this long, which leaves less to clean up than ending it. */
const graceMs = 2_000;
const patienceMs = 10_000;
const pollMs = 20;

/** Delegates of one container. */
export function ofContainer(containerId: string): (env: Environment) => boolean {
  return (env) => env.CNI_CONTAINERID === containerId;
}

/** Delegates that collect garbage. */
export function collecting(env: Environment): boolean {
  return env.CNI_COMMAND === "GC";
}

/**
 * Waits for delegates of operations whose process was killed, and ends those that do not finish: containerd kills only the
 * plugin's own process at its deadline, and a late ADD must not outlive the DEL that follows. Errors: `delegate.orphan`.
 */
export async function settleOrphans(
  sys: Sys,
  label: string,
  isMeant: (env: Environment) => boolean,
): Promise<Outcome<void, CniError>> {
  const startMs = sys.clock.monotonicMs();
  for (;;) {
    const orphans = findOrphans(sys.processes.list(), sys.processes.isAlive, isMeant);
    if (orphans.length === 0) return ok(undefined);
    const waitedMs = sys.clock.monotonicMs() - startMs;
    if (waitedMs > patienceMs) return stillRunning(label, orphans);
    // An orphan that has ended meanwhile cannot be killed: nothing is lost by not looking at the answer.
    if (waitedMs > graceMs) for (const orphan of orphans) sys.processes.kill(orphan.pid, "SIGKILL");
    await sys.clock.sleep(pollMs);
  }
}

function stillRunning(label: string, orphans: readonly ProcessView[]): Outcome<never, CniError> {
  const pids = orphans.map((orphan) => orphan.pid).join(", ");
  return failWith(
    "tryAgainLater",
    "delegate.orphan",
    `${label}: delegates of an interrupted operation still run and cannot be ended`,
    `Their process IDs are ${pids}; a process in uninterruptible sleep ends when its device or file system answers.`,
  );
}

/** Processes that an operation of ours started which is dead. */
export function findOrphans(
  views: readonly ProcessView[],
  isAlive: (identity: string) => boolean,
  isMeant: (env: Environment) => boolean,
): ProcessView[] {
  return views.filter(({ env }) => {
    const operation = env?.[operationVariable];
    return env !== undefined && operation !== undefined && isMeant(env) && !isAlive(operation);
  });
}
