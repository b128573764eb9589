import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { readStore } from "../store/drive.ts";
import { count } from "../store/ops.ts";
import type { Store, StoreFault } from "../store/store.ts";
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
  for (const { family, spans, size } of spaces) {
    let taken = 0;
    for (let at = 0; at < spans.length; at += countsAtOnce) {
      const counts = spans
        .slice(at, at + countsAtOnce)
        .map(({ first, last }) => count(keys.ips(family, first, last)));
      const reply = await readStore(sys, store, { counts });
      if (!reply.ok) return reply;
      for (const each of reply.value.counts) taken += each;
    }
    usages.push({ size, taken });
  }
  return ok(usages);
}
