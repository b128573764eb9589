import type { AttachmentKey } from "../../../cni/attachments.ts";
import { type CniError, hasId } from "../../../cni/errors.ts";
import { printJson } from "../../../cni/json.ts";
import { makeOwnFolder } from "../../../cni/own-folder.ts";
import type { PodIdentity } from "../../../kube/pod.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { AttachmentRecord } from "../record/record.ts";

/**
 * Network statuses that could not be written: `<stateDir>/.untold/<containerID>@<ifname>`. The pod started all the same, and
 * its status would stay wrong for ever, so the next operation that reaches the API writes it (`untold.ts`). The note is not synced:
 * no sandbox outlives a power loss. It is removed with its attachment.
 */
export const untoldFolder = ".untold";
const fileMode = 0o600;

/** Whether the same write would fail in the same way the next time. */
export function isFinal(error: CniError): boolean {
  return hasId(error, "kube.api-not-found", "kube.api-conflict", "kube.api-gone", "status.size");
}

/** Notes a status that was not written. A pod without a uid gets no note: the next pod of its name would get the status. */
export function noteUntold(
  sys: Sys,
  stateDir: string,
  { network, containerId, ifname, sinceMs }: AttachmentRecord,
  { namespace, name, uid }: PodIdentity,
  text: string,
  error: CniError,
): void {
  if (uid === undefined || isFinal(error)) return;
  const path = pathOf(stateDir, containerId, ifname);
  const document = printJson({ network, containerId, ifname, sinceMs, pod: { namespace, name, uid }, text });
  const write = (): boolean => sys.files.write(path, document, { mode: fileMode }).ok;
  if (write() || !makeOwnFolder(sys, `${stateDir}/${untoldFolder}`).ok) return;
  write();
}

/** Removes the note of an attachment that is gone. */
export function forgetUntold(sys: Sys, stateDir: string, { containerId, ifname }: AttachmentKey): void {
  sys.files.remove(pathOf(stateDir, containerId, ifname));
}

function pathOf(stateDir: string, containerId: string, ifname: string): string {
  return `${stateDir}/${untoldFolder}/${nameOf(containerId, ifname)}`;
}

export function nameOf(containerId: string, ifname: string): string {
  return `${containerId}@${ifname}`;
}
