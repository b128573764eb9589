import { hash128 } from "../../hash.ts";
import type { Span } from "../../range.ts";
import { answersTo, count, keyRange, range, readTxn, type Txn, type TxnReply } from "../store/store.ts";
import { isExpired } from "./holding.ts";
import { addressOfCode, codeOf, codeOfKey, type PoolKeys } from "./keys.ts";
import { inSpace, type Space, windowAt } from "./space.ts";
import { type Known, known } from "./stored.ts";

/**
 * The search for free addresses when all candidates of an identity are taken. It reads windows of keys from a hashed place
 * on. Each window is larger than the one before, so that the cost depends on how full the pool is, and not on its size. If
 * a window is full, expired holds are taken instead, the oldest first. The keys are counted, so that no full pool is walked.
 */
export interface Scan {
  readonly sets: readonly SetScan[];
  readonly seed: bigint;
  /** The key of the last expired hold that was read. Undefined before the first. */
  readonly lastHold: string | undefined;
  readonly wraps: number;
}

interface SetScan {
  readonly space: Space;
  /** Where the next window begins. */
  readonly index: bigint;
  readonly length: bigint;
  readonly scanned: bigint;
  readonly candidates: readonly CandidateCode[];
  /** Whether the set is full. `due`: its keys are counted with the next window. */
  readonly count: "not yet" | "due" | "full" | "not full";
}

export interface CandidateCode {
  readonly code: string;
  readonly steal: Known | undefined;
}

/** The addresses that were found free in one range set. */
export interface Free {
  readonly candidates: readonly CandidateCode[];
}

export type Seen =
  | { readonly kind: "more"; readonly scan: Scan }
  | { readonly kind: "found"; readonly free: readonly Free[] }
  | { readonly kind: "exhausted"; readonly set: number };

const firstWindow = 256n;
const largestWindow = 4096n;
/** How many candidates are kept of a window: the probes of the next try. */
const kept = 3;
const holdsRead = 32;
/** The most operations for windows and counts in one transaction. etcd takes 128. */
const maxOps = 120;
/** How often a pool that is not full by its count is walked as a whole. */
const maxWraps = 4;

/** Starts a scan. `settled` has for each range set the address that has to be taken, or undefined if there is a choice. */
export function startScan(
  spaces: readonly Space[],
  settled: readonly (string | undefined)[],
  identity: string,
): Scan {
  const seed = hash128(`${identity}|scan`);
  const sets = spaces.map((space, set): SetScan => {
    const code = settled[set];
    return {
      space,
      index: space.size === 0n ? 0n : seed % space.size,
      length: firstWindow,
      scanned: 0n,
      // It is repeated for each probe, because each probe needs an address of each set.
      candidates: code === undefined ? [] : Array.from({ length: kept }, () => ({ code, steal: undefined })),
      count: "not yet",
    };
  });
  return { sets, seed, lastHold: undefined, wraps: 0 };
}

/** Reads the next window of every set that has nothing yet, and the oldest expired holds. */
export function scanTxn(keys: PoolKeys, scan: Scan, nowMs: number): Txn {
  return readTxn(opsFor(keys, scan, nowMs));
}

function opsFor(keys: PoolKeys, { sets, lastHold }: Scan, nowMs: number) {
  // `isExpired` counts a hold that ends at this very millisecond, and the range of keys does not.
  const { from, to } = keys.holdsUntil(nowMs + 1);
  const after = lastHold === undefined ? from : `${lastHold}\u0000`;
  return {
    holds: range({ from: after, to }, holdsRead),
    sets: sets.map((set) => {
      const { family } = set.space;
      return {
        window: windowOf(set, sets).map(({ first, last }) =>
          keyRange(keys.ips(family, first, last), Number(last - first + 1n)),
        ),
        counts: countedOf(set, sets).map(({ first, last }) => count(keys.ips(family, first, last))),
      };
    }),
  };
}

/** A set's share of a transaction, for its window and as much again for its count. */
function share(sets: readonly SetScan[]): number {
  return Math.max(1, Math.floor(maxOps / (2 * sets.length)));
}

function isOpen({ candidates }: SetScan): boolean {
  return candidates.length === 0;
}

