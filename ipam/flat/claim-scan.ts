import { entriesOf, type Known, known } from "./claim-txn.ts";
import { hash128 } from "./hash.ts";
import { isExpired } from "./holding.ts";
import { addressOfKey, codeOf, type Keys } from "./keys.ts";
import { type Interval, type Space, windowAt } from "./space.ts";
import type { Op, Txn, TxnReply } from "./store.ts";

/**
 * The search for free addresses when an identity's candidates are all taken: windows of keys from a hashed place on, ever
 * larger, so that the cost follows how full the pool is and not how large.
 */
export interface Scan {
  readonly sets: readonly SetScan[];
  readonly seed: bigint;
}

interface SetScan {
  readonly space: Space;
  /** Where the next window begins. */
  readonly index: bigint;
  readonly length: bigint;
  readonly scanned: bigint;
  readonly candidates: readonly Candidate[];
  /** Expired holds have been looked for. */
  readonly askedHolds: boolean;
}

export interface Candidate {
  readonly code: string;
  readonly steal: Known | undefined;
}

/** What was found free in one range set. */
export interface Free {
  readonly candidates: readonly Candidate[];
}

export type Seen =
  | { readonly kind: "more"; readonly scan: Scan }
  | { readonly kind: "found"; readonly free: readonly Free[] }
  | { readonly kind: "exhausted"; readonly set: number };

const firstWindow = 256n;
const largestWindow = 4096n;
/** Candidates kept of a window: the probes of the next try. */
const kept = 3;
const holdsRead = 32;

export function startScan(spaces: readonly Space[], identity: string): Scan {
  const seed = hash128(`${identity}|scan`);
  const sets = spaces.map(
    (space): SetScan => ({
      space,
      index: space.size === 0n ? 0n : seed % space.size,
      length: firstWindow,
      scanned: 0n,
      candidates: [],
      askedHolds: false,
    }),
  );
  return { sets, seed };
}

/** Reads the next window of every set that has nothing yet, and the oldest expired holds. */
export function scanTxn(keys: Keys, { sets }: Scan, nowMs: number): Txn {
  const holds: Op = { kind: "range", ...keys.holdsUntil(nowMs), limit: holdsRead };
  const windows = sets.filter(isOpen).map((set): Op => {
    const { first, last } = window(set);
    const limit = Number(last - first + 1n);
    return { kind: "range", ...keys.ips(set.space.family, first, last), limit, keysOnly: true };
  });
  return { compare: [], success: [holds, ...windows], failure: [] };
}

function isOpen({ candidates, scanned, space }: SetScan): boolean {
  return candidates.length === 0 && scanned < space.size;
}

function window({ space, index, length }: SetScan): Interval {
  return windowAt(space, index, length);
}

export function scanReply({ sets, seed }: Scan, reply: TxnReply, nowMs: number): Seen {
  const holds = entriesOf(reply, 0).flatMap((entry) => known(entry) ?? []);
  const expired = holds.filter(({ holding }) => isExpired(holding, nowMs));
  let at = 1;
  const advanced = sets.map((set): SetScan => {
    if (!isOpen(set)) return set;
    const taken = new Set(entriesOf(reply, at++).map(({ key }) => addressOfKey(key).address));
    return advance(set, taken, expired, seed);
  });
  const exhausted = advanced.findIndex((set) => set.candidates.length === 0 && set.scanned >= set.space.size);
  if (exhausted >= 0) return { kind: "exhausted", set: exhausted };
  if (advanced.some(isOpen)) return { kind: "more", scan: { sets: advanced, seed } };
  return { kind: "found", free: advanced.map(({ candidates }) => ({ candidates })) };
}

function advance(set: SetScan, taken: ReadonlySet<bigint>, expired: readonly Known[], seed: bigint): SetScan {
  const { first, last } = window(set);
  const free: bigint[] = [];
  for (let address = first; address <= last; address++) if (!taken.has(address)) free.push(address);
  const scanned = set.scanned + (last - first + 1n);
  const next = {
    ...set,
    scanned,
    index: (set.index + (last - first + 1n)) % set.space.size,
    length: set.length * 2n > largestWindow ? largestWindow : set.length * 2n,
    askedHolds: true,
  };
  if (free.length > 0) return { ...next, candidates: spread(set.space, free, seed) };
  // Nothing free here: rather take what waited too long, the oldest first, than read on.
  const stolen = expired.flatMap((steal) => {
    const code = steal.holding.addresses.find((each) => inSpace(set.space, each));
    return code === undefined ? [] : [{ code, steal }];
  });
  return { ...next, candidates: stolen.slice(0, kept) };
}

/** Some of the free ones, different for different claimants so that they do not race for the same. */
function spread(space: Space, free: readonly bigint[], seed: bigint): Candidate[] {
  const count = Math.min(kept, free.length);
  const start = Number(seed % BigInt(free.length));
  return Array.from({ length: count }, (_each, n) => {
    const address = free[(start + n) % free.length];
    if (address === undefined) throw new RangeError("an index modulo the length is inside of the list");
    return { code: codeOf(space.family, address), steal: undefined };
  });
}

function inSpace(space: Space, code: string): boolean {
  const { family, address } = addressOfKey(code);
  return (
    family === space.family && space.intervals.some(({ first, last }) => first <= address && address <= last)
  );
}
