import { validAttachments } from "../../cni/config.ts";
import { allOk, type CniError } from "../../cni/errors.ts";
import { isObject, parseJson } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { ValidAttachment } from "../../cni/types.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { entriesOf, type Known, known } from "./claim-txn.ts";
import { parseFlatConfig } from "./config.ts";
import { drive, readStore, storeError } from "./drive.ts";
import { replayJournal } from "./journal.ts";
import { keysOf } from "./keys.ts";
import { type FlatPlaces, flatPlaces, type OpenStore, openStore } from "./places.ts";
import { releaseKnown } from "./release.ts";
import type { Entry, Store } from "./store.ts";

const pageLength = 256;
/** A definition that is in use is put again by the next ADD with it. */
const definitionAgeMs = 3_600_000;

/**
 * GC (CNI 1.1.0, section 2): releases what this node's containers of this network have that the runtime does not list, each
 * only as it was when it was judged. Without a list nothing is known to be invalid. Goes on past failures, reports them all.
 */
export async function gc(
  sys: Sys,
  { config }: Invocation,
  open: OpenStore = openStore,
): Promise<Outcome<void, CniError>> {
  const valid = validAttachments(config.raw);
  if (!valid.ok) return valid;
  const places = flatPlaces(sys, config);
  if (!places.ok) return places;
  const store = await open(sys, places.value);
  const replayed = await replayJournal(sys, store, places.value, { most: Number.POSITIVE_INFINITY });
  if (!replayed.ok) return replayed;
  if (valid.value === undefined) return ok(undefined);
  const stale = await findStale(sys, store, places.value, valid.value);
  if (!stale.ok) return stale;
  const errors: CniError[] = [];
  for (const each of stale.value) {
    const error = await releaseStale(sys, store, places.value, each);
    if (error !== undefined) errors.push(error);
  }
  const ours = parseFlatConfig(sys, config);
  if (ours.ok) await forgetDefinitions(sys, store, places.value, ours.value.definition.hash);
  return allOk(errors);
}

async function findStale(
  sys: Sys,
  store: Store,
  { pool, node, network }: FlatPlaces,
  valid: readonly ValidAttachment[],
): Promise<Outcome<Known[], CniError>> {
  const names = new Set(valid.map(({ containerID, ifname }) => `${containerID}/${ifname}`));
  const stale: Known[] = [];
  let { from, to } = keysOf(pool).attsOf(node);
  for (;;) {
    const page = { kind: "range", from, to, limit: pageLength } as const;
    const reply = await readStore(sys, store, { compare: [], success: [page], failure: [] });
    if (!reply.ok) return fail(storeError(`list what the containers of node ${node} have`, reply.error));
    const entries = entriesOf(reply.value, 0);
    for (const each of entries.flatMap((entry) => known(entry) ?? [])) {
      const { containerId, ifname } = each.holding;
      // Another network's list would say nothing of ours, so ours says nothing of its containers.
      if (each.holding.network === network && !names.has(`${containerId}/${ifname}`)) stale.push(each);
    }
    const last = entries.at(-1);
    if (last === undefined || entries.length < pageLength) return ok(stale);
    from = `${last.key}\u0000`;
  }
}

async function releaseStale(
  sys: Sys,
  store: Store,
  { pool, holdMs }: FlatPlaces,
  attachment: Known,
): Promise<CniError | undefined> {
  const { node, containerId, ifname } = attachment.holding;
  const request = { keys: keysOf(pool), node, containerId, ifname, holdMs, nowMs: sys.clock.nowMs() };
  const end = await drive(sys, store, () => releaseKnown(request, attachment));
  return end.ok ? undefined : storeError(`collect container ${containerId} (${ifname})`, end.error);
}

/** Definitions that nobody uses any more: the pool was edited since. */
async function forgetDefinitions(sys: Sys, store: Store, { pool }: FlatPlaces, ours: string): Promise<void> {
  const keys = keysOf(pool);
  const defs = { kind: "range", ...keys.defs, limit: pageLength } as const;
  const reply = await readStore(sys, store, { compare: [], success: [defs], failure: [] });
  if (!reply.ok) return;
  const before = sys.clock.nowMs() - definitionAgeMs;
  const old = entriesOf(reply.value, 0).filter(
    (entry) => entry.key !== keys.def(ours) && sinceMs(entry) < before,
  );
  for (const { key, modRevision } of old) {
    await store.txn({
      compare: [{ kind: "unchanged", key, modRevision }],
      success: [{ kind: "delete", key }],
      failure: [],
    });
  }
}

function sinceMs({ value }: Entry): number {
  const json = parseJson(value);
  const since = json.ok && isObject(json.value) ? json.value.sinceMs : undefined;
  return typeof since === "number" ? since : 0;
}