function windowOf(set: SetScan, sets: readonly SetScan[]): Span[] {
  if (!isOpen(set) || set.count === "full") return [];
  return windowAt(set.space, set.index, set.length, share(sets));
}

function countedOf({ space, count }: SetScan, sets: readonly SetScan[]): readonly Span[] {
  return count === "due" && space.spans.length <= share(sets) ? space.spans : [];
}

/** Reads the reply to `scanTxn(keys, scan, nowMs)`. */
export function scanReply(keys: PoolKeys, scan: Scan, { replies }: TxnReply, nowMs: number): Seen {
  const { holds, sets: answers } = answersTo(opsFor(keys, scan, nowMs), replies);
  const expired = holds
    .flatMap((entry) => known(entry) ?? [])
    .filter(({ holding }) => isExpired(holding, nowMs));
  const moreHolds = holds.length === holdsRead;
  const sets = scan.sets.map((set, at): SetScan => {
    const { window: found = [], counts = [] } = answers[at] ?? {};
    if (!isOpen(set)) return set;
    const codes = found.flat().flatMap(({ key }) => codeOfKey(key) ?? []);
    const taken = new Set(codes.map((code) => addressOfCode(code).value));
    return withCount(advance(set, windowOf(set, scan.sets), taken, expired, scan.seed), counts);
  });
  const lastHold = moreHolds ? holds.at(-1)?.key : scan.lastHold;
  return judge({ ...scan, sets, lastHold }, moreHolds);
}

function judge(scan: Scan, moreHolds: boolean): Seen {
  if (!scan.sets.some(isOpen)) return { kind: "found", free: scan.sets };
  const isOut = (set: SetScan): boolean =>
    isOpen(set) && !moreHolds && (set.count === "full" || (isWalked(set) && scan.wraps >= maxWraps));
  const exhausted = scan.sets.findIndex(isOut);
  if (exhausted >= 0) return { kind: "exhausted", set: exhausted };
  const again = scan.sets.some((set) => isOpen(set) && isWalked(set));
  const sets = scan.sets.map((set): SetScan => (isWalked(set) ? { ...set, scanned: 0n, count: "due" } : set));
  return { kind: "more", scan: { ...scan, sets, wraps: scan.wraps + (again ? 1 : 0) } };
}

function isWalked({ scanned, space, count }: SetScan): boolean {
  return scanned >= space.size && count !== "full";
}

function advance(
  set: SetScan,
  window: readonly Span[],
  taken: ReadonlySet<bigint>,
  expired: readonly Known[],
  seed: bigint,
): SetScan {
  const free: bigint[] = [];
  let read = 0n;
  for (const { first, last } of window) {
    read += last - first + 1n;
    for (let address = first; address <= last; address++) if (!taken.has(address)) free.push(address);
  }
  const next = {
    ...set,
    scanned: set.scanned + read,
    index: (set.index + read) % set.space.size,
    length: set.length * 2n > largestWindow ? largestWindow : set.length * 2n,
  };
  if (free.length > 0) return { ...next, candidates: spread(set.space, free, seed) };
  const stolen = expired.flatMap((steal) => {
    const code = steal.holding.addresses.find((each) => inSpace(set.space, each));
    return code === undefined ? [] : [{ code, steal }];
  });
  return { ...next, candidates: stolen.slice(0, kept) };
}

function withCount(set: SetScan, counts: readonly number[]): SetScan {
  if (set.count === "not yet") return { ...set, count: "due" };
  if (counts.length === 0) return set;
  const used = counts.reduce((sum, count) => sum + count, 0);
  return { ...set, count: BigInt(used) >= set.space.size ? "full" : "not full" };
}

/** Chooses some of the free addresses. Different claimants get different ones, so that they do not race for the same. */
function spread(space: Space, free: readonly bigint[], seed: bigint): CandidateCode[] {
  const count = Math.min(kept, free.length);
  const start = Number(seed % BigInt(free.length));
  return Array.from({ length: count }, (_each, n) => {
    const address = free[(start + n) % free.length];
    if (address === undefined) throw new RangeError("an index modulo the length is inside of the list");
    return { code: codeOf(space.family, address), steal: undefined };
  });
}
