import { type CniError, describe } from "../../../cni/errors.ts";
import type { NetworkRequest } from "../../../kube/annotation.ts";
import { type DeviceNeed, resourceOf } from "../../../kube/devices/assign.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { MetaConfig } from "../config/config.ts";
import type { Observed, Wanted } from "./observed.ts";

/**
 * `required`: a network whose device cannot be had is an error. `known`: it goes without, and stderr tells why; for a person
 * who asks what would be, and for a DEL that has to derive what there was.
 */
export type DeviceMode = "required" | "known";

/**
 * Gives each network whose definition names a resource a device of the pod. Where none names one, which is nearly always,
 * nothing is asked and nothing loaded. Errors: those of `findDevices`.
 */
export async function assignDevices(
  sys: Sys,
  config: MetaConfig,
  observed: Observed,
  mode: DeviceMode,
): Promise<Outcome<Observed, CniError>> {
  const { primary, wanted, pod } = observed;
  const needs = [
    { network: primary?.name ?? "", resource: resourceOf(primary?.annotations ?? {}) },
    ...wanted.map(needOf),
  ];
  if (needs.every(({ resource }) => resource === undefined)) return ok(observed);
  const { findDevices } = await import("../../../kube/devices/find-devices.ts");
  const found = await findDevices(sys, config, needs, pod);
  if (!found.ok) {
    if (mode === "required") return found;
    sys.warn(`hawser: the devices are left out: ${describe(found.error)}`);
    return ok(observed);
  }
  const [first, ...others] = found.value;
  if (first !== undefined) warnOfIgnored(sys, primary?.request, first.id);
  return ok({
    ...observed,
    primary: primary === undefined || first === undefined ? primary : { ...primary, device: first },
    wanted: wanted.map((each, index) => {
      const device = others[index];
      if (device === undefined) return each;
      warnOfIgnored(sys, each.request, device.id);
      return { ...each, device };
    }),
  });
}

function needOf({ label, request, definition }: Wanted): DeviceNeed {
  return {
    network: label ?? `${request.namespace}/${request.name}`,
    resource: resourceOf(definition.annotations),
  };
}

/** The kubelet's word counts: it alone knows whose a device is. */
function warnOfIgnored(sys: Sys, request: NetworkRequest | undefined, id: string): void {
  if (request?.deviceId === undefined || request.deviceId === id) return;
  const { namespace, name, deviceId } = request;
  sys.warn(
    `hawser: the request for network ${namespace}/${name}: its deviceID ${JSON.stringify(deviceId)} is ignored: the kubelet has assigned ${JSON.stringify(id)}`,
  );
}
