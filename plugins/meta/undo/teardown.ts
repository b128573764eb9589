import { type AttachmentKey, forget, list, load, save, setLeftOver } from "../../../cni/attachments.ts";
import type { RuntimeConf } from "../../../cni/delegate.ts";
import { allOk, type CniError, cniError, codes, describe } from "../../../cni/errors.ts";
import { setTombstone } from "../../../cni/tombstones.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { type Left, undo } from "../execute/execute.ts";
import { forgetUntold } from "../network-status/untold-note.ts";
import type { Plan } from "../plan/plan.ts";
import { type AttachmentRecord, fromDocument, toDocument } from "../record/record.ts";
import { mayGiveUp } from "./give-up.ts";
import { isNeverAttached, undoOtherwise } from "./undo-otherwise.ts";

/** The recorded attachment, or why there is none. */
export type FoundRecord =
  | { readonly kind: "record"; readonly record: AttachmentRecord }
  | { readonly kind: "none" }
  | { readonly kind: "torn"; readonly why: string }
  /** There is a record, but it cannot be used now. */
  | { readonly kind: "failed"; readonly error: CniError };

export function findRecord(sys: Sys, stateDir: string, key: AttachmentKey): FoundRecord {
  const loaded = load(sys, stateDir, key);
  switch (loaded.kind) {
    case "none":
      return loaded;
    case "unread":
      return { kind: "failed", error: loaded.error };
    case "torn":
      sys.warn(`hawser: the record ${loaded.path} is torn: ${loaded.why}`);
      return loaded;
    case "record": {
      const record = fromDocument(loaded.record);
      return record === undefined ? { kind: "failed", error: foreign(key) } : { kind: "record", record };
    }
  }
}

function foreign({ network, containerId, ifname }: AttachmentKey): CniError {
  return cniError(
    "records",
    "records.format",
    `read the record of ${ifname} of container ${containerId} in network ${network}: it is of an unknown format`,
    "A newer hawser wrote it. Install that version again; it can undo the attachment.",
  );
}

/** A record with its key. The key of a stranded record has another network than the DEL. */
export interface KeptRecord {
  readonly key: AttachmentKey;
  readonly record: AttachmentRecord;
}

/**
 * Undoes a recorded attachment. Removes the record once every step is undone or given up; steps that are given up go into a
 * file of leftovers. `planNow` makes the plan that an ADD would have now, for steps that may never have been attached.
 */
export async function removeRecorded(
  sys: Sys,
  stateDir: string,
  { key, record }: KeptRecord,
  runtimeConf: RuntimeConf,
  planNow?: () => Promise<Plan>,
): Promise<Outcome<void, CniError>> {
  const extended = { ...runtimeConf, path: pathFor(record, runtimeConf) };
  const nowMs = sys.clock.nowMs();
  const { count = 0, sinceMs = nowMs } = record.failures ?? {};
  const failures = { count: count + 1, sinceMs };
  const mayEnd = (neverAttached: boolean, isTemporary: boolean): boolean =>
    mayGiveUp({ neverAttached, isTemporary, isGone: isNamespaceGone(sys, runtimeConf) }, failures, nowMs);
  const routed = await undoRoutes(sys, record, runtimeConf);
  if (!routed.ok && !mayEnd(false, true))
    return keepOwed(sys, stateDir, key, { ...record, failures }, [routed]);
  // The last try: it goes on past every failure within a chain.
  const past = count > 0 && mayEnd(false, false) ? "all" : "unattached";
  const left = await undo(sys, record.carried, extended, { parallel: record.parallel, past });
  const still = left.length === 0 ? left : await undoOtherwise(sys, left, extended, planNow);
  const over = still.filter((each) => mayEnd(isNeverAttached(each), each.error.code === codes.tryAgainLater));
  const given = giveUp(sys, stateDir, key, record, over);
  if (!given.ok) return given;
  const carried = record.carried.filter(
    ({ step }) => !over.some((each) => each.carried.step.ifname === step.ifname),
  );
  const owed = still.filter((each) => !over.includes(each));
  return keepOwed(sys, stateDir, key, { ...record, carried, failures }, owed);
}

