import { type CniError, failWith } from "../../cni/errors.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { RpcAttempt } from "../../sys/rpc.ts";
import type { Sys } from "../../sys/sys.ts";
import type { PodIdentity } from "../pod.ts";
import { plainReason } from "../text.ts";
import { readCheckpoint, readRegistered } from "./checkpoint.ts";
import {
  type Assignment,
  allocatableMethod,
  emptyRequest,
  getMethod,
  getRequest,
  listMethod,
  readAllocatableResponse,
  readGetResponse,
  readListResponse,
} from "./pod-resources.ts";

/** What the kubelet has assigned to one pod. */
export interface PodDevices {
  /** For people: the socket or the file that this was read from. */
  readonly source: string;
  /**
   * Device IDs by resource, each ID once. The devices of the pod's first container come first. Those of one container are
   * sorted.
   */
  readonly byResource: ReadonlyMap<string, readonly string[]>;
}

/** One list for each container, in order. */
type Containers = readonly (readonly Assignment[])[];

/** The time limit for Get, List and the pauses between their tries together. */
const timeoutMs = 10_000;
/** Multus's limit. A node of 250 pods needs some 100 kB. */
const maxBytes = 16 * 1024 * 1024;
const firstPauseMs = 50;
const longestPauseMs = 1_000;

export function socketPath(kubeletDir: string): string {
  return `${kubeletDir}/pod-resources/kubelet.sock`;
}

export function checkpointPath(kubeletDir: string): string {
  return `${kubeletDir}/device-plugins/kubelet_internal_checkpoint`;
}

/**
 * Reads the devices of a pod. First it asks the kubelet (pod-resources v1: Get, or List if the kubelet does not serve Get). If
 * nothing answers on the kubelet's socket, it reads the kubelet's checkpoint. Errors: `device.unread`.
 */
export async function readPodDevices(
  sys: Sys,
  kubeletDir: string,
  pod: PodIdentity,
): Promise<Outcome<PodDevices, CniError>> {
  const socket = socketPath(kubeletDir);
  const asked = await askKubelet(sys, socket, pod);
  if (asked.ok) return ok({ source: socket, byResource: byResource(asked.value) });
  const checkpoint = checkpointPath(kubeletDir);
  const found = readFile(sys, checkpoint, pod);
  if (found.ok) return ok({ source: checkpoint, byResource: byResource(found.value) });
  return failWith(
    "tryAgainLater",
    "device.unread",
    `read the devices of pod ${pod.namespace}/${pod.name}: the kubelet does not tell them: ${asked.error}`,
    `Its checkpoint ${checkpoint} does not either: ${found.error}. Is the kubelet running, and is its folder ${kubeletDir} (kubeletDir)?`,
  );
}

/** Asks the kubelet. A pod that the kubelet does not list has no devices. */
async function askKubelet(sys: Sys, socket: string, pod: PodIdentity): Promise<Outcome<Containers, string>> {
  const deadlineMs = sys.clock.monotonicMs() + timeoutMs;
  const call = (method: string, body: Uint8Array): Promise<RpcAttempt> =>
    callPatiently(sys, socket, method, body, deadlineMs);
  const got = await call(getMethod, getRequest(pod.namespace, pod.name));
  if (got.ok) {
    const found = readGetResponse(got.value);
    if (!found.ok) return fail(`${getMethod} on ${socket}: its answer cannot be read: ${found.error}`);
    if (found.value !== undefined) return ok(found.value.containers);
  } else if (!got.error.answered) {
    return fail(got.error.message);
  }
  // A kubelet answers UNKNOWN if Get is switched off or if it does not know the pod yet. Before 1.27 it answers UNIMPLEMENTED.
  const listed = await call(listMethod, emptyRequest());
  if (!listed.ok) return fail(listed.error.message);
  const pods = readListResponse(listed.value);
  if (!pods.ok) return fail(`${listMethod} on ${socket}: its answer cannot be read: ${pods.error}`);
  const isAsked = (each: { namespace: string; name: string }): boolean =>
    each.namespace === pod.namespace && each.name === pod.name;
  return ok(pods.value.filter(isAsked).flatMap(({ containers }) => containers));
}

/**
 * The resources that the node's device plugins offer, undefined if neither the kubelet nor its checkpoint tells them. Some
 * networks name a resource that no device plugin offers: it only counts something for the scheduler, such as bridges.
 */
export async function readOffered(sys: Sys, kubeletDir: string): Promise<ReadonlySet<string> | undefined> {
  const deadlineMs = sys.clock.monotonicMs() + timeoutMs;
  const socket = socketPath(kubeletDir);
  const reply = await callPatiently(sys, socket, allocatableMethod, emptyRequest(), deadlineMs);
  const offered = reply.ok ? readAllocatableResponse(reply.value) : reply;
  if (offered.ok) return offered.value;
  const text = sys.files.read(checkpointPath(kubeletDir));
  const registered = text.ok ? readRegistered(text.value) : text;
  return registered.ok ? registered.value : undefined;
}

/**
 * Calls again if the kubelet refuses. It answers 100 calls a second and refuses more, and when a node starts, all of its pods
 * ask at once.
 */
async function callPatiently(
  sys: Sys,
  socket: string,
  method: string,
  body: Uint8Array,
  deadlineMs: number,
): Promise<RpcAttempt> {
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    const leftMs = Math.max(1, deadlineMs - sys.clock.monotonicMs());
    const reply = await sys.rpc.call({ socket, method, body, timeoutMs: leftMs, maxBytes });
    const isBusy = !reply.ok && reply.error.code === "RESOURCE_EXHAUSTED";
    if (!isBusy || sys.clock.monotonicMs() + pauseMs >= deadlineMs) return reply;
    await sys.clock.sleep(pauseMs);
  }
}

function readFile(sys: Sys, path: string, { uid }: PodIdentity): Outcome<Containers, string> {
  if (uid === undefined) return fail("pods are known by UID there, and the runtime has told none");
  const text = sys.files.read(path);
  return text.ok ? readCheckpoint(text.value, uid) : fail(plainReason(text.error.message));
}

/**
 * Lists each device once. A pod's author writes the networks in the order of the containers that use them, so the first
 * container's devices come first. Within a container the kubelet gives no order: it writes its answer from hash tables. So the
 * device IDs are sorted, and each ADD of a pod decides alike. The kubelet names a device once for every NUMA node that it is
 * near to. A checkpoint names a device twice if an init container had it before another container.
 */
function byResource(containers: Containers): Map<string, string[]> {
  const all = new Map<string, Set<string>>();
  for (const assignments of containers) {
    for (const [resource, ids] of idsOf(assignments)) {
      const known = all.get(resource) ?? new Set();
      for (const id of ids.sort()) known.add(id);
      all.set(resource, known);
    }
  }
  return new Map([...all].map(([resource, ids]) => [resource, [...ids]]));
}

/** The device IDs of one container by resource. */
function idsOf(assignments: readonly Assignment[]): Map<string, string[]> {
  const all = new Map<string, string[]>();
  for (const { resource, deviceIds } of assignments) {
    all.set(resource, [...(all.get(resource) ?? []), ...deviceIds]);
  }
  return all;
}
