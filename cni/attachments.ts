import { type Attempt, type Fault, isAbsent } from "../sys/fault.ts";
import { fail, type Outcome, ok } from "../sys/outcome.ts";
import type { Sys } from "../sys/sys.ts";
import { isName } from "./environment.ts";
import type { ErrorId } from "./error-ids.ts";
import { type CniError, cniError } from "./errors.ts";
import { isObject, type JsonObject, parseJson, printJson } from "./json.ts";
import { makeOwnFolder, writeOwnFile } from "./own-folder.ts";

/**
 * The node's own records, one file for each attachment: `<stateDir>/<network>/<containerId>@<ifname>.json`. The writer of
 * a record decides what is in it. This file only makes sure that a reader gets all of it or nothing.
 */
export interface AttachmentKey {
  readonly network: string;
  readonly containerId: string;
  readonly ifname: string;
}

/** What a record's file holds. */
export type Loaded =
  | { readonly kind: "none" }
  | { readonly kind: "record"; readonly record: JsonObject }
  /** The checksum is wrong: the file was cut off, has rotted, or is no record. */
  | { readonly kind: "torn"; readonly path: string; readonly why: string }
  /** The machine did not let us read the file. The record may be whole: the operation fails and is tried again. */
  | { readonly kind: "unread"; readonly why: string; readonly error: CniError };

export interface RecordEntry {
  readonly key: AttachmentKey;
  readonly path: string;
  readonly state:
    | Exclude<Loaded, { kind: "none" }>
    /** A torn record that was moved out of the way. */
    | { readonly kind: "set-aside" }
    /** An attachment that a DEL has given up. It is no attachment any more, so a new attachment may have its key. */
    | { readonly kind: "left-over"; readonly content: Extract<Loaded, { kind: "record" | "unread" }> };
}

/** A record nests deeper than a configuration: it holds `args.cni` of a plugin of a chain of a step. */
const recordDepth = 20;
const suffix = ".json";
const tornMark = ".torn-";
/** Marks of what DEL has given up: of a network that was attached, and of one whose ADD was refused. */
const leftOverMarks = { attached: ".leftover-", refused: ".refused-" };
/** For each network. A pod whose network is refused is tried again and again, each time as another container. */
const maxRefused = 64;
const temporarySuffix = ".tmp";

/**
 * Writes a record, or replaces it. Whenever we are stopped, the old or the new record is there afterwards. `begin`
 * returns once the record will survive a power loss. `commit` replaces what `begin` wrote. Errors: `records.write`.
 */
export function save(
  sys: Sys,
  stateDir: string,
  key: AttachmentKey,
  record: JsonObject,
  durability: "begin" | "commit",
): Outcome<void, CniError> {
  const path = recordPath(stateDir, key);
  const written = writeRecord(sys, stateDir, key, path, seal(record), durability);
  return written.ok ? ok(undefined) : fail(notWritten(`write record ${path}`, written.error));
}

/**
 * Writes what a DEL gives up beside the records, so that it survives a power loss and nobody takes it for an
 * attachment. Of networks that never were attached (`refused`) only the latest are kept. Returns where it lies. Errors:
 * `records.write`.
 */
export function setLeftOver(
  sys: Sys,
  stateDir: string,
  key: AttachmentKey,
  record: JsonObject,
  kind: keyof typeof leftOverMarks,
): Outcome<string, CniError> {
  const path = `${recordPath(stateDir, key)}${leftOverMarks[kind]}${sys.clock.nowMs()}`;
  const written = writeRecord(sys, stateDir, key, path, seal(record), "begin");
  if (!written.ok) return fail(notWritten(`write what is left over, ${path}`, written.error));
  if (kind === "refused") pruneRefused(sys, `${stateDir}/${key.network}`);
  return ok(path);
}

function pruneRefused(sys: Sys, folder: string): void {
  const names = namesIn(sys, folder);
  const marked = (names.ok ? names.value : []).flatMap((name) => {
    const [, at] = /\.refused-(\d+)$/.exec(name) ?? [];
    return at === undefined ? [] : [{ name, at: Number(at) }];
  });
  const newestFirst = marked.toSorted((one, other) => other.at - one.at);
  for (const { name } of newestFirst.slice(maxRefused)) sys.files.remove(`${folder}/${name}`);
}

export function load(sys: Sys, stateDir: string, key: AttachmentKey): Loaded {
  return readRecord(sys, recordPath(stateDir, key));
}

/** Moves a torn record out of the way, so that nobody finds it a second time. Returns where it lies then. */
export function setAside(sys: Sys, stateDir: string, key: AttachmentKey): Attempt<string> {
  const path = recordPath(stateDir, key);
  const aside = `${path}${tornMark}${sys.clock.nowMs()}`;
  const moved = sys.files.rename(path, aside);
  return moved.ok ? ok(aside) : moved;
}

