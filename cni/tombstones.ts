import type { Sys } from "../sys/sys.ts";
import { type AttachmentKey, checksum } from "./attachments.ts";
import { isObject, parseJson, printJson } from "./json.ts";
import { makeOwnFolder } from "./own-folder.ts";

/**
 * A tombstone says that nothing of an attachment is left: `<stateDir>/.gone/<slot>`. containerd sends DEL twice at the
 * ordinary end of a pod, and the second one finds no record. With the tombstone it need not derive what there may have
 * been. The number of slots is fixed, so a later tombstone may replace an earlier one. Tombstones are not synced, and a
 * torn one counts as none: without one a DEL is only slower. A record counts more than a tombstone.
 */
const folderName = ".gone";
const slots = 1024;
const fileMode = 0o600;
/** A tombstone counts for this long. By then the pod's owner has removed it, and no further DEL comes. */
const maxAgeMs = 7 * 24 * 3600 * 1000;

/** Tells later DELs that nothing is left. A failure to write is passed over: later DELs then look for themselves. */
export function setTombstone(sys: Sys, stateDir: string, key: AttachmentKey): void {
  const path = pathOf(stateDir, key);
  const text = printJson({ ...key, atMs: sys.clock.nowMs() });
  const written = sys.files.write(path, text, { mode: fileMode });
  if (written.ok || written.error.code !== "ENOENT") return;
  if (makeOwnFolder(sys, `${stateDir}/${folderName}`).ok) {
    sys.files.write(path, text, { mode: fileMode });
  }
}

export function hasTombstone(sys: Sys, stateDir: string, key: AttachmentKey): boolean {
  const text = sys.files.read(pathOf(stateDir, key));
  const json = text.ok ? parseJson(text.value) : text;
  if (!json.ok || !isObject(json.value)) return false;
  const { network, containerId, ifname, atMs } = json.value;
  if (network !== key.network || containerId !== key.containerId || ifname !== key.ifname) return false;
  const ageMs = typeof atMs === "number" ? sys.clock.nowMs() - atMs : Number.NaN;
  return ageMs >= 0 && ageMs < maxAgeMs;
}

/** Removes the note. An ADD must call this first, because it makes a new attachment of this key. */
export function removeTombstone(sys: Sys, stateDir: string, key: AttachmentKey): void {
  if (hasTombstone(sys, stateDir, key)) sys.files.remove(pathOf(stateDir, key));
}

function pathOf(stateDir: string, { network, containerId, ifname }: AttachmentKey): string {
  const slot = Number.parseInt(checksum(printJson([network, containerId, ifname])), 16) % slots;
  return `${stateDir}/${folderName}/${slot}`;
}
