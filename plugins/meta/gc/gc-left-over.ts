import { list, type RecordEntry } from "../../../cni/attachments.ts";
import type { RuntimeConf } from "../../../cni/delegate.ts";
import { type CniError, describe } from "../../../cni/errors.ts";
import type { ValidAttachment } from "../../../cni/types.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { undo } from "../execute/execute.ts";
import { withContainer } from "../record/container-lock.ts";
import { type AttachmentRecord, fromDocument } from "../record/record.ts";
import { undoOtherwise } from "../undo/undo-otherwise.ts";
import type { RecordOnDisk } from "./gc-plan.ts";

/** The left-over attachments of this network, as GC knows them. */
export function readLeftOver(sys: Sys, stateDir: string, network: string): RecordOnDisk[] {
  const entries = list(sys, stateDir, (key) => key.network === network);
  return (entries.ok ? entries.value : []).flatMap((entry) => heldOf(entry) ?? []);
}

function heldOf({ key, path, state }: RecordEntry): RecordOnDisk | undefined {
  if (state.kind !== "left-over") return undefined;
  const { content } = state;
  const record = content.kind === "record" ? fromDocument(content.record) : undefined;
  return { key, path, record, isTorn: false };
}

/**
 * Tries again to undo what DELs have given up, and removes the file if that succeeds. It leaves a container alone that the runtime
 * lists or that has a record: another sandbox has that ID now, and the interfaces. A failure is only a warning, or GC would
 * fail for ever.
 */
export async function collectLeftOver(
  sys: Sys,
  stateDir: string,
  leftOver: readonly RecordOnDisk[],
  valid: readonly ValidAttachment[],
  runtimeConfOfOne: (containerId: string, args: string) => RuntimeConf,
): Promise<void> {
  for (const { key, path, record } of leftOver) {
    const isListed = valid.some((each) => each.containerID === key.containerId);
    if (record === undefined || isListed) continue;
    const work = async (): Promise<Outcome<string | undefined, CniError>> => {
      if (isAttached(sys, stateDir, key.containerId)) return ok("it has a new attachment");
      return ok(await undoAgain(sys, path, record, runtimeConfOfOne(key.containerId, record.args)));
    };
    // A container that an operation is at work on is not waited for.
    const done = await withContainer(sys, stateDir, key.containerId, work, 0);
    const why = done.ok ? done.value : describe(done.error);
    if (why !== undefined) sys.warn(`hawser: GC: ${path} is still left over: ${why}`);
  }
}

function isAttached(sys: Sys, stateDir: string, containerId: string): boolean {
  const entries = list(sys, stateDir, (key) => key.containerId === containerId);
  return !entries.ok || entries.value.some(({ state }) => state.kind === "record" || state.kind === "unread");
}

/** Tries to undo what a DEL has given up. Returns the reason if it cannot, and undefined if it has. */
async function undoAgain(
  sys: Sys,
  path: string,
  record: AttachmentRecord,
  runtimeConf: RuntimeConf,
): Promise<string | undefined> {
  const folders = record.path.filter((folder) => !runtimeConf.path.includes(folder));
  const extended = { ...runtimeConf, path: [...runtimeConf.path, ...folders] };
  const left = await undo(sys, record.carried, extended, { parallel: false, past: "all" });
  const [first] = left.length === 0 ? left : await undoOtherwise(sys, left, extended, undefined);
  if (first !== undefined) return describe(first.error);
  const removed = sys.files.remove(path);
  return removed.ok ? undefined : removed.error.message;
}
