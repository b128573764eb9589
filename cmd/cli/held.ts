import { list, type RecordEntry } from "../../cni/attachments.ts";
import type { CniError } from "../../cni/errors.ts";
import { lockParties } from "../../cni/lock-sweep.ts";
import { type AttachmentRecord, type Failures, fromDocument } from "../../plugins/meta/record/record.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";

/** One file among the node's records, with the state that people are told. */
export interface HeldRecord {
  readonly entry: RecordEntry;
  readonly state:
    | { readonly kind: "attached"; readonly record: AttachmentRecord }
    /** An operation is at work on it right now. */
    | { readonly kind: "at work"; readonly record: AttachmentRecord; readonly pids: readonly number[] }
    /** The attachment's ADD ended without committing or undoing it. */
    | { readonly kind: "interrupted"; readonly record: AttachmentRecord }
    /** The attachment's DEL has failed, and will be tried again. */
    | { readonly kind: "deleting"; readonly record: AttachmentRecord; readonly failures: Failures }
    /** An attachment that a DEL has given up. `why` is the reason. */
    | { readonly kind: "left over"; readonly record: AttachmentRecord; readonly why: string }
    /** Torn, in the words of `cni/attachments.ts`. */
    | { readonly kind: "corrupt"; readonly why: string }
    /** A torn record that its DEL has set aside. */
    | { readonly kind: "moved aside" }
    /** The machine does not let us read it now. It may be whole. */
    | { readonly kind: "unread"; readonly why: string }
    /** The record is whole, in a format that only a newer hawser can read. */
    | { readonly kind: "newer"; readonly why: string };
}

/** All records under a state folder. Changes none of them. */
export function readHeldRecords(sys: Sys, stateDir: string): Outcome<HeldRecord[], CniError> {
  const entries = list(sys, stateDir);
  if (!entries.ok) return entries;
  return ok(entries.value.map((entry) => ({ entry, state: stateOf(sys, stateDir, entry) })));
}

function stateOf(sys: Sys, stateDir: string, { key, state }: RecordEntry): HeldRecord["state"] {
  if (state.kind === "set-aside") return { kind: "moved aside" };
  if (state.kind === "torn") return { kind: "corrupt", why: state.why };
  const content = state.kind === "left-over" ? state.content : state;
  if (content.kind === "unread") return { kind: "unread", why: content.why };
  const record = fromDocument(content.record);
  if (record === undefined) {
    return { kind: "newer", why: "it is not of a format that this version of hawser knows" };
  }
  if (state.kind === "left-over") return { kind: "left over", record, why: record.leftOver ?? "" };
  const pids = lockParties(sys, stateDir, key.containerId);
  if (pids.length > 0) return { kind: "at work", record, pids };
  if (record.failures !== undefined) return { kind: "deleting", record, failures: record.failures };
  return { kind: record.phase === "committed" ? "attached" : "interrupted", record };
}

/** The pause between two looks whether something is still attached. */
const patienceMs = 500;

/** Waits until nothing is attached, or until the time is over. Answers the records of the last look. */
export async function readUntilNone(
  sys: Sys,
  stateDir: string,
  waitMs = 0,
): Promise<Outcome<HeldRecord[], CniError>> {
  const endMs = sys.clock.monotonicMs() + waitMs;
  for (;;) {
    const held = readHeldRecords(sys, stateDir);
    const isOver = sys.clock.monotonicMs() >= endMs;
    if (!held.ok || isOver || !held.value.some(isStillAttached)) return held;
    if ((await sys.clock.sleepUnlessStopped(patienceMs)) !== undefined) return held;
  }
}

/** Whether a DEL is still to come. A record that was set aside or is left over has had its DEL. */
export function isStillAttached({ entry }: HeldRecord): boolean {
  return entry.state.kind !== "set-aside" && entry.state.kind !== "left-over";
}

/** A record that nobody can use as it is: the command that meets one exits with 1. */
export function isUnusable({ state }: HeldRecord): boolean {
  return state.kind === "corrupt" || state.kind === "unread" || state.kind === "newer";
}

/** A hint for a person who waits until nothing is attached: a DEL alone may not remove these records. */
export const unusableHint = "some records cannot be used: hawser attachments says what to do about each";

/** Why a record is in its state, for people; undefined when the state says it all. */
export function whyOf({ state }: HeldRecord): string | undefined {
  return "why" in state ? state.why : undefined;
}

/** The remedy for a record, for people. Undefined if nothing is to be done. */
export function adviceOn({ state, entry }: HeldRecord): string | undefined {
  switch (state.kind) {
    case "attached":
    case "at work":
      return undefined;
    case "interrupted":
      return "The runtime's DEL of this container undoes what was begun; GC does if the runtime has forgotten it.";
    case "deleting":
      return "The runtime, or GC, tries again, and in the end gives up what cannot be undone. Its log names the plugin and what it said.";
    case "left over":
      return `The pod is gone; GC goes on trying. Make it possible (install the plugin, start its daemon), or see to it by hand what its plugins have left, and remove ${entry.path}.`;
    case "corrupt":
      return `Delete the pod: its DEL moves the record aside and undoes what the configuration and the pod's annotations name. Until then CHECK fails and GC leaves shared networks alone.`;
    case "moved aside":
      return `Its DEL has been seen to. Look into it if need be, then remove ${entry.path}.`;
    case "unread":
      return adviceOnUnread(entry);
    case "newer":
      return adviceOnNewer(entry);
  }
}

function adviceOnUnread({ path, state }: RecordEntry): string {
  const look = "See why: the kernel's log tells of a disk that fails. The record may be whole.";
  if (state.kind === "left-over") {
    return `${look} GC tries again once it can be read. If it is lost, see to it by hand what its plugins have left, and remove ${path}.`;
  }
  return `${look} Until it can be read, DEL and CHECK of the pod fail, and GC leaves shared networks alone. If it is lost, move ${path} out of the folder and delete the pod: its DEL undoes what the configuration and the pod's annotations name.`;
}

function adviceOnNewer({ path, state }: RecordEntry): string {
  if (state.kind === "left-over") {
    return `A newer hawser wrote it, and only that version's GC goes on trying: install it again. Or see to it by hand what its plugins have left, and remove ${path}.`;
  }
  return "A newer hawser wrote it, and only that version can undo the attachment: install it again, then delete the pod. Until then DEL and CHECK of the pod fail, and GC leaves shared networks alone.";
}
