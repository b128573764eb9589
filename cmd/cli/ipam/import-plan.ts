import { keysOfHolding } from "../../../ipam/flat/claim-txn.ts";
import { type Holding, isExpired } from "../../../ipam/flat/holding.ts";
import { addressOfCode, printCode } from "../../../ipam/flat/keys.ts";
import type { RangeSet } from "../../../ipam/range.ts";
import { unusable } from "./layout.ts";
import type { Pool } from "./pool.ts";
import { printCodes } from "./words.ts";

/** What an import does about one owner. */
export interface Planned {
  readonly holding: Holding;
  readonly verdict: "new" | "there already" | "conflict" | "expired";
  /** Of a conflict. */
  readonly why: string;
}

/** Judges what is to come by what is there, and by what comes before it. Pure. */
export function planImport(
  pool: Pool,
  incoming: readonly Holding[],
  existing: readonly Holding[],
  nowMs: number,
): Planned[] {
  const owners = new Map(existing.map((holding) => [holding.identity, holding]));
  const takers = new Map(existing.flatMap((holding) => keysOf(pool, holding).map((key) => [key, holding])));
  return incoming.map((holding) => {
    const planned = judge(pool, holding, owners, takers, nowMs);
    if (planned.verdict === "new") {
      owners.set(holding.identity, planned.holding);
      for (const key of keysOf(pool, planned.holding)) takers.set(key, planned.holding);
    }
    return planned;
  });
}

function keysOf({ keys }: Pool, holding: Holding): string[] {
  return keysOfHolding(keys, holding);
}

function judge(
  pool: Pool,
  holding: Holding,
  owners: ReadonlyMap<string, Holding>,
  takers: ReadonlyMap<string, Holding>,
  nowMs: number,
): Planned {
  const conflict = (why: string): Planned => ({ holding, verdict: "conflict", why });
  if (isExpired(holding, nowMs)) return { holding, verdict: "expired", why: "" };
  const own = owners.get(holding.identity);
  if (own !== undefined) {
    const same = [...own.addresses].sort().join() === [...holding.addresses].sort().join();
    return same
      ? { holding, verdict: "there already", why: "" }
      : conflict(`it has ${printCodes(own.addresses)} already`);
  }
  const outside = rangeProblem(pool.sets, holding);
  if (outside !== undefined) return conflict(outside);
  const macKey = pool.keys.mac(holding.mac);
  const taken = keysOf(pool, holding).find((key) => key !== macKey && takers.has(key));
  if (taken !== undefined) {
    const isAddress = taken.startsWith("ip/");
    const what = isAddress ? printCode(taken.slice(taken.lastIndexOf("/") + 1)) : taken;
    return conflict(`${what} is ${takers.get(taken)?.identity ?? "somebody"}'s`);
  }
  // The MAC address can be another: it is taken anew when its pod comes.
  const named = holding.mac !== "" && takers.has(macKey) ? { ...holding, mac: "" } : holding;
  return { holding: named, verdict: "new", why: "" };
}

/** Undefined when the pool gives these addresses, one of each set at most. */
function rangeProblem(sets: readonly RangeSet[], { addresses }: Holding): string | undefined {
  if (sets.length === 0) return undefined;
  const wrong = addresses.find((code) => unusable(sets, addressOfCode(code)) !== undefined);
  if (wrong !== undefined) {
    const why = unusable(sets, addressOfCode(wrong));
    return `${printCode(wrong)} is ${why === "outside" ? "in none of the ranges" : why === "gateway" ? "a gateway" : "excluded"}`;
  }
  const crowded = sets.find(
    (set) => addresses.filter((code) => unusable([set], addressOfCode(code)) === undefined).length > 1,
  );
  return crowded === undefined ? undefined : `${printCodes(addresses)} are more than one of a range set`;
}