/**
 * Removes a record, which need not be there. The removal is not synced: if a power loss brings the record back, its next
 * DEL finds nothing left to do. For the same reason this succeeds on a disk that has become read-only: what the record
 * names is gone. Errors: `records.remove`.
 */
export function forget(sys: Sys, stateDir: string, key: AttachmentKey): Outcome<void, CniError> {
  const path = recordPath(stateDir, key);
  const removed = sys.files.remove(path);
  if (removed.ok || removed.error.code === "ENOENT") return ok(undefined);
  if (removed.error.code === "EROFS") {
    // A read-only disk gives this error for any name, also for one that does not exist.
    if (sys.files.stat(path).ok)
      sys.warn(
        `hawser: ${path} stays, for its disk is read-only; what it names is undone, and GC removes it later`,
      );
    return ok(undefined);
  }
  return fail(notWritten(`remove record ${path}`, removed.error, "records.remove"));
}

/** The wanted records of this node, with those that were set aside or left over. Errors: `records.read`. */
export function list(
  sys: Sys,
  stateDir: string,
  isWanted: (key: AttachmentKey) => boolean = () => true,
): Outcome<RecordEntry[], CniError> {
  const entries: RecordEntry[] = [];
  const networks = namesIn(sys, stateDir);
  if (!networks.ok) return fail(notRead(stateDir, networks.error));
  for (const network of networks.value.filter(isName)) {
    const folder = `${stateDir}/${network}`;
    const names = namesIn(sys, folder);
    if (!names.ok) return fail(notRead(folder, names.error));
    entries.push(...names.value.flatMap((name) => readEntry(sys, folder, network, name, isWanted) ?? []));
  }
  return ok(entries);
}

/** Removes temporary files whose writers died. */
export function sweepTemporary(sys: Sys, stateDir: string): void {
  const networks = namesIn(sys, stateDir);
  if (!networks.ok) return;
  for (const network of networks.value.filter(isName)) {
    const folder = `${stateDir}/${network}`;
    const names = namesIn(sys, folder);
    for (const name of names.ok ? names.value : []) {
      const writer = temporaryWriter(name);
      if (writer !== undefined && !sys.processes.isAlive(writer)) sys.files.remove(`${folder}/${name}`);
    }
  }
}

function recordPath(stateDir: string, key: AttachmentKey): string {
  return `${stateDir}/${key.network}/${recordName(key)}`;
}

function recordName({ network, containerId, ifname }: AttachmentKey): string {
  // Every caller checks these names, so this is a bug. A path from an unchecked name could leave the state folder.
  if (!isName(network) || !isName(containerId) || ifname === "" || ifname.includes("/")) {
    throw new Error(`no attachment has the key ${printJson({ network, containerId, ifname })}`);
  }
  return `${containerId}@${ifname}${suffix}`;
}

/**
 * Begins with a dot, so that `list` passes it over. It names its writer: two writers never share one, and a dead
 * writer's can be told.
 */
function temporaryName(key: AttachmentKey, writer: string): string {
  return `.${recordName(key)}.${writer}${temporarySuffix}`;
}

function temporaryWriter(name: string): string | undefined {
  if (!name.startsWith(".") || !name.endsWith(temporarySuffix)) return undefined;
  const middle = name.slice(1, -temporarySuffix.length);
  return middle.slice(middle.lastIndexOf(".") + 1);
}

function writeRecord(
  sys: Sys,
  stateDir: string,
  key: AttachmentKey,
  path: string,
  text: string,
  durability: "begin" | "commit",
): Attempt {
  const folder = `${stateDir}/${key.network}`;
  const temporary = `${folder}/${temporaryName(key, sys.processes.self())}`;
  const written = writeTemporary(sys, folder, temporary, text);
  const moved = written.ok ? sys.files.rename(temporary, path) : written;
  if (!moved.ok) {
    sys.files.remove(temporary);
    return moved;
  }
  // After a commit a power loss may leave either version: both name all that is to be undone.
  return durability === "begin" ? sys.files.syncFolder(folder) : moved;
}

function writeTemporary(sys: Sys, folder: string, path: string, text: string): Attempt {
  const written = writeOwnFile(sys, path, text);
  if (written.ok || written.error.code !== "ENOENT") return written;
  const made = makeOwnFolder(sys, folder);
  if (!made.ok) return made;
  syncParents(sys, folder);
  return writeOwnFile(sys, path, text);
}

/**
 * Makes a new folder durable. Folders above it may be new as well, because taking the lock may have made them. So all
 * of them are synced, once in the folder's life. A system folder that refuses the sync has been there since the boot.
 */
