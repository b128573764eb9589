import { type CniError, failWith } from "../../cni/errors.ts";
import type { JsonObject } from "../../cni/json.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { PodIdentity } from "../pod.ts";
import { listed, quote } from "../text.ts";
import type { PodDevices } from "./kubelet.ts";

/**
 * The annotation of a definition that names a resource: each attachment takes a device of it (multi-network specification,
 * section 3.4).
 */
export const resourceAnnotation = "k8s.v1.cni.cncf.io/resourceName";

/** A device of the pod that belongs to one attachment alone. */
export interface AssignedDevice {
  readonly resource: string;
  readonly id: string;
  /** Device information (Device Information Specification), if the device plugin has written any. */
  readonly info?: JsonObject;
}

/** One network of a pod. With a resource it needs a device. */
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
 * Assigns a device to each network that needs one, in the order of the networks: the first network of a resource gets the pod's
 * first device of it, and so on. No device is assigned twice. Errors: `device.none`.
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
