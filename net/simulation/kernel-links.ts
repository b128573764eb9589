import { readText, readU32 } from "../bytes.ts";
import { family, infoAttribute, linkAttribute, linkFlag } from "../link-kinds.ts";
import { linkMessage } from "../links.ts";
import { type Attributes, flag, type Message, readAttributes } from "../message.ts";
import { answerBridge } from "./kernel-bridge.ts";
import { encodeLink } from "./kernel-link-bytes.ts";
import { type AskedLink, checkHardware, makeDevice, targetOf } from "./kernel-make-link.ts";
import {
  childrenOf,
  type Device,
  deviceNamed,
  done,
  isRefusal,
  type KernelReply,
  type NetSpace,
  type Refusal,
  refuse,
  type SimulatedHost,
} from "./kernel-model.ts";
import { moveDevice, rename } from "./kernel-move.ts";
import { enslave, followPorts } from "./kernel-ports.ts";
import { dropDevice, lower, raise, reviewIpv6 } from "./kernel-up.ts";

export function answerLink(machine: SimulatedHost, space: NetSpace, message: Message): KernelReply {
  const { payload, type, flags } = message;
  if (payload[0] === family.bridge) return answerBridge(machine, space, message);
  const asked: AskedLink = {
    index: readU32(payload, 4),
    flags: readU32(payload, 8),
    mask: readU32(payload, 12),
    attributes: readAttributes(payload, 16),
  };
  const tooLong = checkLengths(asked.attributes);
  if (tooLong !== undefined) return tooLong;
  if (type === linkMessage.get) return look(machine, space, asked, (flags & flag.dump) === flag.dump);
  const target = targetOf(machine, space, asked.attributes);
  if (isRefusal(target)) return target;
  const isNew = type === linkMessage.made && (flags & flag.create) !== 0;
  // Since Linux 6.15, a new link is looked for where it is to be.
  const found = findLink(isNew && machine.options.isOld !== true ? target : space, asked);
  if (type === linkMessage.removed)
    return found === undefined ? refuse("ENODEV") : (removeDevice(machine, found) ?? done);
  if (found === undefined) {
    if (asked.index !== 0 || !isNew) return refuse("ENODEV");
    return makeDevice(machine, space, asked) ?? done;
  }
  if (isNew && (flags & flag.exclusive) !== 0) return refuse("EEXIST");
  return change(machine, found, asked) ?? done;
}

function checkLengths(attributes: Attributes): Refusal | undefined {
  const name = attributes.get(linkAttribute.name);
  const isLong = name !== undefined && new TextEncoder().encode(readText(name)).length > 15;
  return isLong ? refuse("ERANGE", "Attribute failed policy validation") : undefined;
}

function findLink(space: NetSpace, { index, attributes }: AskedLink): Device | undefined {
  if (index !== 0) return space.devices.get(index);
  const name = attributes.get(linkAttribute.name) ?? attributes.get(linkAttribute.altName);
  return name === undefined ? undefined : deviceNamed(space, readText(name));
}

function look(machine: SimulatedHost, space: NetSpace, asked: AskedLink, isDump: boolean): KernelReply {
  const tell = (device: Device) => ({ type: linkMessage.made, payload: encodeLink(machine, device) });
  if (isDump) return [...space.devices.values()].map(tell);
  const hasName = asked.attributes.has(linkAttribute.name) || asked.attributes.has(linkAttribute.altName);
  if (asked.index === 0 && !hasName) return refuse("EINVAL");
  const found = findLink(space, asked);
  return found === undefined ? refuse("ENODEV") : [tell(found)];
}

function removeDevice(machine: SimulatedHost, device: Device): Refusal | undefined {
  const isOurs = device.kind !== undefined;
  if (!isOurs) return refuse("EOPNOTSUPP");
  dropDevice(machine, device);
  return undefined;
}

