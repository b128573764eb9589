import { kindOf } from "../../cni/config.ts";
import { isObject, type Json, type JsonObject, parseJson } from "../../cni/json.ts";
import { isNot, isTexts, object, type Reader, readWhole, refuse, text, usually } from "../../cni/readers.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import { plainReason } from "../text.ts";
import type { Assignment } from "./pod-resources.ts";

const deviceIds: Reader<string[]> = (value, place, notes) => {
  const ids = isObject(value) ? Object.values(value).flat() : Array.isArray(value) ? value : [value];
  // Go writes null for no devices, of a container or of a NUMA node.
  const named = ids.filter((id) => id !== null);
  return isTexts(named) ? named : refuse(notes, place, isNot("a list of IDs")(value));
};

const assignment = object({ ResourceName: text, DeviceIDs: usually([], deviceIds) });

/**
 * Reads from the checkpoint of the kubelet's device manager (`device-plugins/kubelet_internal_checkpoint`) what the kubelet has
 * assigned to a pod: one list for each container, in the file's order. The file knows pods by their UID. It lists device IDs by
 * NUMA node. Before Kubernetes 1.20 they were one list.
 */
export function readCheckpoint(checkpoint: string, podUid: string): Outcome<Assignment[][], string> {
  const data = readData(checkpoint);
  if (!data.ok) return data;
  const entries = data.value.PodDeviceEntries ?? [];
  if (!Array.isArray(entries)) return fail(`PodDeviceEntries is ${kindOf(entries)}, not an array`);
  const containers = new Map<Json | undefined, Assignment[]>();
  for (const [index, entry] of entries.entries()) {
    if (!isObject(entry) || entry.PodUID !== podUid) continue;
    const assigned = readWhole(assignment, entry);
    if (assigned === undefined)
      return fail(`PodDeviceEntries[${index}] names no resource, or its DeviceIDs are none`);
    const container = containers.get(entry.ContainerName) ?? [];
    container.push({ resource: assigned.ResourceName, deviceIds: assigned.DeviceIDs });
    containers.set(entry.ContainerName, container);
  }
  return ok([...containers.values()]);
}

/** The resources that device plugins have registered. */
export function readRegistered(checkpoint: string): Outcome<ReadonlySet<string>, string> {
  const data = readData(checkpoint);
  if (!data.ok) return data;
  const { RegisteredDevices: registered } = data.value;
  return isObject(registered) ? ok(new Set(Object.keys(registered))) : fail("it has no RegisteredDevices");
}

function readData(checkpoint: string): Outcome<JsonObject, string> {
  const json = parseJson(checkpoint);
  if (!json.ok) return fail(`it is not JSON: ${plainReason(json.error)}`);
  const data = isObject(json.value) ? json.value.Data : undefined;
  return isObject(data) ? ok(data) : fail("it has no Data");
}
