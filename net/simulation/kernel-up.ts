import { isSameBytes } from "../bytes.ts";
import { family, linkFlag } from "../link-kinds.ts";
import { holdV6, isInNet, startDetection } from "./kernel-addresses.ts";
import {
  childrenOf,
  type Device,
  devicesOf,
  hasCarrier,
  isUp,
  type NetSpace,
  portsOf,
  type Refusal,
  refuse,
  type SimulatedHost,
} from "./kernel-model.ts";
import { addAddressRoutes, addMulticastRoute, dropDeviceRoutes } from "./kernel-own-routes.ts";
import { release } from "./kernel-ports.ts";
import { hasIpv6, removeLinkSettings, settingOf } from "./kernel-settings.ts";

/** Links that go up, down or away, and what follows. */

export function raise(machine: SimulatedHost, device: Device): Refusal | undefined {
  if (isUp(device)) return undefined;
  const { kind, parent } = device;
  if (kind === "vlan" && parent !== undefined && !isUp(parent)) return refuse("ENETDOWN");
  if (kind === "macvlan" && parent !== undefined && hasAddressTwice(machine, device, parent))
    return refuse(machine.options.isOld === true ? "EBUSY" : "EADDRINUSE");
  device.flags |= linkFlag.up;
  for (const address of device.addresses) {
    if (address.address.length === 4) addAddressRoutes(device, address, "all");
    else addAddressRoutes(device, address, "net");
  }
  startDetection(device);
  if ((device.flags & linkFlag.loopback) !== 0) addLoopbackAddresses(machine, device);
  settle(machine);
  return undefined;
}

/** Two macvlans of one parent cannot work with one address, nor one with its parent's. */
function hasAddressTwice(machine: SimulatedHost, device: Device, parent: Device): boolean {
  if (device.kindData.get(1)?.[0] === 8) return false;
  if (isSameBytes(device.hardware, parent.hardware)) return true;
  return childrenOf(machine, parent).some(
    (each) =>
      each !== device && each.kind === "macvlan" && isUp(each) && isSameBytes(each.hardware, device.hardware),
  );
}

function addLoopbackAddresses(machine: SimulatedHost, device: Device): void {
  const link = device.index;
  const v4 = Uint8Array.of(127, 0, 0, 1);
  if (!device.addresses.some(({ address }) => address.length === 4)) {
    device.addresses.push({
      link,
      address: v4,
      prefix: 8,
      flags: 128,
      scope: 254,
      label: device.name,
      looksLeft: 0,
    });
    for (const address of device.addresses) addAddressRoutes(device, address, "all");
  }
  if (!hasIpv6(device)) return;
  device.isReady = true;
  holdV6(machine, device, { link, address: one6, prefix: 128, flags: 0, scope: 254 });
}

const one6 = Uint8Array.of(...new Uint8Array(15), 1);

export function lower(machine: SimulatedHost, device: Device): void {
  if (!isUp(device)) return;
  device.flags &= ~linkFlag.up;
  device.isReady = false;
  // A VLAN goes down with its parent.
  for (const child of childrenOf(machine, device)) if (child.kind === "vlan") lower(machine, child);
  device.addresses = device.addresses.filter(({ address }) => address.length === 4);
  dropDeviceRoutes(device, family.v6);
  dropDeviceRoutes(device, family.v4, "local");
  device.space.neighbours = device.space.neighbours.filter(
    (entry) => entry.device !== device || entry.family === family.bridge,
  );
  settle(machine);
}

/** Lets each link know whether it carries frames now. IPv6 begins on it with the first carrier. */
export function settle(machine: SimulatedHost): void {
  for (const device of devicesOf(machine)) {
    if (device.isReady || !isUp(device) || !hasCarrier(machine, device)) continue;
    if (!hasIpv6(device) || (device.flags & linkFlag.loopback) !== 0) continue;
    device.isReady = true;
    beginIpv6(machine, device);
  }
}

function beginIpv6(machine: SimulatedHost, device: Device): void {
  addMulticastRoute(device);
  const hasOwn = device.addresses.some(({ address }) => isInNet(address, linkLocalNet, 64));
  if (!hasOwn && settingOf(device, "ipv6/conf/*/addr_gen_mode") === "0" && device.kind !== "vrf") {
    const address = linkLocal(device);
    holdV6(machine, device, { link: device.index, address, prefix: 64, flags: 0, scope: 253 });
  }
  startDetection(device);
}

const linkLocalNet = Uint8Array.of(0xfe, 0x80, ...new Uint8Array(14));

/** EUI-64. Links that share a hardware address differ in the middle. */
function linkLocal({ hardware, deviceId }: Device): Uint8Array {
  const middle = deviceId === 0 ? [0xff, 0xfe] : [(deviceId >> 8) & 0xff, deviceId & 0xff];
  const [first = 0, second = 0, third = 0, ...rest] = hardware;
  const flipped = deviceId === 0 ? first ^ 2 : first;
  return Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, flipped, second, third, ...middle, ...rest);
}

/** Drops all that a link has in its namespace: addresses, routes, neighbours. */
export function strip(device: Device): void {
  const { space } = device;
  device.addresses = [];
  for (const version of [family.v4, family.v6]) dropDeviceRoutes(device, version);
  space.neighbours = space.neighbours.filter((entry) => entry.device !== device);
}

/** IPv6 is switched off or on, or the MTU has become too small or large enough for it. */
export function reviewIpv6(machine: SimulatedHost, device: Device): void {
  if (hasIpv6(device)) {
    if ((device.flags & linkFlag.loopback) !== 0 && isUp(device) && !device.isReady) {
      addLoopbackAddresses(machine, device);
    }
    settle(machine);
    return;
  }
  device.isReady = false;
  device.addresses = device.addresses.filter(({ address }) => address.length === 4);
  dropDeviceRoutes(device, family.v6);
}

/** Removes a link, with its peer, and what is made on it or belongs to it. */
export function dropDevice(machine: SimulatedHost, device: Device): void {
  const { space, peer } = device;
  if (space.devices.get(device.index) !== device) return;
  lower(machine, device);
  release(machine, device);
  strip(device);
  space.devices.delete(device.index);
  removeLinkSettings(space.settings, device.name);
  for (const port of portsOf(machine, device)) release(machine, port);
  for (const child of childrenOf(machine, device)) dropDevice(machine, child);
  if (peer !== undefined) dropDevice(machine, peer);
  settle(machine);
}

/** The end of a namespace. Its network cards go back to the machine's. */
export function endSpace(machine: SimulatedHost, space: NetSpace, bringHome: (device: Device) => void): void {
  for (const device of [...space.devices.values()]) {
    if (device.kind === undefined && device.hardwareType === 1) bringHome(device);
    else dropDevice(machine, device);
  }
  machine.spaces.delete(space);
  for (const other of machine.spaces) other.known.delete(space);
}