export function syncParents(sys: Sys, folder: string): void {
  let at = folder;
  while (at !== "") {
    at = at.slice(0, at.lastIndexOf("/"));
    sys.files.syncFolder(at === "" ? "/" : at);
  }
}

const sealStart = '{"checksum":"';
const sealMiddle = '","record":';
const sealEnd = "}\n";
const checksumDigits = 8;
const bodyStart = sealStart.length + checksumDigits + sealMiddle.length;

/** The text of a record's file: one JSON document with a checksum of the record's own text. */
function seal(record: JsonObject): string {
  const body = printJson(record);
  return `${sealStart}${checksum(body)}${sealMiddle}${body}${sealEnd}`;
}

function unseal(text: string): Outcome<JsonObject, string> {
  const body = text.slice(bodyStart, -sealEnd.length);
  if (text !== `${sealStart}${checksum(body)}${sealMiddle}${body}${sealEnd}`) {
    return fail(text === "" ? "it is empty" : "its checksum does not match its content");
  }
  const json = parseJson(body, recordDepth);
  if (!json.ok) return fail(`it is not JSON: ${json.error}`);
  return isObject(json.value) ? ok(json.value) : fail("it is not an object");
}

/**
 * FNV-1a, 32 bits, over UTF-16 units. It finds torn and rotten files; it is no protection against people. These few
 * lines cost a plugin nothing, while loading node:crypto costs start-up. Nothing is looked up within the loop: without the JIT
 * that would take half as long again.
 */
export function checksum(text: string): string {
  const { imul } = Math;
  const { length } = text;
  let hash = 0x811c9dc5;
  for (let at = 0; at < length; at++) hash = imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(16).padStart(checksumDigits, "0");
}

function readRecord(sys: Sys, path: string): Loaded {
  const text = sys.files.read(path);
  if (!text.ok && text.error.code === "ENOENT") return { kind: "none" };
  if (!text.ok) {
    const why = `it cannot be read: ${text.error.message}`;
    return { kind: "unread", why, error: notRead(path, text.error) };
  }
  const record = unseal(text.value);
  return record.ok ? { kind: "record", record: record.value } : { kind: "torn", path, why: record.error };
}

function readEntry(
  sys: Sys,
  folder: string,
  network: string,
  name: string,
  isWanted: (key: AttachmentKey) => boolean,
): RecordEntry | undefined {
  const path = `${folder}/${name}`;
  const [, own = "", aside] = /^(.*?)(?:\.(torn|leftover|refused)-\d+)?$/s.exec(name) ?? [];
  const key = parseName(network, own);
  if (key === undefined || !isWanted(key)) return undefined;
  if (aside === "torn") return { key, path, state: { kind: "set-aside" } };
  const state = readRecord(sys, path);
  // Somebody has removed the file since the folder was read.
  if (state.kind === "none") return undefined;
  if (aside === undefined) return { key, path, state };
  if (state.kind === "torn") return { key, path, state: { kind: "set-aside" } };
  return { key, path, state: { kind: "left-over", content: state } };
}

/** A container ID has no `@` in it, while an interface name may. */
function parseName(network: string, name: string): AttachmentKey | undefined {
  const at = name.indexOf("@");
  if (at < 0 || !name.endsWith(suffix)) return undefined;
  const key = { network, containerId: name.slice(0, at), ifname: name.slice(at + 1, -suffix.length) };
  return isName(key.containerId) && key.ifname !== "" ? key : undefined;
}

/** The names in a folder. A path that does not exist, or is no folder, has none. */
function namesIn(sys: Sys, path: string): Attempt<string[]> {
  const names = sys.files.list(path);
  return !names.ok && isAbsent(names.error) ? ok([]) : names;
}

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: "The disk is full: make room on it.",
  EDQUOT: "The disk quota is used up: raise it, or make room.",
  EROFS: `The disk is mounted read-only: mount it writable, or set "stateDir" to a folder on one that is.`,
  EACCES: "The folder must belong to the user that runs plugins, which is root.",
  EPERM: "The folder must belong to the user that runs plugins, which is root.",
  EIO: "The disk fails: see the kernel's log.",
};

function advice(fault: Fault): string {
  return `${fault.message}. ${remedies[fault.code] ?? `Check the folder that "stateDir" names.`}`;
}

function notWritten(doing: string, fault: Fault, id: ErrorId = "records.write"): CniError {
  return cniError("records", id, `${doing}: ${fault.code}`, advice(fault));
}

function notRead(folder: string, fault: Fault): CniError {
  return cniError("records", "records.read", `read the records in ${folder}: ${fault.code}`, advice(fault));
}
