import { isSameBytes, readU16 } from "../bytes.ts";
import {
  childrenOf,
  type Device,
  portsOf,
  type Refusal,
  refuse,
  type SimulatedHost,
} from "./kernel-model.ts";

/** Bridges, VRFs and what belongs to them. */

/** Gives a link to a master, by its index; 0 takes it out. */
export function enslave(machine: SimulatedHost, device: Device, index: number): Refusal | undefined {
  if (device.master !== undefined) release(machine, device);
  if (index === 0) return undefined;
  const master = device.space.devices.get(index);
  if (master === undefined) return refuse("EINVAL");
  if (master.kind !== "bridge" && master.kind !== "vrf") return refuse("EOPNOTSUPP");
  const unfit = master.kind === "bridge" ? checkPort(machine, device, master) : undefined;
  if (unfit !== undefined) return unfit;
  device.master = master;
  master.hadPorts = true;
  if (master.kind !== "bridge") return undefined;
  const vlan = readU16(master.kindData.get(39) ?? new Uint8Array());
  device.vlans = new Map(vlan === 0 ? [] : [[vlan, 6]]);
  device.portData = new Map(firstPortData);
  followPorts(machine, master);
  return undefined;
}

/** IFLA_BRPORT_*: mode (hairpin), learning, unicast flood, isolated. */
const firstPortData: readonly [number, Uint8Array][] = [
  [4, Uint8Array.of(0)],
  [8, Uint8Array.of(1)],
  [9, Uint8Array.of(1)],
  [33, Uint8Array.of(0)],
];

function checkPort(machine: SimulatedHost, device: Device, master: Device): Refusal | undefined {
  if (device.hardwareType !== 1) return refuse("EINVAL", "Device cannot be enslaved to a bridge");
  if (device.kind === "bridge") return refuse("ELOOP", "Can not enslave a bridge to a bridge");
  if (device.parent === master) return refuse("EBUSY");
  const isTaken = childrenOf(machine, device).some(({ kind }) => kind !== "vlan");
  return isTaken ? refuse("EBUSY") : undefined;
}

export function release(machine: SimulatedHost, device: Device): void {
  const { master } = device;
  if (master === undefined) return;
  device.master = undefined;
  if (master.kind !== "bridge") return;
  device.vlans = new Map();
  device.portData = new Map();
  const isOther = (entry: { device: Device; family: number }): boolean =>
    entry.device !== device || entry.family !== 7;
  device.space.neighbours = device.space.neighbours.filter(isOther);
  followPorts(machine, master);
}

/** A bridge has the lowest address and the smallest MTU of its ports, unless it was given its own. */
export function followPorts(machine: SimulatedHost, bridge: Device): void {
  const ports = portsOf(machine, bridge);
  if (!bridge.hasOwnHardware) {
    let lowest: Uint8Array | undefined;
    for (const { hardware } of ports)
      if (lowest === undefined || isBelow(hardware, lowest)) lowest = hardware;
    const next = lowest ?? new Uint8Array(6);
    if (!isSameBytes(next, bridge.hardware)) bridge.hardware = Uint8Array.from(next);
  }
  if (!bridge.hasOwnMtu) {
    bridge.mtu = ports.length === 0 ? 1500 : Math.min(...ports.map(({ mtu }) => mtu));
  }
}

function isBelow(one: Uint8Array, other: Uint8Array): boolean {
  for (const [at, byte] of one.entries()) {
    const its = other[at] ?? 0;
    if (byte !== its) return byte < its;
  }
  return false;
}
