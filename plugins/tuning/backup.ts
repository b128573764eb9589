import { type CniError, failWith } from "../../cni/errors.ts";
import { type JsonObject, parseJson } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { flag, lenient, maybe, number, object, readWhole, text } from "../../cni/readers.ts";
import { type Attempt, type Fault, isAbsent } from "../../sys/fault.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { keysOf, type LinkSettings } from "./link-settings.ts";

/**
 * What an interface had before, in a file that the reference plugin reads and writes as well: either can restore what the other has
 * changed. Ours names the network, too, so that its GC knows its own files.
 */
export interface KeptSettings extends LinkSettings {
  readonly network?: string;
}

const folderMode = 0o700;
const fileMode = 0o600;

export function backupName(containerId: string, ifname: string): string {
  return `${containerId}_${ifname}.json`;
}

/** A file while it is written. No container ID begins with a dot. */
export function isUnfinished(name: string): boolean {
  return name.startsWith(".");
}

export function backupPath(dataDir: string, { containerId, ifname }: Invocation["environment"]): string {
  return `${dataDir}/${backupName(containerId, ifname)}`;
}

/**
 * What an earlier ADD has written; undefined if there is none, or it cannot be read as ours. Errors: `tuning.backup`.
 */
export function readBackup({ files }: Sys, path: string): Outcome<KeptSettings | undefined, CniError> {
  const read = files.read(path);
  if (read.ok) return ok(parseBackup(read.value));
  return read.error.code === "ENOENT" ? ok(undefined) : refusedFile("read", path, read.error);
}

const fields = object({
  mac: maybe(text),
  promisc: maybe(flag),
  mtu: maybe(number),
  allmulti: maybe(flag),
  txQLen: maybe(number),
  network: maybe(text),
});

function parseBackup(written: string): KeptSettings | undefined {
  const json = parseJson(written);
  return json.ok ? readWhole(lenient(fields), json.value) : undefined;
}

/** Errors: `tuning.backup`. */
export function writeBackup(sys: Sys, path: string, backup: KeptSettings): Outcome<void, CniError> {
  const { network } = backup;
  const document: JsonObject = {};
  for (const key of keysOf(backup)) document[key] = backup[key] ?? null;
  const text = JSON.stringify({ ...document, ...(network !== undefined && { network }) }, undefined, 1);
  const written = replaceFile(sys, path, text);
  return written.ok ? written : refusedFile("write", path, written.error);
}

/** Removes the file, and what a write that was stopped has left beside it. Errors: `tuning.backup`. */
export function removeBackup({ files }: Sys, path: string): Outcome<void, CniError> {
  for (const each of [path, unfinishedOf(path)]) {
    const removed = files.remove(each);
    if (!removed.ok && !isAbsent(removed.error)) return refusedFile("remove", each, removed.error);
  }
  return ok(undefined);
}

function unfinishedOf(path: string): string {
  const at = path.lastIndexOf("/");
  return `${path.slice(0, at)}/.${path.slice(at + 1)}`;
}

function replaceFile({ files }: Sys, path: string, text: string): Attempt {
  const made = files.makeFolder(path.slice(0, path.lastIndexOf("/")), folderMode);
  if (!made.ok) return made;
  const unfinished = unfinishedOf(path);
  const written = files.write(unfinished, text, { mode: fileMode });
  return written.ok ? files.rename(unfinished, path) : written;
}

export function refusedFile(verb: string, path: string, fault: Fault): Outcome<never, CniError> {
  const why = "It says what the interface had before. See `dataDir`: rights, space.";
  return failWith("ioFailure", "tuning.backup", `${verb} ${path}: ${fault.message}`, why);
}
