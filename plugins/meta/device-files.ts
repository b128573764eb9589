import type { CniError } from "../../cni/errors.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import type { Step } from "./plan.ts";

/** The effects of a step's device information file. A step without one, which is nearly every one, loads nothing. */

/** Tells the plugins of an attachment what the device plugin has told of its device. Errors: `device.info`. */
export async function informPlugins(
  sys: Sys,
  { device, deviceInfoFile }: Step,
): Promise<Outcome<void, CniError>> {
  if (device?.info === undefined || deviceInfoFile === undefined) return ok(undefined);
  const { writeDeviceInfo } = await import("../../kube/devices/device-info.ts");
  return writeDeviceInfo(sys, deviceInfoFile, device.info);
}

/** Removes the file, whoever wrote it. Errors: `device.info`. */
export async function forgetInformation(
  sys: Sys,
  { deviceInfoFile }: Step,
): Promise<Outcome<void, CniError>> {
  if (deviceInfoFile === undefined) return ok(undefined);
  const { removeDeviceInfo } = await import("../../kube/devices/device-info.ts");
  return removeDeviceInfo(sys, deviceInfoFile);
}
