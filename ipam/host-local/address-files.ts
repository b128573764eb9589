import { type Address, parseAddress, printAddress } from "../../cni/address.ts";
import { isName } from "../../cni/environment.ts";
import { type CniError, cniError } from "../../cni/errors.ts";
import type { Attempt, Fault } from "../../sys/fault.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";

/**
 * The folder `<dataDir>/<network>/`, as the reference plugin host-local has it. It has a file for each taken address, with the
 * text `<containerID>\r\n<ifname>` (in old files only the containerID), and `last_reserved_ip.<set>`. The reference plugin
 * locks the folder with flock, which Node does not have. So every step here is safe against every step of the reference:
 *
 * - An address is taken by a hard link to a file that is complete and on the disk. So it appears whole or not at all, and the
 *   kernel gives each name once. ADD syncs the folder before it answers, so no power cut takes back what it has given.
 * - Only a file whose name is an address counts as one. So no marker or lock is freed or counted.
 * - The names of our own files begin with a dot. The reference never takes such a name for an address.
 */
export interface Attachment {
  readonly containerId: string;
  readonly ifname: string;
}

/** An address that is taken. */
export interface AddressFile {
  readonly name: string;
  readonly address: Address;
  readonly text: string;
  readonly owner:
    | { readonly kind: "attachment"; readonly containerId: string; readonly ifname: string }
    /** An old file without an interface: the address belongs to the whole container. */
    | { readonly kind: "container"; readonly containerId: string }
    /** Empty or torn: its writer was stopped, or has not written it yet. */
    | { readonly kind: "nobody" }
    | { readonly kind: "unreadable"; readonly why: string };
}

/**
 * How long a verb waits for a lock of the folder. Other operations on one container take milliseconds, and the GC of a
 * large network takes seconds.
 */
export const lockPatienceMs = 30_000;

const lineBreak = "\r\n";
const markerPrefix = "last_reserved_ip.";
const temporaryPrefix = ".hawser~";
const fileMode = 0o600;
/** The mode that the reference plugin uses. */
const folderMode = 0o755;

/** Makes the folder, if need be, so that a power cut does not take it. Errors: `ipam.data-folder`. */
export function makeFolder(sys: Sys, folder: string): Outcome<void, CniError> {
  if (sys.files.stat(folder).ok) return ok(undefined);
  const made = sys.files.makeFolder(folder, folderMode);
  if (!made.ok) return fail(folderError(`make the data folder ${folder}`, made.error));
  for (let at = folder; at !== ""; ) {
    at = at.slice(0, at.lastIndexOf("/"));
    sys.files.syncFolder(at === "" ? "/" : at);
  }
  return ok(undefined);
}

/** Reads every taken address. Without a folder there is none. Errors: `ipam.data-folder`. */
export function readHoldings(sys: Sys, folder: string): Outcome<AddressFile[], CniError> {
  const names = sys.files.list(folder);
  if (!names.ok && names.error.code === "ENOENT") return ok([]);
  if (!names.ok) return fail(folderError(`read the data folder ${folder}`, names.error));
  return ok(names.value.flatMap((name) => readHolding(sys, folder, name) ?? []));
}

function readHolding(sys: Sys, folder: string, name: string): AddressFile | undefined {
  const address = parseAddress(name);
  if (address === undefined) return undefined;
  const text = sys.files.read(`${folder}/${name}`);
  if (text.ok) return { name, address, text: text.value, owner: ownerIn(text.value) };
  // The address was freed after the folder was read.
  if (text.error.code === "ENOENT") return undefined;
  return { name, address, text: "", owner: { kind: "unreadable", why: text.error.message } };
}

function ownerIn(text: string): AddressFile["owner"] {
  const [containerId = "", ifname = "", ...more] = text.trim().split(lineBreak);
  // After a power loss the file may hold zeros.
  if (!isName(containerId) || more.length > 0) return { kind: "nobody" };
  return ifname === "" ? { kind: "container", containerId } : { kind: "attachment", containerId, ifname };
}

/** The addresses of an attachment. If none names its interface, those of its container in old files. */
export function heldBy(holdings: readonly AddressFile[], { containerId, ifname }: Attachment): AddressFile[] {
  const exact = holdings.filter(
    ({ owner }) =>
      owner.kind === "attachment" && owner.containerId === containerId && owner.ifname === ifname,
  );
  if (exact.length > 0) return exact;
  return holdings.filter(({ owner }) => owner.kind === "container" && owner.containerId === containerId);
}

/** The right to take addresses for one attachment. */
export interface Ticket {
  /** Takes an address. False if it is taken already. */
  readonly take: (address: Address) => Attempt<boolean>;
  readonly close: () => void;
}

