import { asUnavailable, type CniError, cniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { judgeShortage, type Shortage } from "../ipam-config.ts";
import { printRangeSet } from "../range.ts";
import { disagreement, type FlatConfig, parseFlatConfig } from "./config.ts";
import { keysOf, type PoolKeys } from "./pool/keys.ts";
import type { Space } from "./pool/space.ts";
import { readStore, storeError } from "./store/drive.ts";
import { count, keyRange, type Store, type StoreFault } from "./store/store.ts";
import { type OpenStore, openStore } from "./teardown-config.ts";

/**
 * STATUS (CNI 1.1.0, section 2): 50 if the configuration is wrong. An unreachable store or a full pool is an error only if the
 * operator says so.
 */
export async function status(
  sys: Sys,
  { config: network }: Invocation,
  open: OpenStore = openStore,
): Promise<Outcome<void, CniError>> {
  const config = parseFlatConfig(sys, network);
  if (!config.ok) return fail(asUnavailable(config.error));
  const store = await open(sys, config.value);
  const problem = await findProblem(sys, store, config.value);
  if (problem === undefined) return ok(undefined);
  return judgeShortage(sys, config.value.notReadyWhen, problem.shortage, problem.error);
}

interface Problem {
  readonly shortage: Shortage;
  readonly error: CniError;
}

async function findProblem(sys: Sys, store: Store, config: FlatConfig): Promise<Problem | undefined> {
  const { pool, spaces } = config;
  const keys = keysOf(pool);
  const unreachable = (doing: string, fault: StoreFault): Problem => {
    return { shortage: "unreachable", error: storeError(doing, fault) };
  };
  const looking = `see what pool ${pool} has left`;
  const reply = await readStore(sys, store, {
    expired: count(keys.holdsUntil(sys.clock.nowMs())),
    definitions: keyRange(keys.all.def, 2),
  });
  if (!reply.ok) return unreachable(looking, reply.error);
  if (reply.value.definitions.length > 1) sys.warn(disagreement(config));
  const usages = await readUsage(sys, store, keys, spaces);
  if (!usages.ok) return unreachable(looking, usages.error);
  const health = await store.health();
  if (!health.ok) return unreachable(`see whether pool ${pool} can be written to`, health.error);
  const full = usages.value.findIndex(({ size, taken }) => BigInt(taken) >= size);
  // Anybody may have the address of an expired hold, so the pool is not full.
  if (full < 0 || reply.value.expired > 0) return undefined;
  return { shortage: "full", error: exhausted(config, usages.value, full) };
}

function exhausted({ pool, sets }: FlatConfig, usages: readonly SetUsage[], set: number): CniError {
  const msg = `pool ${pool} has no address left in range set ${set}: ${printRangeSet(sets[set] ?? [])}`;
  const counts = usages
    .map(({ taken, size }, index) => `range set ${index}: ${taken} of ${size} taken`)
    .join(", ");
  return cniError(
    "notAvailable",
    "ipam.pool-exhausted",
    msg,
    `${counts}. See hawser ipam show --pool ${pool}.`,
  );
}

/** How many addresses of one range set are taken, in any state. */
interface SetUsage {
  readonly size: bigint;
  readonly taken: number;
}

/** etcd takes 128 operations in one transaction. */
const countsAtOnce = 100;

async function readUsage(
  sys: Sys,
  store: Store,
  keys: PoolKeys,
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
