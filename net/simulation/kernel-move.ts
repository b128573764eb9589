import { checkName, leave } from "./kernel-make-link.ts";
import {
  type Device,
  deviceNamed,
  isUp,
  type NetSpace,
  type Refusal,
  refuse,
  type SimulatedHost,
} from "./kernel-model.ts";
import { release } from "./kernel-ports.ts";
import { addLinkSettings, renameLinkSettings } from "./kernel-settings.ts";
import { lower, settle, strip } from "./kernel-up.ts";

/** Links that may not leave their namespace. */
const bound = ["bridge", "vrf"];

/** Moves a link. It arrives down, without addresses and routes, with its hardware address, MTU and alias. */
export function moveDevice(
  machine: SimulatedHost,
  device: Device,
  target: NetSpace,
  wanted?: string,
): Refusal | undefined {
  const isBound = device.hardwareType === 772 || bound.includes(device.kind ?? "");
  if (isBound) return refuse("EINVAL", "The interface netns is immutable");
  // A new name counts only if the present one is taken.
  const isTaken = deviceNamed(target, device.name) !== undefined;
  const name = isTaken ? wanted : device.name;
  if (name === undefined || checkName(target, name) !== undefined) return refuse("EEXIST");
  if (device.altNames.some((each) => deviceNamed(target, each) !== undefined)) return refuse("EEXIST");
  lower(machine, device);
  release(machine, device);
  strip(device);
  leave(device);
  device.space = target;
  device.name = name;
  // It keeps its number where that is free.
  if (target.devices.has(device.index)) device.index = target.lastIndex + 1;
  target.lastIndex = Math.max(target.lastIndex, device.index);
  target.devices.set(device.index, device);
  addLinkSettings(target.settings, name, device.mtu);
  settle(machine);
  return undefined;
}

export function rename(machine: SimulatedHost, device: Device, name: string): Refusal | undefined {
  if (name === device.name) return undefined;
  if (isUp(device) && machine.options.isOld === true) return refuse("EBUSY");
  const refusal = checkName(device.space, name);
  if (refusal !== undefined) return refusal;
  renameLinkSettings(device.space.settings, device.name, name);
  for (const address of device.addresses) {
    if (address.label === device.name) Object.assign(address, { label: name });
  }
  device.name = name;
  return undefined;
}

/** A network card comes home when its namespace ends, under a name that is free there. */
export function bringHome(machine: SimulatedHost, device: Device): void {
  const { home } = machine;
  const free = deviceNamed(home, device.name) === undefined ? device.name : `dev${device.index}`;
  for (let number = 0; ; number++) {
    const name = number === 0 ? free : `dev${number - 1}`;
    if (moveDevice(machine, device, home, name) === undefined) return;
  }
}
