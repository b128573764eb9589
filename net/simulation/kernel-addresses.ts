import { addressFlag, type FoundAddress, printBytes, readLinkAddress } from "../addresses.ts";
import { isSameBytes, joined, readU8, readU32, u8, u32, zeroEnded } from "../bytes.ts";
import { family, linkFlag } from "../link-kinds.ts";
import { attribute, flag, type Message } from "../message.ts";
import {
  type Device,
  done,
  type HeldAddress,
  isUp,
  type KernelAnswer,
  type KernelReply,
  type NetSpace,
  type Refusal,
  refuse,
  type SimulatedHost,
} from "./kernel-model.ts";
import {
  addAddressRoutes,
  addMulticastRoute,
  dropAddressRoutes,
  dropDeviceRoutes,
} from "./kernel-own-routes.ts";
import { hasIpv6, settingOf } from "./kernel-settings.ts";

export function answerAddress(machine: SimulatedHost, space: NetSpace, message: Message): KernelReply {
  if (message.type === 22) return listed(machine, space, message);
  const asked = readLinkAddress(message);
  const device = space.devices.get(asked.link);
  const of = readU8(message.payload, 0);
  if (of !== family.v4 && of !== family.v6) return refuse("EOPNOTSUPP");
  if (device === undefined) return refuse("ENODEV", of === family.v4 ? "ipv4: Device not found" : undefined);
  if (message.type === 21) return removeHeld(device, asked) ?? done;
  return giveAddress(machine, device, asked, message.flags) ?? done;
}

function listed(machine: SimulatedHost, space: NetSpace, { payload }: Message): KernelReply {
  const of = readU8(payload, 0);
  const link = readU32(payload, 4);
  // The kernel checks what a dump is asked strictly, and a link that is not there is an error.
  if (link !== 0 && !space.devices.has(link)) return refuse("ENODEV");
  const answers: KernelAnswer[] = [];
  for (const device of space.devices.values()) {
    if (link !== 0 && device.index !== link) continue;
    for (const address of device.addresses) {
      const own = address.address.length === 4 ? family.v4 : family.v6;
      if (of === 0 || of === own) answers.push({ type: 20, payload: encodeAddress(device, address) });
      detect(machine, device, address);
    }
  }
  const rank = ({ payload: bytes }: KernelAnswer): number => readU8(bytes, 0);
  return answers.sort((one, other) => rank(one) - rank(other));
}

/** A tentative address is tried out for some looks. */
function detect(machine: SimulatedHost, device: Device, address: HeldAddress): void {
  if ((address.flags & addressFlag.tentative) === 0 || !device.isReady) return;
  if ((address.flags & addressFlag.duplicate) !== 0) return;
  if (address.looksLeft-- > 0) return;
  if (machine.options.duplicates?.includes(printBytes(address.address)) === true) {
    address.flags |= addressFlag.duplicate;
    return;
  }
  finishDetection(device, address);
}

function finishDetection(device: Device, address: HeldAddress): void {
  address.flags &= ~(addressFlag.tentative | addressFlag.optimistic);
  addAddressRoutes(device, address, "own");
}

function giveAddress(
  machine: SimulatedHost,
  device: Device,
  asked: FoundAddress,
  flags: number,
): Refusal | undefined {
  const held = device.addresses.find((each) => isSame(each, asked));
  if (held !== undefined) {
    if ((flags & flag.replace) === 0 || (flags & flag.exclusive) !== 0) {
      return refuse(
        "EEXIST",
        asked.address.length === 4 ? "ipv4: Address already assigned" : "address already assigned",
      );
    }
    return undefined;
  }
  if (asked.prefix > asked.address.length * 8) return refuse("EINVAL");
  const clash = ipvlanClash(machine, device, asked.address);
  if (clash !== undefined) return clash;
  return asked.address.length === 4 ? giveV4(device, asked) : giveV6(machine, device, asked);
}

function isSame(held: HeldAddress, asked: FoundAddress): boolean {
  if (!isSameBytes(held.address, asked.address)) return false;
  return asked.address.length === 16 || held.prefix === asked.prefix;
}

function ipvlanClash(machine: SimulatedHost, device: Device, address: Uint8Array): Refusal | undefined {
  if (device.kind !== "ipvlan") return undefined;
  for (const space of machine.spaces) {
    for (const other of space.devices.values()) {
      if (other.kind !== "ipvlan" || other.parent !== device.parent || other === device) continue;
      if (other.addresses.some((each) => isSameBytes(each.address, address))) {
        return refuse("EADDRINUSE", "Address already assigned to an ipvlan device");
      }
    }
  }
  return undefined;
}

function giveV4(device: Device, asked: FoundAddress): Refusal | undefined {
  const sameNet = device.addresses.find(
    (each) =>
      each.address.length === 4 &&
      each.prefix === asked.prefix &&
      isInNet(asked.address, farEnd(each), each.prefix),
  );
  if (sameNet !== undefined && sameNet.scope !== asked.scope) {
    return refuse("EINVAL", "ipv4: Invalid scope value");
  }
  const address: HeldAddress = {
    ...asked,
    flags:
      addressFlag.permanent |
      (asked.flags & addressFlag.noPrefixRoute) |
      (sameNet === undefined ? 0 : addressFlag.secondary),
    label: asked.label ?? device.name,
    looksLeft: 0,
  };
  device.addresses.push(address);
  addAddressRoutes(device, address, isUp(device) ? "all" : "own");
  return undefined;
}

