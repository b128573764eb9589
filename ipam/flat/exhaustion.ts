import { type CniError, cniError } from "../../cni/errors.ts";
import type { Sys } from "../../sys/sys.ts";
import { countIn, printRangeSet } from "../range.ts";
import type { FlatConfig } from "./config.ts";
import { type Holding, isExpired } from "./pool/holding.ts";
import { keysOf } from "./pool/keys.ts";
import { known } from "./pool/stored.ts";
import { readStore } from "./store/drive.ts";
import { count, range, type Store } from "./store/store.ts";

/** How many holdings are read to find out who has the most addresses. */
const ownersRead = 1000;
const namespacesNamed = 3;

/**
 * Explains why a range set has no address left: how many are used, held, reserved, quarantined and excluded, which namespaces
 * have the most, which hold ends first, and what to do. Errors: `ipam.pool-exhausted`.
 */
export async function explainExhaustion(
  sys: Sys,
  store: Store,
  config: FlatConfig,
  set: number,
  identity: string,
): Promise<CniError> {
  const { pool } = config;
  const keys = keysOf(pool);
  const ranges = config.sets[set] ?? [];
  const size = config.spaces[set]?.size ?? 0n;
  const msg = `claim an address for ${identity}: pool ${pool} has none left in range set ${set}: ${printRangeSet(ranges)}`;
  const reply = await readStore(sys, store, {
    some: range(keys.all.own, ownersRead),
    holds: range(keys.all.hold, 1),
    owners: count(keys.all.own),
  });
  const advice = `See hawser ipam show --pool ${pool}; free one with hawser ipam release ADDRESS, or give the pool more ranges.`;
  const excluded = countIn(ranges) - size;
  if (!reply.ok) return cniError("ipam", "ipam.pool-exhausted", msg, `All ${size} are taken. ${advice}`);
  const { some, holds, owners } = reply.value;
  const holdings = some.flatMap((entry) => known(entry)?.holding ?? []);
  const oldest = known(holds[0])?.holding;
  const parts = [
    `All ${size} are taken, ${excluded} more are excluded or gateways.`,
    owners > holdings.length ? `Of the first ${holdings.length} of ${owners} owners:` : "",
    describeStates(holdings, sys.clock.nowMs()),
    describeHolders(holdings),
    oldest === undefined ? "" : describeOldest(oldest),
    advice,
  ];
  return cniError("ipam", "ipam.pool-exhausted", msg, parts.filter((part) => part !== "").join(" "));
}

const words: Readonly<Record<Holding["state"], string>> = {
  live: "used",
  held: "held for pods that are gone",
  reserved: "reserved",
  quarantine: "quarantined",
};

function describeStates(holdings: readonly Holding[], nowMs: number): string {
  const counts = countBy(holdings, (each) => (isExpired(each, nowMs) ? "no longer held" : words[each.state]));
  return `${counts.map(([word, count]) => `${count} ${word}`).join(", ")}.`;
}

function describeHolders(holdings: readonly Holding[]): string {
  const counts = countBy(holdings, ({ identity }) => identity.slice(0, identity.indexOf("/")));
  const named = counts.slice(0, namespacesNamed).map(([namespace, count]) => `${namespace} (${count})`);
  return `Most have: ${named.join(", ")}.`;
}

function describeOldest({ identity, heldUntilMs }: Holding): string {
  const until = new Date(heldUntilMs ?? 0).toISOString();
  return `The first to become free is that held for ${identity}, at ${until}.`;
}

/** The most frequent first. */
function countBy(holdings: readonly Holding[], group: (holding: Holding) => string): [string, number][] {
  const counts = new Map<string, number>();
  for (const holding of holdings) {
    const name = group(holding);
    counts.set(name, (counts.get(name) ?? 0) + holding.addresses.length);
  }
  return [...counts].sort(([, one], [, other]) => other - one);
}
