import { type Outcome, ok } from "../sys/outcome.ts";
import type { ProcessView, Sys } from "../sys/sys.ts";
import { type CniError, failWith } from "./errors.ts";

/** What a killed operation of ours may have left running. */
export interface Search {
  readonly containerId: string;
  readonly ifnames: readonly string[];
  /** Live operations on the container: they and their own children are nobody's orphans. */
  readonly alive: readonly number[];
}

/** An orphan may finish by itself for this long, which leaves less to clean up than ending it. */
const graceMs = 2_000;
const patienceMs = 10_000;
const pollMs = 20;

/**
 * Waits for delegates of an operation whose process was killed, and ends those that do not finish: containerd kills
 * only the plugin's own process at its deadline, and a late ADD must not outlive the DEL that follows.
 */
export async function settleOrphans(sys: Sys, search: Search): Promise<Outcome<void, CniError>> {
  const startMs = sys.clock.monotonicMs();
  for (;;) {
    const orphans = findOrphans(sys.processes.list(), sys.processes.pid(), search);
    if (orphans.length === 0) return ok(undefined);
    const waitedMs = sys.clock.monotonicMs() - startMs;
    if (waitedMs > patienceMs) return stillRunning(search, orphans);
    // An orphan that has ended meanwhile cannot be killed: nothing is lost by not looking at the answer.
    if (waitedMs > graceMs) for (const orphan of orphans) sys.processes.kill(orphan.pid, "SIGKILL");
    await sys.clock.sleep(pollMs);
  }
}

function stillRunning(search: Search, orphans: readonly ProcessView[]): Outcome<never, CniError> {
  const pids = orphans.map((orphan) => orphan.pid).join(", ");
  return failWith(
    "tryAgainLater",
    "delegate.orphan",
    `container ${search.containerId}: delegates of an interrupted operation still run and cannot be ended`,
    `Their process IDs are ${pids}; a process in uninterruptible sleep ends when its device or file system answers.`,
  );
}

/** Processes whose CNI environment names the container and one of the interfaces, and that no live operation owns. */
export function findOrphans(views: readonly ProcessView[], ownPid: number, search: Search): ProcessView[] {
  const byPid = new Map(views.map((view) => [view.pid, view]));
  const living = new Set([ownPid, ...search.alive]);
  const above = new Set([...living].flatMap((pid) => lineage(byPid, pid)));
  return views.filter(
    ({ pid, env }) =>
      env?.CNI_CONTAINERID === search.containerId &&
      search.ifnames.includes(env.CNI_IFNAME ?? "") &&
      !above.has(pid) &&
      !lineage(byPid, pid).some((ancestor) => living.has(ancestor)),
  );
}

/** A process and its ancestors. */
function lineage(byPid: ReadonlyMap<number, ProcessView>, pid: number): number[] {
  const chain: number[] = [];
  for (let at: number | undefined = pid; at !== undefined && at > 0 && !chain.includes(at); ) {
    chain.push(at);
    at = byPid.get(at)?.parentPid;
  }
  return chain;
}
