import type { Sys } from "../sys/sys.ts";
import { type AttachmentKey, checksum } from "./attachments.ts";
import { isObject, parseJson, printJson } from "./json.ts";
import { makeOwnFolder } from "./own-folder.ts";

/**
 * That an attachment is gone, wholly: `<stateDir>/.gone/<slot>`. containerd sends DEL twice at the ordinary end of a pod, and
 * the second finds no record; by the tombstone it need not derive all that there may have been. One file a slot, and as many
 * slots as there are: a later tombstone takes an earlier one's place. Nothing is synced, and what is torn is none: without a
 * tombstone a DEL is only slower. A record always comes first.
 */
const folderName = ".gone";
const slots = 1024;
const fileMode = 0o600;
/** A pod that has ended is removed when its owner is; after this long nobody asks twice. */
const maxAgeMs = 7 * 24 * 3600 * 1000;

/** Tells later DELs that nothing is left. A failure is none: they look for themselves then. */
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

/** Before an ADD: what it attaches is not gone. */
export function removeTombstone(sys: Sys, stateDir: string, key: AttachmentKey): void {
  if (hasTombstone(sys, stateDir, key)) sys.files.remove(pathOf(stateDir, key));
}

function pathOf(stateDir: string, { network, containerId, ifname }: AttachmentKey): string {
  const slot = Number.parseInt(checksum(printJson([network, containerId, ifname])), 16) % slots;
  return `${stateDir}/${folderName}/${slot}`;
}
