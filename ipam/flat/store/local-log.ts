import { parseJson, printJson } from "../../../cni/json.ts";
import { sweepLocks } from "../../../cni/lock-sweep.ts";
import { makeOwnFolder, writeOwnFile } from "../../../cni/own-folder.ts";
import { list, object, readWhole, text } from "../../../cni/readers.ts";
import { type Attempt, type Fault, isAbsent } from "../../../sys/fault.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { pathOfKey } from "./local-keys.ts";

/**
 * The log of a local store, in `<dir>/log/`. It has one file for each transaction, and the file of a key is a hard link to
 * the file of the transaction that wrote it. A transaction is done when its file is named `<revision>` and the folder is on
 * the disk. After that the keys are changed, and then the file is renamed to `<revision>.<boot>`. A process that finds a file
 * without a boot, or with an earlier boot, changes the keys again: a power loss may have undone changes of folders. No value
 * is ever written twice. docs/architecture.md tells what SQLite in its place would cost and save.
 */
export interface Log {
  /** The revision of the last transaction that wrote. 0 if there is none. */
  readonly revision: bigint;
  readonly names: readonly string[];
}

export interface LoggedChange {
  readonly revision: bigint;
  readonly writes: ReadonlyMap<string, string | undefined>;
}

/** `done` is false if nothing was changed. It is true if the log has the transaction, so that its changes will be completed. */
export interface LogFault {
  readonly fault: Fault;
  readonly done: boolean;
}

const folderMode = 0o700;
const revisionDigits = 16;
/** How many transactions the log keeps: a power loss may undo the changes of these. */
const longestLog = 64;
const newName = ".new";

export function keysRoot(dir: string): string {
  return `${dir}/keys`;
}

function logFolder(dir: string): string {
  return `${dir}/log`;
}

/** Reads the log, and does what interrupted transactions left undone. */
export function openLog(sys: Sys, dir: string): Attempt<Log> {
  const found = sys.files.list(logFolder(dir));
  if (!found.ok) return isAbsent(found.error) ? ok({ revision: 0n, names: [] }) : found;
  const all = found.value.filter((name) => /^\d{16}(\.|$)/.test(name));
  const names = newestRun(all);
  for (const name of all) if (!names.includes(name)) sys.files.remove(`${logFolder(dir)}/${name}`);
  const boot = sys.processes.bootId();
  const open = names.filter((name) => !name.endsWith(`.${boot}`));
  if (open.length > 0) {
    const redone = redo(sys, dir, open);
    if (!redone.ok) return redone;
  }
  const last = names.at(-1);
  const now = names.map((name) => `${name.slice(0, revisionDigits)}.${boot}`);
  return ok({ revision: last === undefined ? 0n : revisionOf(last), names: now });
}

function redo(sys: Sys, dir: string, names: readonly string[]): Attempt {
  // The last writer may have been stopped before this. Later changes must not survive a power loss without its transaction.
  const synced = sys.files.syncFolder(logFolder(dir));
  if (!synced.ok) return synced;
  for (const name of names) {
    const change = readChange(sys, `${logFolder(dir)}/${name}`, revisionOf(name));
    if (!change.ok) return change;
    const applied = apply(sys, dir, name, change.value);
    if (!applied.ok) return applied;
  }
  return ok(undefined);
}

/**
 * The names of the newest transactions, without a gap. A file before a gap was removed, because its changes are on the disk,
 * and a power loss has brought it back.
 */
function newestRun(names: readonly string[]): string[] {
  const run: string[] = [];
  for (const name of names.toReversed()) {
    const after = run[0];
    if (after !== undefined && revisionOf(after) === revisionOf(name)) continue;
    if (after !== undefined && revisionOf(after) !== revisionOf(name) + 1n) break;
    run.unshift(name);
  }
  return run;
}

function revisionOf(name: string): bigint {
  return BigInt(name.slice(0, revisionDigits));
}

/** Makes a transaction durable, then visible. */
export function commit(sys: Sys, dir: string, log: Log, change: LoggedChange): Outcome<void, LogFault> {
  const folder = logFolder(dir);
  const name = String(change.revision).padStart(revisionDigits, "0");
  const written = writeChange(sys, dir, `${folder}/${newName}`, printChange(change));
  const named = written.ok ? sys.files.rename(`${folder}/${newName}`, `${folder}/${name}`) : written;
  if (!named.ok) return fail({ fault: named.error, done: false });
  const synced = sys.files.syncFolder(folder);
  const applied = synced.ok ? apply(sys, dir, name, change) : synced;
  if (!applied.ok) return fail({ fault: applied.error, done: true });
  if (log.names.length >= longestLog) shorten(sys, dir, [...log.names, `${name}.${sys.processes.bootId()}`]);
  return ok(undefined);
}

