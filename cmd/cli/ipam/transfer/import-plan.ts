import { type Holding, isExpired, isNobody } from "../../../../ipam/flat/pool/holding.ts";
import { addressOfCode, printCode } from "../../../../ipam/flat/pool/keys.ts";
import { keysOfHolding } from "../../../../ipam/flat/pool/stored.ts";
import { unusable } from "../../../../ipam/flat/pool/tally.ts";
import type { RangeSet } from "../../../../ipam/range.ts";
import type { Pool } from "../pool.ts";
import { printCodes } from "../words.ts";

/** What an import does about one owner. */
export interface PlannedImport {
  readonly holding: Holding;
  readonly verdict: "new" | "there already" | "conflict" | "expired";
  /** Of a conflict. */
  readonly why: string;
}

/** What an import does. */
export interface ImportPlan {
  readonly owners: readonly PlannedImport[];
  /** Codes of addresses that somebody uses who cannot be given them here: nobody else may have them meanwhile. */
  readonly reserved: readonly string[];
}

export interface Incoming {
  readonly holdings: readonly Holding[];
  /** Whether they are another IPAM's, whose pods use them, whatever we call their state. */
  readonly isForeign: boolean;
  /** Codes of addresses that are in use by nobody knows whom. */
  readonly unowned: readonly string[];
}

/** Judges what is to come by what is there, and by what comes before it. Pure. */
export function planImport(
  pool: Pool,
  { holdings, isForeign, unowned }: Incoming,
  existing: readonly Holding[],
  nowMs: number,
): ImportPlan {
  // What has expired is anybody's, and so also its former owner's.
  const unexpired = existing.filter((holding) => !isExpired(holding, nowMs));
  const owners = new Map(unexpired.map((holding) => [holding.identity, holding]));
  const takers = new Map(unexpired.flatMap((holding) => keysOf(pool, holding).map((key) => [key, holding])));
  const planned = holdings.flatMap((incoming) =>
    partsOf(pool.sets, incoming, owners.get(incoming.identity)).map((holding) => {
      const one = judge(pool, holding, owners, takers, nowMs);
      if (one.verdict === "new") {
        owners.set(holding.identity, one.holding);
        for (const key of keysOf(pool, one.holding)) takers.set(key, one.holding);
      }
      return one;
    }),
  );
  const conflicts = planned.filter(({ verdict }) => verdict === "conflict");
  const inUse = conflicts.filter(({ holding }) => isForeign || isUsed(holding));
  const codes = [...inUse.flatMap(({ holding }) => holding.addresses), ...unowned];
  const free = codes.filter((code) => isGiven(pool.sets, code) && !takers.has(keyOfCode(pool, code)));
  return { owners: planned, reserved: [...new Set(free)].sort() };
}

export function isUsed({ state }: Holding): boolean {
  return state === "live" || state === "quarantine";
}

/** Whether the pool would ever give it to somebody. */
export function isGiven(sets: readonly RangeSet[], code: string): boolean {
  return unusable(sets, addressOfCode(code)) === undefined;
}

function keyOfCode({ keys }: Pool, code: string): string {
  const { family, value } = addressOfCode(code);
  return keys.ip(family === "6" ? 6 : 4, value);
}

/**
 * An owner whose addresses the pool does not give as they are: those that it does make one part, so that an address of
 * another network's costs the owner nothing. Each other address, and those that are more than one of a set, is a part of
 * its own, which is a conflict.
 */
function partsOf(sets: readonly RangeSet[], holding: Holding, own: Holding | undefined): Holding[] {
  const { addresses } = holding;
  if (own !== undefined && isSame(own, holding)) return [holding];
  const usable = addresses.filter((code) => isGiven(sets, code));
  const crowds = sets
    .map((set) => usable.filter((code) => isGiven([set], code)))
    .filter((codes) => codes.length > 1);
  const fitting = usable.filter((code) => !crowds.some((codes) => codes.includes(code)));
  if (fitting.length === addresses.length) return [holding];
  const never = addresses.filter((code) => !usable.includes(code)).map((code) => [code]);
  const parts = [...(fitting.length > 0 ? [fitting] : []), ...crowds, ...never];
  return parts.map((codes) => ({ ...holding, addresses: codes }));
}

function isSame(one: Holding, other: Holding): boolean {
  return [...one.addresses].sort().join() === [...other.addresses].sort().join();
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
): PlannedImport {
  const conflict = (why: string): PlannedImport => ({ holding, verdict: "conflict", why });
  if (isExpired(holding, nowMs)) return { holding, verdict: "expired", why: "" };
  const own = owners.get(holding.identity);
  if (own !== undefined && isSame(own, holding)) return { holding, verdict: "there already", why: "" };
  const outside = rangeProblem(pool.sets, holding);
  if (outside !== undefined) return conflict(outside);
  if (own !== undefined) return conflict(`it has ${printCodes(own.addresses)} already`);
  const macKey = pool.keys.mac(holding.mac);
  const taken = keysOf(pool, holding).find((key) => key !== macKey && takers.has(key));
  if (taken !== undefined) {
    const isAddress = taken.startsWith("ip/");
    const what = isAddress ? printCode(taken.slice(taken.lastIndexOf("/") + 1)) : taken;
    const identity = takers.get(taken)?.identity ?? "somebody";
    return conflict(`${what} is ${isNobody(identity) ? "reserved from everybody" : `${identity}'s`}`);
  }
  // The MAC address can be another: it is taken anew when its pod comes.
  const named = holding.mac !== "" && takers.has(macKey) ? { ...holding, mac: "" } : holding;
  return { holding: named, verdict: "new", why: "" };
}

/** Undefined when the pool gives these addresses, one of each set at most. */
function rangeProblem(sets: readonly RangeSet[], { addresses }: Holding): string | undefined {
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
