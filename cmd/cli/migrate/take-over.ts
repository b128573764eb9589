import { load, save } from "../../../cni/attachments.ts";
import { type CniError, describe, failWith } from "../../../cni/errors.ts";
import type { NetworkConfig } from "../../../cni/types.ts";
import { withContainer } from "../../../plugins/meta/record/container-lock.ts";
import { type AttachmentRecord, toDocument } from "../../../plugins/meta/record/record.ts";
import type { Outcome } from "../../../sys/outcome.ts";
import { ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { readResults } from "../libcni-cache.ts";
import { type CachedContainer, readContainers } from "./cache.ts";
import { toRecord } from "./to-record.ts";

/** What a take-over does about one container. */
export interface PlannedTakeOver {
  readonly container: CachedContainer;
  readonly verdict: "new" | "there already" | "gone" | "unreadable";
  /** Why a container is unreadable. */
  readonly why: string;
  /** Undefined for an unreadable container. */
  readonly record: AttachmentRecord | undefined;
}

export interface TakeOver {
  readonly network: NetworkConfig;
  readonly cniDir: string;
  /** The runtime's cache. */
  readonly results: string;
  readonly stateDir: string;
  readonly path: readonly string[];
  /** Whether to take over containers whose network namespace is gone, too. */
  readonly all: boolean;
}

/** Judges every container of Multus's cache. Reads only. */
export function planTakeOver(sys: Sys, about: TakeOver): PlannedTakeOver[] {
  const { network, cniDir, results, path } = about;
  const caches = {
    network,
    delegates: readResults(sys, `${cniDir}/results`),
    runtime: readResults(sys, results),
    path,
  };
  return readContainers(sys, cniDir).map((container): PlannedTakeOver => {
    const record = toRecord(container, caches);
    if (!record.ok) return { container, verdict: "unreadable", why: record.error, record: undefined };
    return { container, verdict: judge(sys, about, record.value), why: "", record: record.value };
  });
}

/** Multus has done the DEL of a container that has ended. A record would describe nothing. */
function judge(sys: Sys, { stateDir, all }: TakeOver, record: AttachmentRecord): PlannedTakeOver["verdict"] {
  if (load(sys, stateDir, record).kind !== "none") return "there already";
  return all || (record.netns !== "" && sys.files.stat(record.netns).ok) ? "new" : "gone";
}

/**
 * Writes the new records, each under its container's lock. It looks again before each, because a DEL may have come
 * meanwhile. After a stop at any point it can be repeated. Multus's files stay as they are.
 */
export async function takeOver(
  sys: Sys,
  about: TakeOver,
  planned: readonly PlannedTakeOver[],
): Promise<Outcome<PlannedTakeOver[], CniError>> {
  const done: PlannedTakeOver[] = [];
  for (const each of planned) {
    const { record } = each;
    if (each.verdict !== "new" || record === undefined) {
      done.push(each);
      continue;
    }
    const written = await withContainer(sys, about.stateDir, record.containerId, async () => {
      const verdict = judge(sys, about, record);
      if (verdict !== "new") return ok(verdict);
      const saved = save(sys, about.stateDir, record, toDocument(record), "begin");
      return saved.ok ? ok(verdict) : saved;
    });
    if (!written.ok) return interrupted(record, written.error, done);
    done.push({ ...each, verdict: written.value });
  }
  return ok(done);
}

function interrupted(
  { containerId }: AttachmentRecord,
  error: CniError,
  done: readonly PlannedTakeOver[],
): Outcome<never, CniError> {
  const count = done.filter(({ verdict }) => verdict === "new").length;
  return failWith(
    "records",
    "cli.take-over",
    `take over container ${containerId}, after ${count} others: ${describe(error)}`,
    "Nothing is half-done. Mend it and run the command again: it goes on where it was.",
  );
}
