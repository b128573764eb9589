import { type CniError, describe } from "../../../cni/errors.ts";
import { type DeviceNeed, resourceOf } from "../../../kube/devices/assign.ts";
import type { PodIdentity } from "../../../kube/pod.ts";
import type { NetworkRequest } from "../../../kube/request.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { MetaConfig } from "../config/config.ts";
import type { Wanted } from "./wanted.ts";

/**
 * `required`: it is an error if a network cannot get its device. `known`: the network goes without a device, and stderr says why.
 * That is for `hawser explain`, and for a DEL without a record.
 */
export type DeviceMode = "required" | "known";

/**
 * Gives a device of the pod to each network whose definition names a resource. If no definition names one, which is nearly
 * always so, it asks nothing and loads nothing. Errors: those of `findDevices`.
 */
export async function assignDevices(
  sys: Sys,
  config: MetaConfig,
  pod: PodIdentity | undefined,
  wanted: readonly Wanted[],
  mode: DeviceMode,
): Promise<Outcome<readonly Wanted[], CniError>> {
  const needs = wanted.map(needOf);
  if (needs.every(({ resource }) => resource === undefined)) return ok(wanted);
  const { findDevices } = await import("../../../kube/devices/find-devices.ts");
  const found = await findDevices(sys, config, needs, pod);
  if (!found.ok) {
    if (mode === "required") return found;
    sys.warn(`hawser: the devices are left out: ${describe(found.error)}`);
    return ok(wanted);
  }
  return ok(
    wanted.map((each, index) => {
      const device = found.value[index];
      if (device === undefined) return each;
      warnOfIgnored(sys, each.request, device.id);
      return { ...each, device };
    }),
  );
}

function needOf({ lookup }: Wanted): DeviceNeed {
  if (lookup.kind !== "found") return { network: "", resource: undefined };
  return { network: lookup.network, resource: resourceOf(lookup.definition.annotations) };
}

/** The kubelet alone knows whose a device is: the device that the pod names is ignored. */
function warnOfIgnored(sys: Sys, request: NetworkRequest | undefined, id: string): void {
  if (request?.deviceId === undefined || request.deviceId === id) return;
  const { namespace, name, deviceId } = request;
  sys.warn(
    `hawser: the request for network ${namespace}/${name}: its deviceID ${JSON.stringify(deviceId)} is ignored: the kubelet has assigned ${JSON.stringify(id)}`,
  );
}
