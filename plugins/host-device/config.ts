import type { CniError } from "../../cni/errors.ts";
import { readObject, show } from "../../cni/fields.ts";
import { hardwareOctets } from "../../cni/hardware.ts";
import type { JsonObject } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { type Notes, newNotes, refuse, text } from "../../cni/readers.ts";
import type { Outcome } from "../../sys/outcome.ts";
import { type IpamConfig, judged, optional, readIpamConfig } from "../link/main-config.ts";
import { readLinkName } from "../link/master.ts";

/** The device that a network gives to a container, by all the ways to name one. Each is empty if it is not used. */
export interface DeviceNames {
  readonly device: string;
  /** Without bytes: not used. */
  readonly hardware: Uint8Array;
  /** A folder below /sys/devices. */
  readonly kernelPath: string;
  readonly pciBusId: string;
  /** The device that the runtime names, on the PCI or the auxiliary bus. It counts before `pciBusId`. */
  readonly deviceId: string;
}

export interface HostDeviceConfig extends IpamConfig, DeviceNames {}

/** Errors: `link.config` with every problem at once. */
export function parseHostDevice(invocation: Invocation): Outcome<HostDeviceConfig, CniError> {
  const { raw } = invocation.config;
  const notes = newNotes();
  const names = readDeviceNames(raw, notes);
  // The runtime names a device to ADD, and not to STATUS.
  const { command } = invocation.environment;
  const texts = [names.device, names.kernelPath, names.pciBusId, names.deviceId];
  const isNamed = names.hardware.length > 0 || texts.some((each) => each !== "");
  if (!isNamed && command !== "STATUS" && notes.problems.length === 0)
    refuse(notes, "device", `is missing: specify either "device", "hwaddr", "kernelpath" or "pciBusID"`);
  return judged(invocation.config, { ...readIpamConfig(invocation, notes), ...names }, notes);
}

/** What names the device, as a DEL needs it. Wrong fields are noted. */
export function readDeviceNames(raw: JsonObject, notes: Notes): DeviceNames {
  const runtimeConfig = readObject(raw, "runtimeConfig", "runtimeConfig", notes);
  return {
    device: readLinkName(raw, "device", notes),
    hardware: readHardware(raw, notes),
    kernelPath: readKernelPath(raw, notes),
    pciBusId: readBusName(raw, "pciBusID", "", notes),
    deviceId: readBusName(runtimeConfig, "deviceID", "runtimeConfig", notes),
  };
}

/** Six octets, or the twenty of IP over InfiniBand. */
function readHardware(raw: JsonObject, notes: Notes): Uint8Array {
  const address = optional(raw, "hwaddr", text, notes) ?? "";
  const octets = address === "" ? [] : hardwareOctets(address);
  if (octets === undefined) refuse(notes, "hwaddr", `failed to parse MAC address ${show(address)}`);
  return Uint8Array.from(octets ?? [], (octet) => Number.parseInt(octet, 16));
}

function readKernelPath(raw: JsonObject, notes: Notes): string {
  const path = optional(raw, "kernelpath", text, notes) ?? "";
  const isBelow = path.startsWith("/sys/devices/") && !path.split("/").includes("..");
  if (path !== "" && !isBelow)
    refuse(notes, "kernelpath", `${show(path)} must be absolute and begin with /sys/devices/`);
  return path;
}

/** The name of a device on its bus is the name of one folder of sysfs. */
function readBusName(object: JsonObject, key: string, above: string, notes: Notes): string {
  const name = optional(object, key, text, notes, above) ?? "";
  const place = above === "" ? key : `${above}.${key}`;
  if (/[/\0\s]/.test(name) || name === "." || name === "..")
    refuse(notes, place, `${show(name)} cannot name a device on a bus`);
  return name;
}
