import { type AttachmentKey, forget, list, peek } from "../../cni/attachments.ts";
import type { Sandbox } from "../../cni/delegate.ts";
import { allOk, type CniError, cniError } from "../../cni/errors.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { undo } from "./execute.ts";
import { type AttachmentRecord, fromDocument } from "./record.ts";

/** The recorded attachment, or why there is none. */
export type Found =
  | { readonly kind: "record"; readonly record: AttachmentRecord }
  | { readonly kind: "none" }
  | { readonly kind: "torn"; readonly why: string }
  /** It is there, and cannot be used now. */
  | { readonly kind: "failed"; readonly error: CniError };

export function findRecord(sys: Sys, stateDir: string, key: AttachmentKey): Found {
  const loaded = peek(sys, stateDir, key);
  switch (loaded.kind) {
    case "none":
      return loaded;
    case "unread":
      return { kind: "failed", error: loaded.error };
    case "torn":
      sys.warn(`hawser: the record ${loaded.movedTo} is torn: ${loaded.why}`);
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

/** Undoes a recorded attachment and forgets it, but only once everything of it is gone. */
export async function removeRecorded(
  sys: Sys,
  stateDir: string,
  key: AttachmentKey,
  record: AttachmentRecord,
  sandbox: Sandbox,
): Promise<Outcome<void, CniError>> {
  const routed = await undoRoutes(sys, record, sandbox);
  if (!routed.ok) return routed;
  // Where ADD found its plugins, for the case that the configuration has been changed since.
  const path = [...sandbox.path, ...record.path.filter((folder) => !sandbox.path.includes(folder))];
  const undone = allOk(await undo(sys, record.carried, { ...sandbox, path }, record.parallel));
  return undone.ok ? forget(sys, stateDir, key) : undone;
}

/** The routes before the interfaces: another plugin's interface has its default route again, ours go. */
export async function undoRoutes(
  sys: Sys,
  { routes, carried }: Pick<AttachmentRecord, "routes" | "carried">,
  sandbox: Sandbox,
): Promise<Outcome<void, CniError>> {
  if (routes === undefined) return ok(undefined);
  const going = new Set(carried.map(({ step }) => step.ifname));
  return (await import("./routes/steps.ts")).takeBackRoutes(sys, routes, going, sandbox);
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
