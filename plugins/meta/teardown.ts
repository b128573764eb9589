import { type AttachmentKey, forget, load } from "../../cni/attachments.ts";
import type { Sandbox } from "../../cni/delegate.ts";
import { type CniError, joinErrors } from "../../cni/errors.ts";
import { type Lock, lockParties } from "../../cni/lock.ts";
import { settleOrphans } from "../../cni/orphans.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { type Carried, undo } from "./execute.ts";
import type { Plan } from "./plan.ts";
import { type AttachmentRecord, fromDocument } from "./record.ts";

/** The recorded attachment, or why there is none. Moves a torn record aside, so that nothing trips over it twice. */
export type Found =
  | { readonly kind: "record"; readonly record: AttachmentRecord }
  | { readonly kind: "none" }
  | { readonly kind: "torn"; readonly why: string };

export function findRecord(sys: Sys, stateDir: string, key: AttachmentKey): Found {
  const loaded = load(sys, stateDir, key);
  if (loaded.kind === "none") return { kind: "none" };
  if (loaded.kind === "torn") {
    sys.warn(`hawser: a torn record was left in ${loaded.movedTo}: ${loaded.why}`);
    return { kind: "torn", why: loaded.why };
  }
  const record = fromDocument(loaded.record);
  return record === undefined
    ? { kind: "torn", why: "it is of an unknown format" }
    : { kind: "record", record };
}

/** Undoes a recorded attachment and forgets it, but only once everything of it is gone. */
export async function removeRecorded(
  sys: Sys,
  stateDir: string,
  key: AttachmentKey,
  record: AttachmentRecord,
  sandbox: Sandbox,
  lock: Lock,
): Promise<Outcome<void, CniError>> {
  const interrupted = lock.inherited || record.phase === "begun";
  const undone = await undoSettled(sys, stateDir, record.carried, sandbox, record.parallel, interrupted);
  return undone.ok ? forget(sys, stateDir, key) : undone;
}

/** `interrupted`: the operation before was killed, so a delegate of it may still be at work. */
export async function undoSettled(
  sys: Sys,
  stateDir: string,
  carried: readonly Carried[],
  sandbox: Sandbox,
  parallel: boolean,
  interrupted: boolean,
): Promise<Outcome<void, CniError>> {
  if (interrupted) {
    const settled = await settleInterrupted(
      sys,
      stateDir,
      carried.map(({ step }) => step),
      sandbox.containerId,
    );
    if (!settled.ok) return settled;
  }
  const [first, ...others] = await undo(sys, carried, sandbox, parallel);
  return first === undefined ? ok(undefined) : fail(joinErrors([first, ...others]));
}

/** Waits for, or ends, what a killed operation on the container has left running. */
export async function settleInterrupted(
  sys: Sys,
  stateDir: string,
  plan: Plan,
  containerId: string,
): Promise<Outcome<void, CniError>> {
  const ifnames = plan.map((step) => step.ifname);
  return settleOrphans(sys, { containerId, ifnames, alive: lockParties(sys, stateDir, containerId) });
}
