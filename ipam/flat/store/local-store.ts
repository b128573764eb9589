import { lockContainer } from "../../../cni/lock.ts";
import { type Fault, isAbsent } from "../../../sys/fault.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { evaluate, type View } from "./evaluate.ts";
import { pathOfKey, walkKeys } from "./local-keys.ts";
import { commit, damaged, keysRoot, openLog, readChange } from "./local-log.ts";
import { type Entry, isRead, type Store, type StoreFault, type Txn, type TxnReply } from "./store.ts";

/** How long an operation waits for the lock: longer than a hundred others need. */
const patienceMs = 20_000;
const lockName = "store";

/** Opens the embedded store of one node. It is a folder, and any number of processes may use it at once. */
export function openLocalStore(sys: Sys, dir: string): Store {
  let roundTrips = 0;
  return {
    label: `folder ${dir}`,
    roundTrips: () => roundTrips,
    // Only a write shows whether the disk has room.
    health: async () => ok(undefined),
    txn: async (txn) => {
      roundTrips += 1;
      if (isRead(txn) && hasNoFolder(sys, dir)) return ok(evaluate(emptyView, txn, "0").reply);
      const lock = await lockContainer(sys, dir, lockName, patienceMs);
      if (!lock.ok) {
        const { msg, details } = lock.error;
        return fail({ kind: "unreachable", msg: `lock the store in ${dir}: ${msg}`, details });
      }
      try {
        return transact(sys, dir, txn);
      } finally {
        lock.value.release();
      }
    },
  };
}

/** Whether the folder is missing. Then the store is empty, and a read does not make the folder. */
function hasNoFolder(sys: Sys, dir: string): boolean {
  const stat = sys.files.stat(dir);
  return !stat.ok && stat.error.code === "ENOENT";
}

const emptyView: View = { get: () => undefined, range: () => [], count: () => 0 };

function transact(sys: Sys, dir: string, txn: Txn): Outcome<TxnReply, StoreFault> {
  const log = openLog(sys, dir);
  if (!log.ok) return fail(toFault(`read the store in ${dir}`, log.error, "unreachable"));
  const { view, faults } = viewOf(sys, dir);
  const revision = log.value.revision + 1n;
  const { reply, writes } = evaluate(view, txn, String(revision));
  const unread = faults[0];
  if (unread !== undefined) return fail(toFault(`read the store in ${dir}`, unread, "unreachable"));
  if (writes.size === 0) return ok(reply);
  const done = commit(sys, dir, log.value, { revision, writes });
  if (done.ok) return ok(reply);
  const kind = done.error.done ? "unknown" : "unreachable";
  return fail(toFault(`write to the store in ${dir}`, done.error.fault, kind));
}

/** A view of the folder. A view cannot fail, so its faults are returned beside it. If there is one, the view is void. */
function viewOf(sys: Sys, dir: string): { view: View; faults: readonly Fault[] } {
  const faults: Fault[] = [];
  const root = keysRoot(dir);
  const readAt = (key: string, path: string): Entry | undefined => {
    const change = readChange(sys, path);
    if (change.ok) {
      const value = change.value.writes.get(key) ?? "";
      return { key, value, modRevision: String(change.value.revision) };
    }
    // The key exists, but its owner is unknown. An empty value is no holding, so nobody is given the address.
    if (change.error.code === damaged) return { key, value: "", modRevision: "0" };
    if (!isAbsent(change.error)) faults.push(change.error);
    return undefined;
  };
  const walk = (from: string, to: string, take: (key: string, path: string) => boolean): void => {
    const walked = walkKeys(sys.files, root, from, to, take);
    if (!walked.ok) faults.push(walked.error);
  };
  const view: View = {
    get: (key) => readAt(key, pathOfKey(root, key)),
    range: (from, to, limit, keysOnly) => {
      const entries: Entry[] = [];
      walk(from, to, (key, path) => {
        // Each value is a file, and a window has hundreds of keys. So with `keysOnly` no file is read.
        const entry = keysOnly ? { key, value: "", modRevision: "" } : readAt(key, path);
        if (entry !== undefined) entries.push(entry);
        return entries.length < limit;
      });
      return entries;
    },
    count: (from, to) => {
      let count = 0;
      walk(from, to, () => {
        count += 1;
        return true;
      });
      return count;
    },
  };
  return { view, faults };
}

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: "The disk is full: make room on it.",
  EDQUOT: "The disk quota is used up: raise it, or make room.",
  EROFS:
    "The disk is mounted read-only: mount it writable, or set ipam.store.dir to a folder on one that is.",
  EACCES: "The folder must belong to the user that runs plugins, which is root.",
  EPERM: "The folder must belong to root, on a file system that knows hard links.",
  EIO: "The disk fails: see the kernel's log.",
  EBADMSG: "Move the file away, then see what is left: hawser ipam check.",
};

function toFault(doing: string, fault: Fault, kind: StoreFault["kind"]): StoreFault {
  const remedy = remedies[fault.code] ?? "Check the folder that ipam.store.dir names.";
  return { kind, msg: `${doing}: ${fault.code}`, details: `${fault.message}. ${remedy}` };
}
