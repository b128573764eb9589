import { validAttachments } from "../../cni/config.ts";
import { allOk, type CniError } from "../../cni/errors.ts";
import { isObject, parseJson } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { Outcome } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { parseFlatConfig } from "./config.ts";
import { replayJournal } from "./journal.ts";
import type { Holding } from "./pool/holding.ts";
import { keysOf } from "./pool/keys.ts";
import { bootOf, findStale, releaseEarlierBoots, releaseStale } from "./stale.ts";
import { readStore } from "./store/drive.ts";
import { type Entry, range, remove, type Store } from "./store/store.ts";
import { type OpenStore, openStore, parseTeardownConfig, type TeardownConfig } from "./teardown-config.ts";

const definitionsRead = 256;
/** The age from which a definition is removed. If it is still in use, the next ADD puts it again. */
const definitionAgeMs = 3_600_000;

/**
 * GC (CNI 1.1.0, section 2): releases the addresses of this node's containers of this network that the runtime does not list. A
 * record that has changed since it was judged is left alone. Without a list only the containers of an earlier boot are known
 * to be gone. GC goes on after a failure, and returns every error.
 */
export async function gc(
  sys: Sys,
  { config }: Invocation,
  open: OpenStore = openStore,
): Promise<Outcome<void, CniError>> {
  const valid = validAttachments(config.raw);
  if (!valid.ok) return valid;
  const teardown = parseTeardownConfig(sys, config);
  if (!teardown.ok) return teardown;
  const store = await open(sys, teardown.value);
  const replayed = await replayJournal(sys, store, teardown.value, { most: Number.POSITIVE_INFINITY });
  if (!replayed.ok) return replayed;
  if (valid.value === undefined) {
    const all = { boot: bootOf(sys), most: Number.POSITIVE_INFINITY, isNoted: false };
    return await releaseEarlierBoots(sys, store, teardown.value, all);
  }
  const names = new Set(valid.value.map(({ containerID, ifname }) => `${containerID}/${ifname}`));
  const isStale = ({ containerId, ifname }: Holding): boolean => !names.has(`${containerId}/${ifname}`);
  const stale = await findStale(sys, store, teardown.value, isStale);
  if (!stale.ok) return stale;
  const errors: CniError[] = [];
  for (const each of stale.value.attachments) {
    const released = await releaseStale(sys, store, teardown.value, each, stale.value);
    if (!released.ok) errors.push(released.error);
  }
  const ours = parseFlatConfig(sys, config);
  if (ours.ok) await forgetDefinitions(sys, store, teardown.value, ours.value.definition.hash);
  return allOk(errors);
}

/** Deletes the definitions of the pool that no node has used for an hour: the pool was edited since. */
async function forgetDefinitions(
  sys: Sys,
  store: Store,
  { pool }: TeardownConfig,
  ours: string,
): Promise<void> {
  const keys = keysOf(pool);
  const reply = await readStore(sys, store, { defs: range(keys.all.def, definitionsRead) });
  if (!reply.ok) return;
  const before = sys.clock.nowMs() - definitionAgeMs;
  const old = reply.value.defs.filter((entry) => entry.key !== keys.def(ours) && sinceMs(entry) < before);
  for (const { key, modRevision } of old) {
    await store.txn({
      compare: [{ kind: "unchanged", key, modRevision }],
      success: [remove(key)],
      failure: [],
    });
  }
}

function sinceMs({ value }: Entry): number {
  const json = parseJson(value);
  const since = json.ok && isObject(json.value) ? json.value.sinceMs : undefined;
  return typeof since === "number" ? since : 0;
}
