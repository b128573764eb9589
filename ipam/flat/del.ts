import type { CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { possibleIdentities } from "../identity.ts";
import { contended, forgetEntry, replayedAtOnce, replayJournal, writeEntry } from "./journal.ts";
import { keysOf } from "./pool/keys.ts";
import { release } from "./pool/release.ts";
import { bootOf, releaseEarlierBoots } from "./stale.ts";
import { drive, storeError } from "./store/drive.ts";
import type { StoreFault } from "./store/store.ts";
import { type OpenStore, openStore, parseTeardownConfig, type TeardownConfig } from "./teardown-config.ts";

/**
 * DEL: frees the container's addresses, or holds them for their identity. It does not read the ranges, which may have changed.
 * If the store does not answer, the release is journalled, and the error makes the runtime try again.
 */
export async function del(
  sys: Sys,
  { environment, config }: Invocation,
  open: OpenStore = openStore,
): Promise<Outcome<void, CniError>> {
  const teardown = parseTeardownConfig(sys, config);
  if (!teardown.ok) return teardown;
  const { pool, node, holdMs } = teardown.value;
  const { containerId, ifname } = environment;
  const nowMs = sys.clock.nowMs();
  const store = await open(sys, teardown.value);
  const own = { node, containerId, ifname, holdMs };
  const identities = possibleIdentities(environment);
  const end = await drive(sys, store, () => release({ keys: keysOf(pool), ...own, identities, nowMs }));
  if (!end.ok) return fail(journalled(sys, teardown.value, { ...own, atMs: nowMs }, end.error));
  if (end.value.kind === "contended") return fail(contended(`release container ${containerId} (${ifname})`));
  const forgotten = forgetEntry(sys, teardown.value, own);
  if (!forgotten.ok) return forgotten;
  await replayJournal(sys, store, teardown.value, { most: replayedAtOnce });
  // This is not noted on the node, because a DEL may be of a network that the node makes no attachments to.
  const few = { boot: bootOf(sys), most: replayedAtOnce, isNoted: false };
  await releaseEarlierBoots(sys, store, teardown.value, few);
  return ok(undefined);
}

function journalled(
  sys: Sys,
  config: TeardownConfig,
  entry: Parameters<typeof writeEntry>[2],
  fault: StoreFault,
): CniError {
  const error = storeError(`release container ${entry.containerId} (${entry.ifname})`, fault);
  const written = writeEntry(sys, config, entry);
  const note = written.ok
    ? "The release is journalled on this node, and done by its next operation or GC."
    : `It could not be journalled either (${written.error.msg}).`;
  return { ...error, details: `${error.details} ${note}`.trim() };
}