export function farEnd({ address, peer }: FoundAddress): Uint8Array {
  return peer ?? address;
}

function giveV6(machine: SimulatedHost, device: Device, asked: FoundAddress): Refusal | undefined {
  if (device.mtu < 1280) return refuse("EINVAL");
  if (!hasIpv6(device)) return refuse("EACCES", "IPv6 is disabled on this device");
  holdV6(machine, device, asked);
  return undefined;
}

export function holdV6(machine: SimulatedHost, device: Device, asked: FoundAddress): void {
  const isTried = (asked.flags & addressFlag.noDetection) === 0 && detects(device);
  const kept = addressFlag.noDetection | addressFlag.noPrefixRoute | addressFlag.optimistic;
  const address: HeldAddress = {
    ...asked,
    scope: scopeOf(asked.address),
    flags: addressFlag.permanent | (asked.flags & kept) | (isTried ? addressFlag.tentative : 0),
    looksLeft: machine.options.looks ?? 1,
  };
  device.addresses.push(address);
  if (isUp(device)) addMulticastRoute(device);
  const isLoopback = (device.flags & linkFlag.loopback) !== 0;
  if (isUp(device) && !isLoopback) addAddressRoutes(device, address, "net");
  if (!isTried) finishDetection(device, address);
}

function detects(device: Device): boolean {
  if ((device.flags & (linkFlag.loopback | linkFlag.noArp)) !== 0) return false;
  if (settingOf(device, "ipv6/conf/*/dad_transmits") === "0") return false;
  // It is off only if it is off both for all and for the link.
  return ["all", device.name].some((where) => settingOf(device, `ipv6/conf/${where}/accept_dad`) !== "0");
}

/** An address that waited for its link needs no try if the link has none. */
export function startDetection(device: Device): void {
  for (const address of device.addresses) {
    if (address.address.length !== 16 || (address.flags & addressFlag.tentative) === 0) continue;
    const isTried = (address.flags & addressFlag.noDetection) === 0 && detects(device);
    if (!isTried) finishDetection(device, address);
  }
}

function scopeOf(address: Uint8Array): number {
  if (address[0] === 0xfe && ((address[1] ?? 0) & 0xc0) === 0x80) return 253;
  const isOne = address[15] === 1 && address.subarray(0, 15).every((byte) => byte === 0);
  return isOne ? 254 : 0;
}

function removeHeld(device: Device, asked: FoundAddress): Refusal | undefined {
  const held = device.addresses.find(
    (each) =>
      isSameBytes(each.address, asked.address) &&
      each.prefix === asked.prefix &&
      (asked.label === undefined || asked.label === each.label),
  );
  if (held === undefined) {
    return refuse(
      "EADDRNOTAVAIL",
      asked.address.length === 4 ? "ipv4: Address not found" : "address not found",
    );
  }
  dropAddress(device, held);
  return undefined;
}

export function dropAddress(device: Device, held: HeldAddress): void {
  device.addresses = device.addresses.filter((each) => each !== held);
  dropAddressRoutes(device, held);
  if (held.address.length === 16) return;
  const inNet = device.addresses.filter(
    (each) =>
      each.address.length === 4 &&
      each.prefix === held.prefix &&
      isInNet(each.address, farEnd(held), held.prefix),
  );
  if ((held.flags & addressFlag.secondary) === 0) dropSecondaries(device, inNet);
  // Without any address, IPv4 is off on the link, and all its routes go.
  if (!device.addresses.some((each) => each.address.length === 4)) dropDeviceRoutes(device, family.v4);
}

function dropSecondaries(device: Device, inNet: readonly HeldAddress[]): void {
  const [first] = inNet;
  if (first === undefined) return;
  if (settingOf(device, "ipv4/conf/*/promote_secondaries") === "1") {
    first.flags &= ~addressFlag.secondary;
    addAddressRoutes(device, first, isUp(device) ? "all" : "own");
    return;
  }
  for (const each of inNet) {
    device.addresses = device.addresses.filter((other) => other !== each);
    dropAddressRoutes(device, each);
  }
}

export function isInNet(address: Uint8Array, net: Uint8Array, prefix: number): boolean {
  if (address.length !== net.length) return false;
  for (let bit = 0; bit < prefix; bit += 8) {
    const at = bit >> 3;
    const mask = prefix - bit >= 8 ? 0xff : (0xff << (8 - (prefix - bit))) & 0xff;
    if ((((address[at] ?? 0) ^ (net[at] ?? 0)) & mask) !== 0) return false;
  }
  return true;
}

function encodeAddress(device: Device, held: HeldAddress): Uint8Array {
  const { address, peer, broadcast, prefix, flags, scope, label } = held;
  const of = address.length === 4 ? family.v4 : family.v6;
  const isV4 = of === family.v4;
  return joined([
    joined([u8(of), u8(prefix), u8(flags & 0xff), u8(scope), u32(device.index)]),
    attribute(1, peer ?? address),
    ...(isV4 || peer !== undefined ? [attribute(2, address)] : []),
    ...(broadcast === undefined ? [] : [attribute(4, broadcast)]),
    ...(label === undefined || !isV4 ? [] : [attribute(3, zeroEnded(label))]),
    attribute(8, u32(flags)),
  ]);
}