function isNamespaceGone(sys: Sys, { netns }: RuntimeConf): boolean {
  return netns === "" || !sys.files.stat(netns).ok;
}

/** The path has the folders where ADD found its plugins as well, because the configuration may have been changed since. */
function pathFor(record: AttachmentRecord, { path }: RuntimeConf): string[] {
  return [...path, ...record.path.filter((folder) => !path.includes(folder))];
}

/** Writes the steps that DEL gives up into a file, for GC and for people. Errors: `records.write`. */
function giveUp(
  sys: Sys,
  stateDir: string,
  key: AttachmentKey,
  record: AttachmentRecord,
  over: readonly Left[],
): Outcome<void, CniError> {
  for (const kind of ["attached", "refused"] as const) {
    const group = over.filter((each) => isNeverAttached(each) === (kind === "refused"));
    if (group.length === 0) continue;
    const leftOver = group.map(({ error }) => describe(error)).join("; ");
    const carried = group.toReversed().map((each) => each.carried);
    const document = toDocument({ ...record, carried, leftOver });
    const put = setLeftOver(sys, stateDir, key, document, kind);
    if (!put.ok) return put;
    sys.warn(
      `hawser: DEL of container ${key.containerId} gives up what it cannot undo, and leaves it to GC (${put.value}): ${leftOver}`,
    );
  }
  return ok(undefined);
}

/** Removes the record if nothing is owed. Else it keeps it and fails, and the next DEL does all of it again. */
function keepOwed(
  sys: Sys,
  stateDir: string,
  key: AttachmentKey,
  record: AttachmentRecord,
  owed: readonly Pick<Left, "error">[],
): Outcome<void, CniError> {
  if (owed.length === 0) return forgetWholly(sys, stateDir, key);
  const errors = owed.map(({ error }) => error);
  const noted = save(sys, stateDir, key, toDocument(record), "commit");
  return allOk(noted.ok ? errors : [...errors, noted.error]);
}

/** Removes the record of an attachment of which nothing is left. A tombstone then answers further DELs at once. */
export function forgetWholly(sys: Sys, stateDir: string, key: AttachmentKey): Outcome<void, CniError> {
  const forgotten = forget(sys, stateDir, key);
  if (!forgotten.ok) return forgotten;
  forgetUntold(sys, stateDir, key);
  setTombstone(sys, stateDir, key);
  return forgotten;
}

/** Takes back the changes of routes. That comes before the interfaces go: another plugin's default route must be back. */
export async function undoRoutes(
  sys: Sys,
  { routes, carried }: Pick<AttachmentRecord, "routes" | "carried">,
  runtimeConf: RuntimeConf,
): Promise<Outcome<void, CniError>> {
  if (routes === undefined) return ok(undefined);
  const going = new Set(carried.map(({ step }) => step.ifname));
  return (await import("../routes/route-steps.ts")).takeBackRoutes(sys, routes, going, runtimeConf);
}

/** Interfaces that other records of the same container have: another network's, or another interface of this one. */
export function interfacesOfOthers(
  sys: Sys,
  stateDir: string,
  own: AttachmentKey,
): Outcome<Set<string>, CniError> {
  const isOther = ({ network, containerId, ifname }: AttachmentKey): boolean =>
    containerId === own.containerId && (network !== own.network || ifname !== own.ifname);
  const others = list(sys, stateDir, isOther);
  if (!others.ok) return others;
  const records = others.value.flatMap(({ state }) =>
    state.kind === "record" ? [fromDocument(state.record)] : [],
  );
  return ok(new Set(records.flatMap((record) => (record?.carried ?? []).map(({ step }) => step.ifname))));
}
