import { type CniError, failWith } from "../../cni/errors.ts";
import type { JsonObject } from "../../cni/json.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { PodIdentity } from "../pod.ts";
import { listed, quote } from "../text.ts";
import type { PodDevices } from "./kubelet.ts";

/** On a definition: of which resource an attachment to it takes a device (multi-network specification, section 3.4). */
export const resourceAnnotation = "k8s.v1.cni.cncf.io/resourceName";

/** A device of the pod that one of its attachments has to itself. */
export interface AssignedDevice {
  readonly resource: string;
  readonly id: string;
  /** What its device plugin tells of it (Device Information Specification), if it does. */
  readonly info?: JsonObject;
}

/** One network that needs a device, or, without a resource, none. */
export interface DeviceNeed {
  /** `namespace/name`. */
  readonly network: string;
  readonly resource: string | undefined;
}

const maxListed = 10;

/** The resource that a definition's annotations name; undefined when they name none. */
export function resourceOf(annotations: Readonly<Record<string, string>>): string | undefined {
  const resource = annotations[resourceAnnotation]?.trim() ?? "";
  return resource === "" ? undefined : resource;
}

/**
 * A device for each network that needs one, in order: the pod's first of that resource for the first network, and so on; no
 * device twice. Errors: `device.none`.
 */
export function assignDevices(
  needs: readonly DeviceNeed[],
  devices: PodDevices,
  pod: PodIdentity,
): Outcome<(AssignedDevice | undefined)[], CniError> {
  const taken = new Map<string, number>();
  const assigned: (AssignedDevice | undefined)[] = [];
  for (const { network, resource } of needs) {
    if (resource === undefined) {
      assigned.push(undefined);
      continue;
    }
    const count = taken.get(resource) ?? 0;
    const ids = devices.byResource.get(resource) ?? [];
    const id = ids[count];
    if (id === undefined) return noneLeft(needs, network, resource, devices, pod);
    taken.set(resource, count + 1);
    assigned.push({ resource, id });
  }
  return ok(assigned);
}

function noneLeft(
  needs: readonly DeviceNeed[],
  network: string,
  resource: string,
  { source, byResource }: PodDevices,
  { namespace, name }: PodIdentity,
): Outcome<never, CniError> {
  const ids = byResource.get(resource) ?? [];
  const wanted = needs.filter((need) => need.resource === resource).length;
  const has = ids.length === 0 ? "none" : `${ids.length} (${listed(ids.map(quote), maxListed)})`;
  return failWith(
    "selection",
    "device.none",
    `assign devices to the networks of pod ${namespace}/${name}: no device of ${quote(resource)} is left for ${network}`,
    `Its networks need ${wanted}; the kubelet has assigned it ${has}, says ${source}. Request ${quote(resource)}: ${wanted} in the resources.limits of its containers.`,
  );
}
