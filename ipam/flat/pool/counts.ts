import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { readStore } from "../store/drive.ts";
import type { Op, Store, StoreFault } from "../store/store.ts";
import type { Keys } from "./keys.ts";
import type { Space } from "./space.ts";

/** How much of one range set is taken, by anybody and in whatever state. */
export interface SetUsage {
  readonly size: bigint;
  readonly taken: number;
}

/** Of 128 that a store takes in one transaction. */
const countsAtOnce = 100;

export async function readUsage(
  sys: Sys,
  store: Store,
  keys: Keys,
  spaces: readonly Space[],
): Promise<Outcome<SetUsage[], StoreFault>> {
  const usages: SetUsage[] = [];
  for (const { family, intervals, size } of spaces) {
    let taken = 0;
    for (let at = 0; at < intervals.length; at += countsAtOnce) {
      const counts = intervals
        .slice(at, at + countsAtOnce)
        .map(({ first, last }): Op => ({ kind: "count", ...keys.ips(family, first, last) }));
      const reply = await readStore(sys, store, { compare: [], success: counts, failure: [] });
      if (!reply.ok) return reply;
      for (const each of reply.value.replies) taken += each.kind === "count" ? each.count : 0;
    }
    usages.push({ size, taken });
  }
  return ok(usages);
}
