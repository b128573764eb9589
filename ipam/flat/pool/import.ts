import type { Address } from "../../../cni/address.ts";
import { stableMac } from "../../hash.ts";
import { type RangeSet, rangeWith, type Unusable, unusable } from "../../range.ts";
import type { Ask } from "../store/drive.ts";
import { answersTo, get, nested, opsOf, readTxn } from "../store/store.ts";
import {
  earliestMs,
  type Holding,
  isAttached,
  isExpired,
  latestMs,
  type Times,
  timesOf,
  withEvent,
} from "./holding.ts";
import { addressOfCode, codeOfAddress, codeOfKey, type PoolKeys } from "./keys.ts";
import { changeAsSeen, type OperatorChange } from "./operator.ts";
import { asSeen, keysOfHolding, putNew, rewrite, storedOf } from "./stored.ts";

/** The pool that is imported into. */
export interface ImportedPool {
  readonly name: string;
  readonly keys: PoolKeys;
  readonly sets: readonly RangeSet[];
}

/** An address as another IPAM has it. */
export interface ImportedClaim {
  readonly address: Address;
  /** `namespace/pod/interface`, or the container's where no pod is known. */
  readonly identity: string;
  readonly containerId: string;
  readonly ifname: string;
}

/**
 * Makes holdings of another IPAM's claims. They wait for their pods, because the sandboxes that use the addresses now belong
 * to the other IPAM, which will get their DEL. The addresses of one identity make one holding, in the order of the range sets.
 */
export function heldFor(
  { name, sets }: ImportedPool,
  claims: readonly ImportedClaim[],
  holdMs: number | undefined,
  times: Times,
): Holding[] {
  const { nowMs } = times;
  const byIdentity = Map.groupBy(claims, ({ identity }) => identity);
  return [...byIdentity].flatMap(([identity, group]): Holding[] => {
    const [first] = group;
    if (first === undefined) return [];
    const { containerId, ifname } = first;
    const holding: Holding = {
      identity,
      state: "held",
      containerId,
      ifname,
      node: "",
      network: "",
      addresses: inOrder(sets, group).map(({ address }) => codeOfAddress(address)),
      mac: stableMac(name, identity, 0),
      generation: 0,
      sinceMs: nowMs,
      ...(holdMs === undefined ? {} : { heldUntilMs: latestMs(times) + holdMs }),
      history: [],
    };
    return [asImported(holding, nowMs)];
  });
}

function inOrder(sets: readonly RangeSet[], claims: readonly ImportedClaim[]): ImportedClaim[] {
  const setOf = ({ address }: ImportedClaim) =>
    sets.findIndex((set) => rangeWith(set, address) !== undefined);
  return claims.toSorted((one, other) => setOf(one) - setOf(other));
}

export function asImported(holding: Holding, atMs: number): Holding {
  const { identity, containerId, node, history } = holding;
  return { ...holding, history: withEvent(history, { what: "imported", identity, containerId, node, atMs }) };
}

/** Why an owner cannot have its addresses here. */
export type ImportConflict =
  | { readonly kind: "never given"; readonly code: string; readonly why: Unusable }
  | { readonly kind: "more than one of a set"; readonly codes: readonly string[] }
  | { readonly kind: "has others"; readonly codes: readonly string[] }
  /** `code` is undefined where the key is not an address's. */
  | {
      readonly kind: "taken";
      readonly key: string;
      readonly code: string | undefined;
      readonly identity: string;
    }
  | { readonly kind: "taken meanwhile" };

/** What an import does about one owner. */
export interface PlannedImport {
  readonly holding: Holding;
  readonly verdict: "new" | "there already" | "conflict" | "expired";
  /** Only of a conflict. */
  readonly why?: ImportConflict;
}

/** A planned import, owner by owner. */
export interface ImportPlan {
  readonly owners: readonly PlannedImport[];
  /** The codes of addresses that are in use, and whose owners cannot have them here. They are reserved from everybody. */
  readonly reserved: readonly string[];
}

export interface IncomingOwners {
  readonly holdings: readonly Holding[];
  /** Whether they are another IPAM's. Then pods use them, although their state here is `held`. */
  readonly isForeign: boolean;
  /** The codes of addresses that are in use, and whose owners are unknown. */
  readonly unowned: readonly string[];
}

/** Judges each owner by what the pool has, and by the owners before it. Pure. */
export function planImport(
  pool: ImportedPool,
  { holdings, isForeign, unowned }: IncomingOwners,
  existing: readonly Holding[],
  nowMs: number,
): ImportPlan {
  const { keys, sets } = pool;
  // Anybody may have the addresses of an expired hold, also its former owner.
  const kept = existing.filter((holding) => !isExpired(holding, nowMs));
  const owners = new Map(kept.map((holding) => [holding.identity, holding]));
  const takers = new Map(
    kept.flatMap((holding) => keysOfHolding(keys, holding).map((key) => [key, holding])),
  );
  const planned = holdings.flatMap((incoming) =>
    partsOf(sets, incoming, owners.get(incoming.identity)).map((holding) => {
      const one = judge(pool, holding, owners, takers, nowMs);
      if (one.verdict === "new") {
        owners.set(holding.identity, one.holding);
        for (const key of keysOfHolding(keys, one.holding)) takers.set(key, one.holding);
      }
      return one;
    }),
  );
  const conflicts = planned.filter(({ verdict }) => verdict === "conflict");
  const codes = [...codesInUse(sets, conflicts, isForeign), ...unowned.filter((code) => isGiven(sets, code))];
  const free = codes.filter((code) => !takers.has(keys.ip(code)));
  return { owners: planned, reserved: [...new Set(free)].sort() };
}

