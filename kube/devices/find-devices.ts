import { type CniError, failWith } from "../../cni/errors.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import type { PodIdentity } from "../pod.ts";
import { type AssignedDevice, assignDevices, type DeviceNeed } from "./assign.ts";
import { readDeviceInfo } from "./device-info.ts";
import { pluginInfoPath } from "./info-path.ts";
import { type PodDevices, readOffered, readPodDevices } from "./kubelet.ts";

/** The folders and the socket of the kubelet and of device plugins. */
export interface DevicePlaces {
  readonly kubeletDir: string;
  readonly deviceInfoDir: string;
}

/**
 * Finds a device of the pod for each network that needs one, in the order of the networks, with its device information. Errors:
 * `device.pod`, `device.unread`, `device.none`, `device.info`.
 */
export async function findDevices(
  sys: Sys,
  { kubeletDir, deviceInfoDir }: DevicePlaces,
  needs: readonly DeviceNeed[],
  pod: PodIdentity | undefined,
): Promise<Outcome<(AssignedDevice | undefined)[], CniError>> {
  if (pod === undefined) return noPod(needs);
  const devices = await readPodDevices(sys, kubeletDir, pod);
  if (!devices.ok) return devices;
  const real = await withoutCounted(sys, kubeletDir, needs, devices.value);
  const assigned = assignDevices(real, devices.value, pod);
  if (!assigned.ok) return assigned;
  const told: (AssignedDevice | undefined)[] = [];
  for (const device of assigned.value) {
    const info =
      device === undefined ? ok(undefined) : readDeviceInfo(sys, pluginInfoPath(deviceInfoDir, device));
    if (!info.ok) return info;
    told.push(device === undefined || info.value === undefined ? device : { ...device, info: info.value });
  }
  return ok(told);
}

/**
 * Leaves out networks whose resource no device plugin offers, if the pod has no device of it. Such a resource only counts on
 * the node's status, for the scheduler: bridges, for example.
 */
async function withoutCounted(
  sys: Sys,
  kubeletDir: string,
  needs: readonly DeviceNeed[],
  { byResource }: PodDevices,
): Promise<readonly DeviceNeed[]> {
  const isOpen = ({ resource }: DeviceNeed): boolean => resource !== undefined && !byResource.has(resource);
  if (!needs.some(isOpen)) return needs;
  const offered = await readOffered(sys, kubeletDir);
  return needs.map((need) => {
    if (!isOpen(need) || offered?.has(need.resource ?? "") !== false) return need;
    const { network, resource } = need;
    sys.warn(`hawser: network ${network} has no device: no device plugin of the node offers ${resource}`);
    return { network, resource: undefined };
  });
}

function noPod(needs: readonly DeviceNeed[]): Outcome<never, CniError> {
  const [first] = needs.filter(({ resource }) => resource !== undefined);
  return failWith(
    "selection",
    "device.pod",
    `find a device of ${first?.resource} for network ${first?.network}: the runtime names no pod`,
    "The kubelet assigns devices to pods; CNI_ARGS has K8S_POD_NAMESPACE and K8S_POD_NAME of one.",
  );
}
