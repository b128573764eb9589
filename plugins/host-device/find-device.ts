import { type CniError, failWith } from "../../cni/errors.ts";
import { isSameBytes, printHardware } from "../../net/bytes.ts";
import { getLink, type Link, listLinks } from "../../net/links.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Files, Sys } from "../../sys/sys.ts";
import { ask, askWhether, type OpenNamespace } from "../link/site.ts";
import type { DeviceNames } from "./config.ts";

const pciDevices = "/sys/bus/pci/devices";
const auxiliaryDevices = "/sys/bus/auxiliary/devices";

/** Drivers that give a device to a program: it has no interface then. */
const userspaceDrivers = ["vfio-pci", "uio_pci_generic", "igb_uio"];

/** A device after it was looked up in sysfs which bus has it. */
export interface KnownDevice {
  readonly names: DeviceNames;
  /** Empty if it is not named by its place on the PCI bus. */
  readonly pci: string;
  /** Empty if it is not named by its place on the auxiliary bus. */
  readonly auxiliary: string;
  /** Whether a program has it by a driver of its own (DPDK). */
  readonly isUserspace: boolean;
}

/** Finds out which bus a device is on, and whether it has an interface at all. Errors: `link.no-device`. */
export function knowDevice({ files }: Sys, names: DeviceNames): Outcome<KnownDevice, CniError> {
  const { pciBusId, deviceId } = names;
  const isPci = deviceId !== "" && files.stat(`${pciDevices}/${deviceId}`).ok;
  const isAuxiliary = deviceId !== "" && !isPci && files.stat(`${auxiliaryDevices}/${deviceId}`).ok;
  if (deviceId !== "" && !isPci && !isAuxiliary)
    return noDevice(`runtimeConfig.deviceID ${deviceId}`, "neither the PCI nor the auxiliary bus has it");
  const pci = isPci ? deviceId : isAuxiliary ? "" : pciBusId;
  const auxiliary = isAuxiliary ? deviceId : "";
  if (pci === "") return ok({ names, pci, auxiliary, isUserspace: false });
  const driver = files.realPath(`${pciDevices}/${pci}/driver`);
  if (!driver.ok) return noDevice(`PCI device ${pci}`, `it has no driver (${driver.error.message})`);
  const isUserspace = userspaceDrivers.includes(driver.value.slice(driver.value.lastIndexOf("/") + 1));
  return ok({ names, pci, auxiliary, isUserspace });
}

/**
 * Finds the interface of a device on the node. A device that a container has is not there. Of several ways to name it the first
 * counts, in the order of the reference plugin. Errors: `link.no-device`, `link.refused`.
 */
export function findDevice(sys: Sys, host: OpenNamespace, device: KnownDevice): Outcome<Link, CniError> {
  const { names } = device;
  if (names.device !== "") return findNamed(host, names.device, `device ${names.device}`);
  if (names.hardware.length > 0) return findByHardware(host, names.hardware);
  // Sysfs shows only the interfaces of the node's namespace.
  const folder = folderOf(device);
  const words = `the device ${folder}`;
  const [name] = interfacesBelow(sys.files, folder);
  return name === undefined
    ? noDevice(words, "it has no network interface there")
    : findNamed(host, name, `${name} of ${words}`);
}

/** The folder of sysfs of a device that is named by its place. */
function folderOf({ names, pci, auxiliary }: KnownDevice): string {
  if (names.kernelPath !== "") return names.kernelPath;
  return pci === "" ? `${auxiliaryDevices}/${auxiliary}` : `${pciDevices}/${pci}`;
}

function findNamed(host: OpenNamespace, name: string, words: string): Outcome<Link, CniError> {
  const link = askWhether(host, getLink(name), ["ENODEV"], `find ${words}`);
  if (!link.ok) return link;
  return link.value === undefined ? noDevice(words, "there is no such link") : ok(link.value);
}

function findByHardware(host: OpenNamespace, hardware: Uint8Array): Outcome<Link, CniError> {
  const links = ask(host, listLinks());
  if (!links.ok) return links;
  const found = links.value.find((link) => isSameBytes(link.hardware, hardware));
  return found === undefined
    ? noDevice(`the link with hardware address ${printHardware(hardware)}`, "there is none")
    : ok(found);
}

/** The interfaces of a device that are on the node; the interface of a virtio device is a level below. */
function interfacesBelow(files: Files, folder: string): string[] {
  const own = files.list(`${folder}/net`);
  if (own.ok) return own.value;
  const entries = files.list(folder);
  const virtio = entries.ok ? entries.value.filter((name) => name.startsWith("virtio")) : [];
  for (const each of virtio) {
    const names = files.list(`${folder}/${each}/net`);
    if (names.ok) return names.value;
  }
  return [];
}

/** Whether a link of the node is the device, whatever its name is now. `alias` is the name that it had before it was moved. */
export function isDevice({ files }: Sys, device: KnownDevice, { name, alias, hardware }: Link): boolean {
  const { names } = device;
  if (names.device !== "") return alias === names.device;
  if (names.hardware.length > 0) return isSameBytes(hardware, names.hardware);
  return interfacesBelow(files, folderOf(device)).includes(name);
}

function noDevice(what: string, why: string): Outcome<never, CniError> {
  return failWith(
    "link",
    "link.no-device",
    `find ${what} in the namespace of the node: ${why}`,
    "Another container may have the device, or its configuration names another one. Nothing was changed.",
  );
}
