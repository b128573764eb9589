import { type AttachmentKey, list, load } from "../../../cni/attachments.ts";
import { isObject, type Json, parseJson } from "../../../cni/json.ts";
import { lockContainer } from "../../../cni/lock.ts";
import { podPath } from "../../../kube/api-path.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { statusPatch } from "../../../kube/network-status.ts";
import type { PodIdentity } from "../../../kube/pod.ts";
import type { Sys } from "../../../sys/sys.ts";
import { fromDocument } from "../record/record.ts";
import { isFinal, nameOf, untoldFolder } from "./untold-note.ts";

/** A status that is owed, and the attachment that it tells of. */
interface Untold {
  /** The note's path. */
  readonly path: string;
  readonly key: AttachmentKey;
  /** The record's time: a later attachment of the same container has another. */
  readonly sinceMs: number;
  readonly pod: PodIdentity & { readonly uid: string };
  readonly text: string;
}

/** How much of an operation goes into the statuses that are owed to other pods. */
interface Effort {
  /**
   * The attachment that this operation works on. If its own status is owed as well, the API is away right now, and nothing is
   * tried.
   */
  readonly own?: AttachmentKey;
  readonly count: number;
  readonly deadlineMs: number;
}

/** Writes statuses that are owed. Stops at the first that the API does not take, since it would not take the others. */
export async function tellUntold(
  sys: Sys,
  stateDir: string,
  api: KubeClient,
  { own, count, deadlineMs }: Effort,
): Promise<void> {
  const names = sys.files.list(`${stateDir}/${untoldFolder}`);
  if (!names.ok || names.value.length === 0) return;
  if (own !== undefined && names.value.includes(nameOf(own.containerId, own.ifname))) return;
  for (const name of names.value.slice(0, count)) {
    const path = `${stateDir}/${untoldFolder}/${name}`;
    const untold = readUntold(sys, path);
    if (untold === undefined) sys.files.remove(path);
    else if (!(await tellOne(sys, stateDir, api, untold, deadlineMs))) return;
  }
}

/** False if the API does not take the status, and so would not take the next. */
async function tellOne(
  sys: Sys,
  stateDir: string,
  api: KubeClient,
  untold: Untold,
  deadlineMs: number,
): Promise<boolean> {
  // The pod's DEL waits for this lock, and its next sandbox comes after the DEL: so no newer status is overwritten.
  const lock = await lockContainer(sys, stateDir, untold.key.containerId, 0);
  if (!lock.ok) return true;
  try {
    if (lock.value.inherited) return true;
    if (isCurrent(sys, stateDir, untold)) {
      const { pod, text } = untold;
      const url = `${podPath(pod.namespace, pod.name)}/status`;
      const patched = await api.patch(url, statusPatch(text, pod, false), deadlineMs);
      if (!patched.ok && !isFinal(patched.error)) return false;
    }
    sys.files.remove(untold.path);
    return true;
  } finally {
    if (lock.value.inherited) lock.value.bequeath();
    else lock.value.release();
  }
}

/** Whether the pod still has that attachment, and no newer one. */
function isCurrent(sys: Sys, stateDir: string, { key, sinceMs, pod }: Untold): boolean {
  const found = load(sys, stateDir, key);
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
  return { path, key: { network, containerId, ifname }, sinceMs, pod: identity, text: status };
}

function readPod(value: Json | undefined): Untold["pod"] | undefined {
  if (!isObject(value)) return undefined;
  const { namespace, name, uid } = value;
  if (typeof namespace !== "string" || typeof name !== "string" || typeof uid !== "string") return undefined;
  return { namespace, name, uid };
}