/** Writes the text that every address file of the attachment will have. It is on the disk before the first link. */
export function openTicket(sys: Sys, folder: string, attachment: Attachment): Attempt<Ticket> {
  const path = temporaryPath(sys, folder, "owner");
  const written = writeNew(sys, path, contentOf(attachment), true);
  if (!written.ok) return written;
  return ok({
    take: (address) => {
      const linked = sys.files.link(path, `${folder}/${printAddress(address)}`);
      if (linked.ok) return ok(true);
      return linked.error.code === "EEXIST" ? ok(false) : linked;
    },
    close: () => void sys.files.remove(path),
  });
}

export function contentOf({ containerId, ifname }: Attachment): string {
  return `${containerId}${lineBreak}${ifname}`;
}

/** Frees an address, unless its file has changed since it was read. Succeeds also if the file is gone. */
export function free(sys: Sys, folder: string, { name, text }: Pick<AddressFile, "name" | "text">): Attempt {
  const path = `${folder}/${name}`;
  const now = sys.files.read(path);
  if (!now.ok) return now.error.code === "ENOENT" ? ok(undefined) : now;
  if (now.value !== text) return ok(undefined);
  const removed = sys.files.remove(path);
  return removed.ok || removed.error.code === "ENOENT" ? ok(undefined) : removed;
}

/** The address that a set gave last, through either program. An unreadable marker only spoils the order. */
export function readMarker(sys: Sys, folder: string, set: number): Address | undefined {
  const text = sys.files.read(`${folder}/${markerPrefix}${set}`);
  return text.ok ? parseAddress(text.value.trim()) : undefined;
}

export function writeMarker(sys: Sys, folder: string, set: number, address: Address): Attempt {
  const path = temporaryPath(sys, folder, "marker");
  const written = writeNew(sys, path, printAddress(address), false);
  const moved = written.ok ? sys.files.rename(path, `${folder}/${markerPrefix}${set}`) : written;
  if (!moved.ok) sys.files.remove(path);
  return moved;
}

/** Removes temporary files whose writers died. */
export function sweepTemporary(sys: Sys, folder: string): void {
  const names = sys.files.list(folder);
  for (const name of names.ok ? names.value : []) {
    const [, writer] = name.startsWith(temporaryPrefix) ? name.split("~") : [];
    if (writer !== undefined && !sys.processes.isAlive(writer)) sys.files.remove(`${folder}/${name}`);
  }
}

/** The name has the writer's process. So no two processes share a file, and the file of a dead process is recognised. */
function temporaryPath(sys: Sys, folder: string, what: "owner" | "marker"): string {
  return `${folder}/${temporaryPrefix}${sys.processes.self()}~${what}`;
}

/** Writes a new file, and never into one that is there: its link may be an address. */
function writeNew(sys: Sys, path: string, text: string, sync: boolean): Attempt {
  const write = () => sys.files.write(path, text, { mode: fileMode, exclusive: true, sync });
  const first = write();
  const again = !first.ok && first.error.code === "EEXIST" && sys.files.remove(path).ok;
  const written = again ? write() : first;
  if (!written.ok && written.error.code !== "EEXIST") sys.files.remove(path);
  return written;
}

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: "The disk is full: make room on it.",
  EDQUOT: "The disk quota is used up: raise it, or make room.",
  EROFS: `The disk is mounted read-only: mount it writable, or set ipam.dataDir to a folder on one that is.`,
  EACCES: "The folder must belong to the user that runs plugins, which is root.",
  EPERM: "The folder must belong to root, on a file system that knows hard links.",
  ENOTDIR: "A part of its path is a file: set ipam.dataDir to a folder.",
  EEXIST: "A file is in its place: set ipam.dataDir to a folder.",
};

export function folderError(doing: string, fault: Fault): CniError {
  const remedy = remedies[fault.code] ?? "Check the folder that ipam.dataDir names.";
  return cniError("ipam", "ipam.data-folder", `${doing}: ${fault.code}`, `${fault.message}. ${remedy}`);
}

/**
 * The age from which a file without an owner counts as a stray. The reference plugin first creates the file and then writes
 * the owner. No runtime waits longer for an ADD than the kubelet does for a sandbox, which is 4 minutes.
 */
export const strayAgeMs = 5 * 60_000;

/** Whether an address file was left empty or torn by a program that is gone. */
export function isStray(sys: Sys, folder: string, { name, owner }: AddressFile): boolean {
  if (owner.kind !== "nobody") return false;
  const stat = sys.files.stat(`${folder}/${name}`);
  return stat.ok && sys.clock.nowMs() - stat.value.modifiedMs > strayAgeMs;
}

/** Warns of files without a readable owner. Their addresses are given to nobody. */
export function warnOfStrays(sys: Sys, folder: string, holdings: readonly AddressFile[]): void {
  for (const holding of holdings) {
    const { name, owner } = holding;
    if (owner.kind === "unreadable") sys.warn(`${folder}/${name} cannot be read: ${owner.why}`);
    if (isStray(sys, folder, holding))
      sys.warn(`${folder}/${name} names no owner: its writer was interrupted. ${name} stays taken until GC.`);
  }
}
