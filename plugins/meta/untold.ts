import { type AttachmentKey, list, peek } from "../../cni/attachments.ts";
import type { CniError } from "../../cni/errors.ts";
import { isObject, type Json, parseJson, printJson } from "../../cni/json.ts";
import { lockContainer } from "../../cni/lock.ts";
import { podPath } from "../../kube/api-path.ts";
import type { KubeClient } from "../../kube/client.ts";
import { statusPatch } from "../../kube/network-status.ts";
import type { PodIdentity } from "../../kube/pod.ts";
import type { Sys } from "../../sys/sys.ts";
import { type AttachmentRecord, fromDocument } from "./record.ts";

/**
 * Network statuses that could not be written: `<stateDir>/.untold/<containerID>@<ifname>`. The pod started all the same, and
 * its status would stay wrong for ever; so the next operation that has the API makes it good. Not synced: no sandbox outlives
 * a power loss.
 */
const folderName = ".untold";
const folderMode = 0o700;
const fileMode = 0o600;

/** One status, and whose. */
interface Untold {
  readonly key: AttachmentKey;
  /** Of the record: a later attachment of the same container is another one. */
  readonly sinceMs: number;
  readonly pod: PodIdentity & { readonly uid: string };
  readonly text: string;
}

/** What will not be otherwise the next time. */
const final = ["kube.api-not-found", "kube.api-conflict", "kube.api-gone", "status.size"];

/** Remembers a status that was not written; not one of a pod that has no uid here, since the next one of its name is another. */
export function noteUntold(
  sys: Sys,
  stateDir: string,
  { network, containerId, ifname, sinceMs }: AttachmentRecord,
  { namespace, name, uid }: PodIdentity,
  text: string,
  error: CniError,
): void {
  if (uid === undefined || final.includes(error.id)) return;
  const path = pathOf(stateDir, containerId, ifname);
  const document = printJson({ network, containerId, ifname, sinceMs, pod: { namespace, name, uid }, text });
  const write = (): boolean => sys.files.write(path, document, { mode: fileMode }).ok;
  if (write() || !sys.files.makeFolder(`${stateDir}/${folderName}`, folderMode).ok) return;
  write();
}

/**
 * Writes up to `limit` statuses that are owed, until `deadlineMs`; stops at the first that the API does not take, since it
 * would not take the others. `own` is whose operation this is: where its status is owed as well, the API is away right now.
 */
export async function tellUntold(
  sys: Sys,
  stateDir: string,
  api: KubeClient,
  own: AttachmentKey | undefined,
  limit: number,
  deadlineMs: number,
): Promise<void> {
  const names = sys.files.list(`${stateDir}/${folderName}`);
  if (!names.ok || names.value.length === 0) return;
  if (own !== undefined && names.value.includes(nameOf(own.containerId, own.ifname))) return;
  for (const name of names.value.slice(0, limit)) {
    const path = `${stateDir}/${folderName}/${name}`;
    const untold = readUntold(sys, path);
    if (untold === undefined) sys.files.remove(path);
    else if (!(await tellOne(sys, stateDir, api, path, untold, deadlineMs))) return;
  }
}

/** False when it is of no use to go on. */
async function tellOne(
  sys: Sys,
  stateDir: string,
  api: KubeClient,
  path: string,
  untold: Untold,
  deadlineMs: number,
): Promise<boolean> {
  // Its DEL comes before another sandbox of the pod, and waits for us: so nothing newer is written over.
  const lock = await lockContainer(sys, stateDir, untold.key.containerId, 0);
  if (!lock.ok) return true;
  try {
    if (lock.value.inherited) return true;
    if (isCurrent(sys, stateDir, untold)) {
      const { pod, text } = untold;
      const url = `${podPath(pod.namespace, pod.name)}/status`;
      const patched = await api.patch(url, statusPatch(text, pod, false), deadlineMs);
      if (!patched.ok && !final.includes(patched.error.id)) return false;
    }
    sys.files.remove(path);
    return true;
  } finally {
    if (lock.value.inherited) lock.value.bequeath();
    else lock.value.release();
  }
}

/** Whether the pod still has that attachment, and no newer one. */
function isCurrent(sys: Sys, stateDir: string, { key, sinceMs, pod }: Untold): boolean {
  const found = peek(sys, stateDir, key);
  const record = found.kind === "record" ? fromDocument(found.record) : undefined;
  if (record?.phase !== "committed" || record.sinceMs !== sinceMs || record.failures !== undefined)
    return false;
  const all = list(sys, stateDir);
  const others = (all.ok ? all.value : []).flatMap(({ state }) =>
    state.kind === "record" ? [fromDocument(state.record)] : [],
  );
  return all.ok && !others.some((each) => each?.pod?.uid === pod.uid && each.sinceMs > sinceMs);
}

function readUntold(sys: Sys, path: string): Untold | undefined {
  const text = sys.files.read(path);
  const json = text.ok ? parseJson(text.value) : text;
  if (!json.ok || !isObject(json.value)) return undefined;
  const { network, containerId, ifname, sinceMs, pod, text: status } = json.value;
  if (typeof network !== "string" || typeof containerId !== "string" || typeof ifname !== "string")
    return undefined;
  const identity = readPod(pod);
  if (typeof sinceMs !== "number" || typeof status !== "string" || identity === undefined) return undefined;
  return { key: { network, containerId, ifname }, sinceMs, pod: identity, text: status };
}

function readPod(value: Json | undefined): Untold["pod"] | undefined {
  if (!isObject(value)) return undefined;
  const { namespace, name, uid } = value;
  if (typeof namespace !== "string" || typeof name !== "string" || typeof uid !== "string") return undefined;
  return { namespace, name, uid };
}

function pathOf(stateDir: string, containerId: string, ifname: string): string {
  return `${stateDir}/${folderName}/${nameOf(containerId, ifname)}`;
}

function nameOf(containerId: string, ifname: string): string {
  return `${containerId}@${ifname}`;
}
