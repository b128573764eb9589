import type { Attempt } from "./fault.ts";
import { type CLibrary, callFailed } from "./linux-c.ts";

/** CLONE_NEWNET: setns refuses a descriptor that is not of a network namespace. */
export const networkKind = 0x4000_0000;

/** The thread that runs this program. */
export interface Thread {
  readonly library: CLibrary;
  /** The descriptor of the network namespace that it belongs in. */
  readonly home: number;
  /** Ends the process at once, without another line of this program. */
  readonly end: (why: string) => void;
}

/**
 * Does something in a namespace, and comes back. What is done must be synchronous, because whatever the thread does meanwhile it
 * does in that namespace. A thread that cannot come back ends: its next operation would change the wrong network.
 */
export function within<T>(
  { library, home, end }: Thread,
  descriptor: number,
  act: () => Attempt<T>,
): Attempt<T> {
  if (library.setns(descriptor, networkKind) !== 0) return callFailed(library, "setns");
  try {
    return act();
  } finally {
    if (library.setns(home, networkKind) !== 0) end("hawser: it cannot return to its own network namespace");
  }
}
