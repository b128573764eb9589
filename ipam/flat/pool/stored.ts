import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Ask } from "../store/drive.ts";
import {
  answersTo,
  type Compare,
  type Entry,
  type Op,
  put,
  range,
  readTxn,
  remove,
  type Txn,
} from "../store/store.ts";
import { type Holding, isAttached, parseHolding, printHolding } from "./holding.ts";
import { isInKeyRange, type KeyRange, type PoolKeys } from "./keys.ts";

/** A holding of the store, with the revision that it was read at. */
export interface Known {
  readonly modRevision: string;
  readonly holding: Holding;
}

/** The keys under which a holding lies. */
export function keysOfHolding(keys: PoolKeys, holding: Holding): string[] {
  const { identity, addresses, mac, state, node, containerId, ifname, heldUntilMs } = holding;
  // A quarantined sandbox may still run: its own DEL, or its node's GC, is what frees it.
  const attached = isAttached(holding) && containerId !== "";
  const all = [
    keys.own(identity),
    ...(mac === "" ? [] : [keys.mac(mac)]),
    ...addresses.map(keys.ip),
    ...(attached ? [keys.att(node, containerId, ifname)] : []),
    ...(state === "held" && heldUntilMs !== undefined ? [keys.hold(heldUntilMs, identity)] : []),
  ];
  if (new Set(all).size < all.length)
    throw new Error(`a holding with one key twice is a bug: ${all.join(" ")}`);
  return all;
}

/** The operations that replace `former` holdings by the new one: each of their keys is written or removed. */
export function rewrite(keys: PoolKeys, former: readonly Holding[], next: Holding | undefined): Op[] {
  const written = next === undefined ? [] : keysOfHolding(keys, next);
  const value = next === undefined ? "" : printHolding(next);
  const removed = new Set(former.flatMap((holding) => keysOfHolding(keys, holding)));
  for (const key of written) removed.delete(key);
  return eachKeyOnce([...written.map((key) => put(key, value)), ...[...removed].map(remove)]);
}

/** Throws when a key is both put and deleted, or is written twice: etcd would refuse the transaction. */
export function eachKeyOnce(ops: readonly Op[]): Op[] {
  const written = ops.flatMap((op) => (op.kind === "put" || op.kind === "delete" ? [op.key] : []));
  const twice = written.find((key, at) => written.indexOf(key) !== at);
  if (twice !== undefined) throw new Error(`a transaction that writes ${twice} twice is a bug`);
  return [...ops];
}

/**
 * Throws when a transaction would write a key that nothing fences. A key is fenced by a compare of its own, or as a key of a
 * `replaced` holding: all keys of a holding share a revision, so a compare of one of them is enough for the others.
 */
export function fenced(keys: PoolKeys, txn: Txn, replaced: readonly Known[]): Txn {
  const revisions = txn.compare.flatMap((each) => (each.kind === "unchanged" ? [each.modRevision] : []));
  const unseen = replaced.find(({ modRevision }) => !revisions.includes(modRevision));
  if (unseen !== undefined)
    throw new Error(`replacing ${unseen.holding.identity} without a compare is a bug`);
  const known = new Set([
    ...txn.compare.map(({ key }) => key),
    ...replaced.flatMap(({ holding }) => keysOfHolding(keys, holding)),
  ]);
  for (const op of txn.success) {
    const isWrite = op.kind === "put" || op.kind === "delete";
    // A definition needs no compare: its key is the hash of its value.
    if (isWrite && !known.has(op.key) && !isInKeyRange(keys.all.def, op.key))
      throw new Error(`writing ${op.key} without a compare is a bug`);
  }
  return txn;
}

/** Reads an entry. A value that is no holding counts as one in quarantine, so that nobody is given its address. */
export function known(entry: Entry | undefined): Known | undefined {
  if (entry === undefined) return undefined;
  return { modRevision: entry.modRevision, holding: parseHolding(entry.value) ?? unreadable };
}

/** That each key is as it was seen: absent where nothing was. */
export function asSeen(
  keys: readonly string[],
  seen: ReadonlyMap<string, { readonly modRevision: string }>,
): Compare[] {
  return keys.map((key): Compare => {
    const there = seen.get(key);
    return there === undefined
      ? { kind: "absent", key }
      : { kind: "unchanged", key, modRevision: there.modRevision };
  });
}

/** Records a holding where nothing is in its way. */
export function putNew(keys: PoolKeys, holding: Holding): Txn {
  return {
    compare: asSeen(keysOfHolding(keys, holding), new Map()),
    success: rewrite(keys, [], holding),
    failure: [],
  };
}

/** A read of one page of a range. */
export type PageStep = Ask<PageStep> | EntryPage;

export interface EntryPage {
  readonly kind: "page";
  readonly entries: readonly Entry[];
  /** Where the next page begins; undefined when this was the last. */
  readonly rest: KeyRange | undefined;
  /** By the store's clock. */
  readonly atMs: number | undefined;
}

/** Everything in a range of keys. */
export interface EntryRange {
  readonly entries: readonly Entry[];
  /** By the store's clock, when the last page was read. */
  readonly atMs: number | undefined;
}

/** Reads a range page by page, because a store limits the size of one answer. `ask` carries out the read of one page. */
export async function readPages<Fault>(
  all: KeyRange,
  length: number,
  ask: (page: PageStep) => Promise<Outcome<EntryPage, Fault>>,
  onProgress: (entries: number) => void = () => {},
): Promise<Outcome<EntryRange, Fault>> {
  const entries: Entry[] = [];
  for (let from = all; ; ) {
    const page = await ask(pageOf(from, length));
    if (!page.ok) return page;
    entries.push(...page.value.entries);
    onProgress(entries.length);
    const { rest, atMs } = page.value;
    if (rest === undefined) return ok({ entries, atMs });
    from = rest;
  }
}

function pageOf(all: KeyRange, length: number): PageStep {
  const ops = { page: range(all, length) };
  return {
    kind: "ask",
    txn: readTxn(ops),
    next: ({ replies, atMs }) => {
      const { page: entries } = answersTo(ops, replies);
      const last = entries.at(-1);
      const isLast = last === undefined || entries.length < length;
      return {
        kind: "page",
        entries,
        rest: isLast ? undefined : { ...all, from: `${last.key}\u0000` },
        atMs,
      };
    },
  };
}

/** A key of the store with the holding under it. `holding` is undefined if the value cannot be read. */
export interface Stored {
  readonly key: string;
  readonly modRevision: string;
  readonly holding: Holding | undefined;
}

/** A readable record, and the key by which it was found. */
export type SeenHolding = Stored & { readonly holding: Holding };

export function isReadable(stored: Stored): stored is SeenHolding {
  return stored.holding !== undefined;
}

export function storedOf({ key, modRevision, value }: Entry): Stored {
  return { key, modRevision, holding: parseHolding(value) };
}

export const unreadable: Holding = {
  identity: "unreadable",
  state: "quarantine",
  containerId: "",
  ifname: "",
  node: "",
  network: "",
  addresses: [],
  mac: "",
  generation: 0,
  sinceMs: 0,
  history: [],
};
