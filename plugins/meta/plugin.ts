import { type CniError, failWith } from "../../cni/errors.ts";
import { startedBy } from "../../cni/orphans.ts";
import type { Invocation, Plugin } from "../../cni/plugin.ts";
import { versions } from "../../cni/version.ts";
import type { Outcome } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { status } from "./status.ts";

export const meta: Plugin = {
  about: "attaches a pod to several networks",
  versions,
  add: guarded(add),
  del: guarded(del),
  check: guarded(check),
  status: guarded(status),
  gc: guarded(gc),
};

type Verb<T> = (sys: Sys, invocation: Invocation) => Promise<Outcome<T, CniError>>;

/** Refuses a call that comes from our own delegate: it would wait for the lock that we hold. */
function guarded<T>(verb: Verb<T>): Verb<T> {
  return async (sys, invocation) => {
    const caller = startedBy(invocation.environment.variables);
    if (caller === undefined || !sys.processes.isAlive(caller)) return verb(sys, invocation);
    const msg = `${invocation.environment.command} of network ${invocation.config.name}: hawser was called by a delegate of hawser`;
    return failWith("invalidConfig", "meta.recursion", msg, "Name the plugin itself as the delegate.");
  };
}
