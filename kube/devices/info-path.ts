import type { AssignedDevice } from "./assign.ts";

/**
 * Files of the Device Information Specification 1.1.0 (Network Plumbing Working Group). A device plugin writes the device
 * information into `dp/`. Hawser copies it into `cni/` for the plugins of one attachment, and shows it in the pod's status. If
 * an attachment has no device, its plugin may write the file in `cni/` itself.
 */

/** A plugin that declares this capability is given the path of its file. */
export const deviceInfoCapability = "CNIDeviceInfoFile";

/** The longest name of a file. */
const maxBytes = 255;

/** The file that the device plugin writes (section 4.1). The specification replaces slashes and nothing else. */
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
  // The last part of the name makes it unique. The network's name is shortened to leave room for that.
  const room = Math.max(0, maxBytes - new TextEncoder().encode(unique).length);
  return `${deviceInfoDir}/cni/${fileName(network).slice(0, room)}${unique}`;
}

/** Makes the name of a file from a text of a definition or a configuration. The name cannot lead out of the folder. */
function fileName(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_.-]/g, "-");
}
