import type { CniError } from "../../../cni/errors.ts";
import { type Holding, parseHolding } from "../../../ipam/flat/pool/holding.ts";
import type { KeyRange, Keys } from "../../../ipam/flat/pool/keys.ts";
import { entriesAt, type Stored, storedOf } from "../../../ipam/flat/pool/stored.ts";
import { storeError } from "../../../ipam/flat/store/drive.ts";
import type { Entry, Op, Store, TxnReply } from "../../../ipam/flat/store/store.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Person } from "./person.ts";

export type OnProgress = (entries: number) => void;

const pageSize = 500;

/** All entries of a range, page by page: no single answer is larger than any store gives. */
export async function readEntries(
  store: Store,
  range: KeyRange,
  onProgress: OnProgress = () => {},
): Promise<Outcome<Entry[], CniError>> {
  const entries: Entry[] = [];
  let from = range.from;
  for (;;) {
    const page = await readOnce(store, [{ kind: "range", from, to: range.to, limit: pageSize }]);
    if (!page.ok) return page;
    const found = entriesAt(page.value, 0);
    entries.push(...found);
    onProgress(entries.length);
    const last = found.at(-1);
    if (last === undefined || found.length < pageSize) return ok(entries);
    from = `${last.key}\u0000`;
  }
}

/** What each owner has, by the owners' own records. Unreadable ones are left out: `ipam check` tells of them. */
export async function readHoldings(
  store: Store,
  keys: Keys,
  onProgress?: OnProgress,
): Promise<Outcome<Holding[], CniError>> {
  const entries = await readEntries(store, keys.owners, onProgress);
  return entries.ok ? ok(entries.value.flatMap(({ value }) => parseHolding(value) ?? [])) : entries;
}

/** One read of several things, all of one moment. */
export async function readOnce(store: Store, ops: readonly Op[]): Promise<Outcome<TxnReply, CniError>> {
  const reply = await store.txn({ compare: [], success: ops, failure: [] });
  return reply.ok ? reply : fail(storeError(`read ${store.label}`, reply.error));
}

/** What lies under one key. */
export async function readKey(store: Store, key: string): Promise<Outcome<Stored | undefined, CniError>> {
  const reply = await readOnce(store, [{ kind: "get", key }]);
  if (!reply.ok) return reply;
  const [entry] = entriesAt(reply.value, 0);
  return ok(entry === undefined ? undefined : storedOf(entry));
}

/** Tells a watching person how far a long read is. */
export function countEntries(person: Person, pool: string): OnProgress {
  return (entries) => {
    // The last page, and all of a small pool, is no news.
    person.progress(entries % pageSize === 0 && entries > 0 ? `pool ${pool}: ${entries} records read` : "");
  };
}
