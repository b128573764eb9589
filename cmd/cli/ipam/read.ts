import type { CniError } from "../../../cni/errors.ts";
import { type Holding, parseHolding, type Times, timesOf } from "../../../ipam/flat/pool/holding.ts";
import type { KeyRange, PoolKeys } from "../../../ipam/flat/pool/keys.ts";
import { readPages, type Stored, storedOf } from "../../../ipam/flat/pool/stored.ts";
import { driveOnce, storeError } from "../../../ipam/flat/store/drive.ts";
import {
  type Answers,
  answersTo,
  count,
  type Entry,
  get,
  type Ops,
  readTxn,
  type Store,
  type StoreFault,
} from "../../../ipam/flat/store/store.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { Person } from "../person.ts";

export type OnProgress = (entries: number) => void;

const pageSize = 500;

/** Reads all entries of a range. */
export async function readEntries(
  store: Store,
  range: KeyRange,
  onProgress?: OnProgress,
): Promise<Outcome<readonly Entry[], CniError>> {
  const read = await readPages(range, pageSize, (page) => driveOnce(store, page), onProgress);
  return read.ok ? ok(read.value.entries) : fail(readError(store, read.error));
}

/** Reads what each owner has, from the owners' records. Leaves out unreadable ones, which `ipam check` tells of. */
export async function readHoldings(
  store: Store,
  keys: PoolKeys,
  onProgress?: OnProgress,
): Promise<Outcome<Holding[], CniError>> {
  const entries = await readEntries(store, keys.all.own, onProgress);
  return entries.ok ? ok(entries.value.flatMap(({ value }) => parseHolding(value) ?? [])) : entries;
}

/** Reads several things as of one moment. */
export async function readOnce<Named extends Ops>(
  store: Store,
  ops: Named,
): Promise<Outcome<Answers<Named>, CniError>> {
  const reply = await store.txn(readTxn(ops));
  return reply.ok ? ok(answersTo(ops, reply.value.replies)) : fail(readError(store, reply.error));
}

export function readError({ label }: Store, fault: StoreFault): CniError {
  return storeError(`read ${label}`, fault);
}

/** Reads the clocks of this node and of the store. A hold is counted and judged by both. */
export async function readTimes(
  sys: Sys,
  { store, keys }: { readonly store: Store; readonly keys: PoolKeys },
): Promise<Outcome<Times, CniError>> {
  const reply = await store.txn(readTxn({ definitions: count(keys.all.def) }));
  return reply.ok ? ok(timesOf(sys.clock.nowMs(), reply.value.atMs)) : fail(readError(store, reply.error));
}

/** Reads the entry of one key. */
export async function readKey(store: Store, key: string): Promise<Outcome<Stored | undefined, CniError>> {
  const reply = await readOnce(store, { entry: get(key) });
  if (!reply.ok) return reply;
  const { entry } = reply.value;
  return ok(entry === undefined ? undefined : storedOf(entry));
}

/** Shows a person how far a long read has got. */
export function countEntries(person: Person, pool: string): OnProgress {
  return (entries) => {
    // Only full pages are shown. The last page, and all of a small pool, is read too soon for that.
    person.progress(entries % pageSize === 0 && entries > 0 ? `pool ${pool}: ${entries} records read` : "");
  };
}
