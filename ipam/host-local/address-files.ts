import { type Address, parseAddress, printAddress } from "../../cni/address.ts";
import { isName } from "../../cni/environment.ts";
import { type CniError, cniError } from "../../cni/errors.ts";
import type { Attempt, Fault } from "../../sys/fault.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";

/**
 * The folder `<dataDir>/<network>/` as the reference plugin host-local keeps it: a file per address that is taken, holding
 * `<containerID>\r\n<ifname>` (of old, the containerID alone), and `last_reserved_ip.<set>`. The reference works on it
 * under flock, which Node does not have, so every step here is safe against every step there:
 *
 * - An address is taken by a hard link to a file that is complete and on the disk: it appears whole or not at all, and
 *   the kernel gives each name once.
 * - Only files named by an address are ever taken for one, so no marker or lock is freed or counted.
 * - What is ours lies in names with a dot in front: the reference never takes one for an address.
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
    /** Written before interfaces were: all of the container's. */
    | { readonly kind: "container"; readonly containerId: string }
    /** Empty or torn: its writer was stopped, or is at this moment about to write it. */
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
/** The reference's. */
const folderMode = 0o755;

/** Errors: `ipam.data-folder`. */
export function makeFolder(sys: Sys, folder: string): Outcome<void, CniError> {
  const made = sys.files.makeFolder(folder, folderMode);
  return made.ok ? made : fail(folderError(`make the data folder ${folder}`, made.error));
}

/** Every address that is taken, by its file's name; none when there is no folder. Errors: `ipam.data-folder`. */
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
  // It was freed since the folder was read.
  if (text.error.code === "ENOENT") return undefined;
  return { name, address, text: "", owner: { kind: "unreadable", why: text.error.message } };
}

function ownerIn(text: string): AddressFile["owner"] {
  const [containerId = "", ifname = "", ...more] = text.trim().split(lineBreak);
  // What a power loss leaves may be zeros.
  if (!isName(containerId) || more.length > 0) return { kind: "nobody" };
  return ifname === "" ? { kind: "container", containerId } : { kind: "attachment", containerId, ifname };
}

/** What an attachment holds; if it holds nothing under its interface, what its container held of old. */
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
  /** Takes an address; false when somebody has it. */
  readonly take: (address: Address) => Attempt<boolean>;
  readonly close: () => void;
}

/** Writes what every address file of the attachment will hold. On the disk before it is linked: see above. */
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

/** Frees an address, unless its file is no longer the one that was read. Succeeds when it is gone. */
export function free(sys: Sys, folder: string, { name, text }: Pick<AddressFile, "name" | "text">): Attempt {
  const path = `${folder}/${name}`;
  const now = sys.files.read(path);
  if (!now.ok) return now.error.code === "ENOENT" ? ok(undefined) : now;
  if (now.value !== text) return ok(undefined);
  const removed = sys.files.remove(path);
  return removed.ok || removed.error.code === "ENOENT" ? ok(undefined) : removed;
}

/** The address that a set gave last, by either program. An unreadable or half-written marker only costs the order. */
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

/** Named by its writer, so that two never share one and a dead one's is known. */
function temporaryPath(sys: Sys, folder: string, what: "owner" | "marker"): string {
  return `${folder}/${temporaryPrefix}${sys.processes.self()}~${what}`;
}

/** Never over a file that is there: it may have become an address by its link. */
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
 * How old a file without an owner must be to be nobody's: the reference plugin creates it first and writes the owner
 * then, and no runtime waits longer for an ADD than the kubelet's 4 minutes for a sandbox.
 */
export const strayAgeMs = 5 * 60_000;

/** Whether an address file was left empty or torn by a program that is gone. */
export function isStray(sys: Sys, folder: string, { name, owner }: AddressFile): boolean {
  if (owner.kind !== "nobody") return false;
  const stat = sys.files.stat(`${folder}/${name}`);
  return stat.ok && sys.clock.nowMs() - stat.value.modifiedMs > strayAgeMs;
}

/** Tells of addresses that are taken for no one. They are never given: who knows what they are. */
export function warnOfStrays(sys: Sys, folder: string, holdings: readonly AddressFile[]): void {
  for (const holding of holdings) {
    const { name, owner } = holding;
    if (owner.kind === "unreadable") sys.warn(`${folder}/${name} cannot be read: ${owner.why}`);
    if (isStray(sys, folder, holding))
      sys.warn(`${folder}/${name} names no owner: its writer was interrupted. ${name} stays taken until GC.`);
  }
}
