import type { Failures } from "../record/record.ts";

/** What is known of a step that a DEL could not undo. */
export interface Stuck {
  /** All that is left of it are plugins that refused ADD. */
  readonly neverAttached: boolean;
  /** The failure says that it will pass (code 11). */
  readonly isTemporary: boolean;
  /** The container's namespace, and all that was in it, is gone. */
  readonly isGone: boolean;
}

const tries = { neverAttached: 2, neverAttachedTemporary: 3, gone: 3, other: 5 };
const waitMs = 10 * 60_000;
const temporaryWaitMs = 60 * 60_000;

/**
 * Whether DEL is to end although this step is not undone: a runtime tries for ever, and until then the pod cannot go away.
 * What is given up stays on record, and GC goes on trying. What never was attached has nothing to lose; what was is given
 * time in which an operator can bring back the plugin that is gone, and time for what passes to pass.
 */
export function mayGiveUp(
  { neverAttached, isTemporary, isGone }: Stuck,
  { count, sinceMs }: Failures,
  nowMs: number,
): boolean {
  const forMs = nowMs - sinceMs;
  if (neverAttached) return count >= (isTemporary ? tries.neverAttachedTemporary : tries.neverAttached);
  if (isTemporary) return count >= tries.other && forMs >= temporaryWaitMs;
  return isGone ? count >= tries.gone : count >= tries.other && forMs >= waitMs;
}