function writeChange(sys: Sys, dir: string, path: string, text: string): Attempt {
  const written = writeOwnFile(sys, path, text);
  if (written.ok || !isAbsent(written.error)) return written;
  const made = makeFolders(sys, dir);
  return made.ok ? writeOwnFile(sys, path, text) : made;
}

/** Makes the folders, and syncs them with all folders above, which may be new, too. A system folder may refuse that. */
function makeFolders(sys: Sys, dir: string): Attempt {
  for (const folder of [keysRoot(dir), logFolder(dir)]) {
    const made = makeOwnFolder(sys, folder);
    if (!made.ok) return made;
  }
  for (let at = dir; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) sys.files.syncFolder(at);
  sys.files.syncFolder("/");
  return ok(undefined);
}

function apply(sys: Sys, dir: string, name: string, { writes, revision }: LoggedChange): Attempt {
  const { files } = sys;
  const record = `${logFolder(dir)}/${name}`;
  for (const [key, value] of writes) {
    const path = pathOfKey(keysRoot(dir), key);
    const done = value === undefined ? unlink(sys, dir, path) : link(sys, record, path);
    if (!done.ok) return done;
  }
  const digits = String(revision).padStart(revisionDigits, "0");
  return files.rename(record, `${logFolder(dir)}/${digits}.${sys.processes.bootId()}`);
}

function link({ files }: Sys, record: string, path: string): Attempt {
  const linked = files.link(record, path);
  if (linked.ok) return linked;
  const cleared =
    linked.error.code === "EEXIST"
      ? files.remove(path)
      : linked.error.code === "ENOENT"
        ? files.makeFolder(folderOf(path), folderMode)
        : linked;
  return cleared.ok ? files.link(record, path) : cleared;
}

/** Removes a file, and each folder that becomes empty by it. */
function unlink({ files }: Sys, dir: string, path: string): Attempt {
  const removed = files.remove(path);
  if (!removed.ok && !isAbsent(removed.error)) return removed;
  for (let at = folderOf(path); at !== keysRoot(dir); at = folderOf(at)) {
    if (!files.removeFolder(at).ok) break;
  }
  return ok(undefined);
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

/** Syncs the folders of all keys in the log, and removes all files but the last, which has the current revision. */
function shorten(sys: Sys, dir: string, names: readonly string[]): void {
  const folders = new Set([dir, keysRoot(dir)]);
  for (const name of names) {
    const change = readChange(sys, `${logFolder(dir)}/${name}`, revisionOf(name));
    if (!change.ok) return;
    for (const key of change.value.writes.keys()) {
      for (let at = folderOf(pathOfKey(keysRoot(dir), key)); !folders.has(at); at = folderOf(at))
        folders.add(at);
    }
  }
  for (const folder of folders) {
    const synced = sys.files.syncFolder(folder);
    if (!synced.ok && !isAbsent(synced.error)) return;
  }
  // The oldest goes first. So whichever files a power loss brings back, the newest ones have no gap.
  for (const name of names.slice(0, -1)) sys.files.remove(`${logFolder(dir)}/${name}`);
  sweepLocks(sys, dir);
}

/** Writes the text of a file of the log: the revision, each value with its keys, and the deleted keys. */
function printChange({ revision, writes }: LoggedChange): string {
  const keysOf = new Map<string, string[]>();
  const deletes: string[] = [];
  for (const [key, value] of writes) {
    if (value === undefined) deletes.push(key);
    else keysOf.set(value, [...(keysOf.get(value) ?? []), key]);
  }
  const puts = [...keysOf].map(([value, keys]) => ({ keys, value }));
  return `${revision}\n${printJson({ puts, deletes })}\n`;
}

/** The code of the fault that a file is no transaction. It is one of the kernel's codes. */
export const damaged = "EBADMSG";

/** Reads the transaction in a file of the log, by any of its names. Faults: `damaged`. */
export function readChange(sys: Sys, path: string, expected?: bigint): Attempt<LoggedChange> {
  const text = sys.files.read(path);
  if (!text.ok) return text;
  const change = parseChange(text.value);
  if (change !== undefined && (expected === undefined || change.revision === expected)) return ok(change);
  return fail({ code: damaged, message: `${path} is damaged: it is no transaction of a store` });
}

const changeFields = object({
  puts: list(object({ keys: list(text), value: text })),
  deletes: list(text),
});

function parseChange(content: string): LoggedChange | undefined {
  const at = content.indexOf("\n");
  const revision = content.slice(0, Math.max(0, at));
  const json = parseJson(content.slice(at + 1));
  const change = json.ok && /^\d+$/.test(revision) ? readWhole(changeFields, json.value) : undefined;
  if (change === undefined) return undefined;
  const writes = new Map<string, string | undefined>(change.deletes.map((key) => [key, undefined]));
  for (const { keys, value } of change.puts) {
    for (const key of keys) writes.set(key, value);
  }
  return { revision: BigInt(revision), writes };
}