/** The addresses that the pool gives, of owners that use them and cannot have them here. */
export function codesInUse(
  sets: readonly RangeSet[],
  owners: readonly PlannedImport[],
  isForeign: boolean,
): string[] {
  const inUse = owners.filter(({ holding }) => isForeign || isAttached(holding));
  return inUse.flatMap(({ holding }) => holding.addresses.filter((code) => isGiven(sets, code)));
}

/** Whether the pool ever gives the address to anybody. */
function isGiven(sets: readonly RangeSet[], code: string): boolean {
  return unusable(sets, addressOfCode(code)) === undefined;
}

/**
 * Splits an owner whose addresses the pool does not give as they are. The addresses that it does give make one part, so that
 * an address of another network costs the owner nothing. Each other address is a part of its own, and so are several
 * addresses of one set together. These parts become conflicts.
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

function judge(
  { keys, sets }: ImportedPool,
  holding: Holding,
  owners: ReadonlyMap<string, Holding>,
  takers: ReadonlyMap<string, Holding>,
  nowMs: number,
): PlannedImport {
  const conflict = (why: ImportConflict): PlannedImport => ({ holding, verdict: "conflict", why });
  if (isExpired(holding, nowMs)) return { holding, verdict: "expired" };
  const own = owners.get(holding.identity);
  if (own !== undefined && isSame(own, holding)) return { holding, verdict: "there already" };
  const outside = rangeProblem(sets, holding);
  if (outside !== undefined) return conflict(outside);
  if (own !== undefined) return conflict({ kind: "has others", codes: own.addresses });
  const macKey = keys.mac(holding.mac);
  const key = keysOfHolding(keys, holding).find((each) => each !== macKey && takers.has(each));
  if (key !== undefined) {
    const identity = takers.get(key)?.identity ?? "";
    return conflict({ kind: "taken", key, code: codeOfKey(key), identity });
  }
  // The owner can do without its MAC address: its pod gets one when it comes.
  const named = holding.mac !== "" && takers.has(macKey) ? { ...holding, mac: "" } : holding;
  return { holding: named, verdict: "new" };
}

/** Why the pool does not give these addresses. Undefined if it does, at most one of each set. */
function rangeProblem(sets: readonly RangeSet[], { addresses }: Holding): ImportConflict | undefined {
  for (const code of addresses) {
    const why = unusable(sets, addressOfCode(code));
    if (why !== undefined) return { kind: "never given", code, why };
  }
  const isCrowded = sets.some((set) => addresses.filter((code) => isGiven([set], code)).length > 1);
  return isCrowded ? { kind: "more than one of a set", codes: addresses } : undefined;
}

export type PutBatch =
  | Ask<PutBatch>
  /** `refused` are the owners whose keys were there already. */
  | { readonly kind: "put"; readonly refused: readonly PlannedImport[] };

/** Puts each owner by a transaction of its own, all in one request. So thousands of owners need few round trips. */
export function putBatch(keys: PoolKeys, batch: readonly PlannedImport[]): PutBatch {
  const ops = { owners: batch.map(({ holding }) => nested(putNew(keys, holding))) };
  return {
    kind: "ask",
    txn: { compare: [], success: opsOf(ops), failure: [] },
    next: ({ replies }) => {
      const { owners } = answersTo(ops, replies);
      return { kind: "put", refused: batch.filter((_each, at) => owners[at]?.succeeded !== true) };
    },
  };
}

/** Puts an owner in the place of expired holds: anybody may have their addresses. */
export function putOver(keys: PoolKeys, holding: Holding, nowMs: number): OperatorChange {
  const written = keysOfHolding(keys, holding);
  const ops = { written: written.map(get) };
  return {
    kind: "ask",
    txn: readTxn(ops),
    next: ({ replies, atMs }) => {
      const judgedMs = earliestMs(timesOf(nowMs, atMs));
      const there = answersTo(ops, replies).written.flatMap((entry) => entry ?? []);
      const former = there.flatMap((entry) => storedOf(entry).holding ?? []);
      if (former.length < there.length || former.some((each) => !isExpired(each, judgedMs))) {
        return { kind: "changed" };
      }
      const compare = asSeen(written, new Map(there.map((entry) => [entry.key, entry])));
      return changeAsSeen({ compare, success: rewrite(keys, former, holding), failure: [] });
    },
  };
}
