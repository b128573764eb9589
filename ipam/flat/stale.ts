import type { CniError } from "../../cni/errors.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import type { FlatPlaces } from "./places.ts";
import type { Holding } from "./pool/holding.ts";
import { type KeyRange, keysOf } from "./pool/keys.ts";
import { releaseKnown } from "./pool/release.ts";
import { type Known, known, startPage } from "./pool/stored.ts";
import { drive, storeError } from "./store/drive.ts";
import type { Store } from "./store/store.ts";

const pageLength = 256;

/** What was judged, and the store's clock then. */
export interface Stale {
  readonly attachments: readonly Known[];
  readonly storeMs?: number;
}

/** What this node's containers of this network have, as far as it is judged stale. */
export async function findStale(
  sys: Sys,
  store: Store,
  { pool, node, network }: FlatPlaces,
  isStale: (holding: Holding) => boolean,
): Promise<Outcome<Stale, CniError>> {
  const stale: Known[] = [];
  let storeMs: number | undefined;
  for (let rest: KeyRange | undefined = keysOf(pool).attsOf(node); rest !== undefined; ) {
    const start = startPage(rest, pageLength);
    const page = await drive(sys, store, () => start);
    if (!page.ok) return fail(storeError(`list what the containers of node ${node} have`, page.error));
    for (const each of page.value.entries.flatMap((entry) => known(entry) ?? [])) {
      // Another network's list would say nothing of ours, so ours says nothing of its containers.
      if (each.holding.network === network && isStale(each.holding)) stale.push(each);
    }
    ({ rest, atMs: storeMs } = page.value);
  }
  return ok({ attachments: stale, ...(storeMs === undefined ? {} : { storeMs }) });
}

/** Frees it, only as it was when it was judged. */
export async function releaseStale(
  sys: Sys,
  store: Store,
  { pool, holdMs }: FlatPlaces,
  attachment: Known,
  { storeMs }: Pick<Stale, "storeMs">,
): Promise<Outcome<void, CniError>> {
  const { node, containerId, ifname } = attachment.holding;
  const times = { nowMs: sys.clock.nowMs(), ...(storeMs === undefined ? {} : { storeMs }) };
  const request = { keys: keysOf(pool), node, containerId, ifname, holdMs, ...times };
  const end = await drive(sys, store, () => releaseKnown(request, attachment));
  return end.ok ? ok(undefined) : fail(storeError(`collect container ${containerId} (${ifname})`, end.error));
}
