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
 * Whether DEL may end although this step is not undone. A runtime repeats a failed DEL for ever, and meanwhile the pod cannot go
 * away. A step that DEL gives up stays in a file, and GC goes on trying. A step that was never attached is given up soon. One
 * that was attached gets more time: the operator may bring back a missing plugin, and a passing failure may pass.
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
