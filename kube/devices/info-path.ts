import type { AssignedDevice } from "./assign.ts";

/**
 * Files of the Device Information Specification 1.1.0 (Network Plumbing Working Group): what a device plugin knows of a
 * device lies in `dp/`, is copied into `cni/` for the plugins of one attachment, and is shown in the pod's status. A
 * plugin of an attachment without a device may write that file itself.
 */

/** What a plugin declares to be told the path of its file. */
export const deviceInfoCapability = "CNIDeviceInfoFile";

/** The longest name of a file. */
const maxBytes = 255;

/** Where a device plugin writes (section 4.1): slashes are all that it replaces. */
export function pluginInfoPath(deviceInfoDir: string, { resource, id }: AssignedDevice): string {
  return `${deviceInfoDir}/dp/${`${resource}-${id}-device.json`.replaceAll("/", "-")}`;
}

/** The file of one attachment (section 4.2), by the name that Multus gives it. */
export function attachmentInfoPath(
  deviceInfoDir: string,
  network: string,
  containerId: string,
  ifname: string,
): string {
  const unique = `-${containerId}_${ifname}`;
  // The end is what makes it unique; a network's name is cut to leave room for it.
  const room = Math.max(0, maxBytes - new TextEncoder().encode(unique).length);
  return `${deviceInfoDir}/cni/${fileName(network).slice(0, room)}${unique}`;
}

/** Makes a file's name of a text from a definition or a configuration, so that no text leads out of the folder. */
function fileName(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_.-]/g, "-");
}
