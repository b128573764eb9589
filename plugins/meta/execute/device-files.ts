import { type CniError, describe } from "../../../cni/errors.ts";
import type { JsonObject } from "../../../cni/json.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { Step } from "../plan/plan.ts";

/** The effects of a step's device information file. A step without one, which is nearly every one, loads nothing. */

/** Tells the plugins of an attachment what the device plugin has told of its device. Errors: `device.info`. */
export async function informPlugins(
  sys: Sys,
  { device, deviceInfoFile }: Step,
): Promise<Outcome<void, CniError>> {
  if (device?.info === undefined || deviceInfoFile === undefined) return ok(undefined);
  const { writeDeviceInfo } = await import("../../../kube/devices/device-info.ts");
  return writeDeviceInfo(sys, deviceInfoFile, device.info);
}

/** Removes the file, whoever wrote it. Errors: `device.info`. */
export async function forgetInformation(
  sys: Sys,
  { deviceInfoFile }: Step,
): Promise<Outcome<void, CniError>> {
  if (deviceInfoFile === undefined) return ok(undefined);
  const { removeDeviceInfo } = await import("../../../kube/devices/device-info.ts");
  return removeDeviceInfo(sys, deviceInfoFile);
}

/**
 * What the file says after the plugins have run: `device-info` of the pod's network status. A file that cannot be understood
 * is a plugin's mistake: stderr tells it, and the attachment stays.
 */
export async function informationOf(sys: Sys, { deviceInfoFile }: Step): Promise<JsonObject | undefined> {
  if (deviceInfoFile === undefined) return undefined;
  const { readDeviceInfo } = await import("../../../kube/devices/device-info.ts");
  const read = readDeviceInfo(sys, deviceInfoFile);
  if (read.ok) return read.value;
  sys.warn(
    `hawser: the network status leaves out what an attachment's own file says: ${describe(read.error)}`,
  );
  return undefined;
}