/** The kernel changes one thing after the other. What it has done before it refuses, stays done. */
function change(machine: SimulatedHost, device: Device, asked: AskedLink): Refusal | undefined {
  for (const step of [moves, hardwares, mtus, names, aliases, infos, raises, enslaves, queues]) {
    const refusal = step(machine, device, asked);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

type Step = (machine: SimulatedHost, device: Device, asked: AskedLink) => Refusal | undefined;

const moves: Step = (machine, device, { attributes }) => {
  const target = targetOf(machine, device.space, attributes);
  if (isRefusal(target)) return target;
  const name = attributes.get(linkAttribute.name);
  return target === device.space
    ? undefined
    : moveDevice(machine, device, target, name === undefined ? undefined : readText(name));
};

const hardwares: Step = (machine, device, { attributes }) => {
  const hardware = attributes.get(linkAttribute.hardware);
  if (hardware === undefined) return undefined;
  if (device.kind === "ipvlan" || device.hardwareType !== 1) return refuse("EOPNOTSUPP");
  const bad = checkHardware(hardware);
  if (bad !== undefined) return bad;
  device.hardware = Uint8Array.from(hardware);
  device.hasOwnHardware = true;
  device.hadPorts = true;
  for (const child of childrenOf(machine, device)) {
    if (child.kind === "ipvlan") child.hardware = device.hardware;
  }
  if (device.master?.kind === "bridge") followPorts(machine, device.master);
  return undefined;
};

const mtus: Step = (machine, device, { attributes }) => {
  const bytes = attributes.get(linkAttribute.mtu);
  if (bytes === undefined) return undefined;
  const mtu = readU32(bytes);
  if (mtu < device.minMtu) return refuse("EINVAL", "mtu less than device minimum");
  if (device.maxMtu > 0 && mtu > device.maxMtu) return refuse("EINVAL", "mtu greater than device maximum");
  const { parent, kind } = device;
  if (parent !== undefined && mtu > parent.mtu && kind === "macvlan") return refuse("EINVAL");
  if (parent !== undefined && mtu > parent.mtu && kind === "vlan") return refuse("ERANGE");
  setMtu(machine, device, mtu);
  device.hasOwnMtu = true;
  if (device.master?.kind === "bridge") followPorts(machine, device.master);
  for (const child of childrenOf(machine, device)) {
    if (child.kind === "ipvlan" || child.mtu > mtu) setMtu(machine, child, mtu);
  }
  return undefined;
};

function setMtu(machine: SimulatedHost, device: Device, mtu: number): void {
  device.mtu = mtu;
  const key = `ipv6/conf/${device.name}/mtu`;
  if (device.space.settings.has(key)) device.space.settings.set(key, `${mtu}`);
  reviewIpv6(machine, device);
}

const names: Step = (machine, device, { index, attributes }) => {
  const name = attributes.get(linkAttribute.name);
  if (name === undefined || index === 0) return undefined;
  return rename(machine, device, readText(name));
};

const aliases: Step = (_machine, device, { attributes }) => {
  const alias = attributes.get(linkAttribute.alias);
  if (alias === undefined) return undefined;
  if (alias.length > 255) return refuse("EINVAL");
  device.alias = readText(alias);
  return undefined;
};

/** What is special of its kind: a bridge's filtering, a macvlan's mode. */
const infos: Step = (_machine, device, { attributes }) => {
  const info = readAttributes(attributes.get(linkAttribute.info) ?? new Uint8Array());
  const data = info.get(infoAttribute.data);
  if (data === undefined) return undefined;
  for (const [type, value] of readAttributes(data)) device.kindData.set(type, Uint8Array.from(value));
  return undefined;
};

const raises: Step = (machine, device, { flags, mask }) => {
  // Without a mask, all flags count.
  const all = mask === 0 && flags !== 0 ? 0xffffffff : mask;
  const kept = linkFlag.promiscuous | linkFlag.allMulticast | linkFlag.noArp;
  device.flags = ((device.flags & ~(all & kept)) | (flags & all & kept)) >>> 0;
  if ((all & linkFlag.up) === 0) return undefined;
  if ((flags & linkFlag.up) !== 0) return raise(machine, device);
  lower(machine, device);
  return undefined;
};

const enslaves: Step = (machine, device, { attributes }) => {
  const master = attributes.get(linkAttribute.master);
  return master === undefined ? undefined : enslave(machine, device, readU32(master));
};

const queues: Step = (_machine, device, { attributes }) => {
  const queue = attributes.get(linkAttribute.transmitQueue);
  if (queue !== undefined) device.transmitQueue = readU32(queue);
  return undefined;
};
