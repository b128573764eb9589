import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import { decodeText, readFields, writeTexts } from "./protobuf.ts";

/**
 * The kubelet's pod-resources service, v1 (k8s.io/kubelet/pkg/apis/podresources/v1/api.proto). The readers understand only the
 * fields that name a pod's devices. They skip devices of claims (`dynamic_resources`, field 5 of a container).
 */
export const getMethod = "/v1.PodResourcesLister/Get";
export const listMethod = "/v1.PodResourcesLister/List";
export const allocatableMethod = "/v1.PodResourcesLister/GetAllocatableResources";

/** The devices that one container has of one resource. The kubelet may name a resource several times. */
export interface Assignment {
  readonly resource: string;
  readonly deviceIds: readonly string[];
}

/** A pod as the service knows it: by its name. The service's messages carry no UID. */
export interface PodResources {
  readonly namespace: string;
  readonly name: string;
  /** One list for each container, in the pod's order. Init containers that go on running come before the others. */
  readonly containers: readonly (readonly Assignment[])[];
}

export function getRequest(namespace: string, name: string): Uint8Array {
  return writeTexts({ 1: name, 2: namespace });
}

/** The request of List and of GetAllocatableResources, which has no fields. */
export function emptyRequest(): Uint8Array {
  return new Uint8Array();
}

/** Reads the answer to Get: the pod, or undefined if the message names none. */
export function readGetResponse(bytes: Uint8Array): Outcome<PodResources | undefined, string> {
  const pods = readPods(bytes);
  return pods.ok ? ok(pods.value[0]) : pods;
}

/** Reads the answer to List: every pod of the node. */
export function readListResponse(bytes: Uint8Array): Outcome<PodResources[], string> {
  return readPods(bytes);
}

/** Reads the answer to GetAllocatableResources: the resources that the node's device plugins offer, each once. */
export function readAllocatableResponse(bytes: Uint8Array): Outcome<ReadonlySet<string>, string> {
  const devices = readEach(bytes, 1, readAssignment);
  return devices.ok ? ok(new Set(devices.value.map(({ resource }) => resource))) : devices;
}

/** Both answers hold pods in field 1. Get's answer holds at most one. */
function readPods(bytes: Uint8Array): Outcome<PodResources[], string> {
  return readEach(bytes, 1, readPod);
}

function readPod(bytes: Uint8Array): Outcome<PodResources, string> {
  const fields = readFields(bytes);
  if (!fields.ok) return fields;
  const containers = readEach(bytes, 3, (container) => readEach(container, 2, readAssignment));
  if (!containers.ok) return containers;
  return ok({
    name: decodeText(fields.value.get(1)?.at(-1)),
    namespace: decodeText(fields.value.get(2)?.at(-1)),
    containers: containers.value,
  });
}

function readAssignment(bytes: Uint8Array): Outcome<Assignment, string> {
  const fields = readFields(bytes);
  if (!fields.ok) return fields;
  const deviceIds = (fields.value.get(2) ?? []).map(decodeText);
  return ok({ resource: decodeText(fields.value.get(1)?.at(-1)), deviceIds });
}

function readEach<T>(
  bytes: Uint8Array,
  number: number,
  read: (bytes: Uint8Array) => Outcome<T, string>,
): Outcome<T[], string> {
  const fields = readFields(bytes);
  if (!fields.ok) return fields;
  const values: T[] = [];
  for (const [index, part] of (fields.value.get(number) ?? []).entries()) {
    const value = read(part);
    if (!value.ok) return fail(`field ${number}[${index}]: ${value.error}`);
    values.push(value.value);
  }
  return ok(values);
}
