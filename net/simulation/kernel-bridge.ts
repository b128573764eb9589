import { isSameBytes, joined, readU16, readU32, u8, u16, u32 } from "../bytes.ts";
import { family, linkAttribute } from "../link-kinds.ts";
import { linkMessage } from "../links.ts";
import { attribute, flag, listAttributes, type Message, readAttributes } from "../message.ts";
import { encodeBridgeView } from "./kernel-link-bytes.ts";
import {
  type Device,
  done,
  type KernelAnswer,
  type KernelReply,
  type NetSpace,
  refuse,
  type SimulatedHost,
  type StoredNeighbour,
} from "./kernel-model.ts";

/** Messages about bridges: VLANs and ports; and neighbours, which a forwarding database is a kind of. */

const protocolInfo = 12;
/** IFLA_BRIDGE_FLAGS, IFLA_BRIDGE_VLAN_INFO. */
const bridgePart = { flags: 0, vlan: 2 } as const;
const bridgeFlag = { master: 1, self: 2 } as const;
/** BRIDGE_VLAN_INFO_*. */
const vlanFlag = { pvid: 2, rangeBegin: 8, rangeEnd: 16 } as const;

export function answerBridge(
  machine: SimulatedHost,
  space: NetSpace,
  { type, payload }: Message,
): KernelReply {
  if (type === linkMessage.get) {
    const told = [...space.devices.values()].filter(
      ({ kind, master }) => kind === "bridge" || master?.kind === "bridge",
    );
    return told.map(
      (device): KernelAnswer => ({ type: linkMessage.made, payload: encodeBridgeView(machine, device) }),
    );
  }
  const device = space.devices.get(readU32(payload, 4));
  if (device === undefined) return refuse("ENODEV");
  const attributes = readAttributes(payload, 16);
  const special = attributes.get(linkAttribute.specific);
  const parts = special === undefined ? [] : listAttributes(special);
  const flags = parts.find((part) => part.type === bridgePart.flags);
  const wanted = flags === undefined ? 0 : readU16(flags.data);
  const isPort = device.master?.kind === "bridge";
  const goesToMaster = wanted === 0 || (wanted & bridgeFlag.master) !== 0;
  if (goesToMaster ? !isPort : device.kind !== "bridge") return refuse("EOPNOTSUPP");
  setPort(device, attributes.get(protocolInfo));
  const vlans = parts.filter((part) => part.type === bridgePart.vlan);
  return setVlans(
    device,
    vlans.map(({ data }) => [readU16(data), readU16(data, 2)] as const),
    type === linkMessage.removed,
  );
}

function setPort(device: Device, info: Uint8Array | undefined): void {
  if (info === undefined) return;
  for (const [type, data] of readAttributes(info)) device.portData.set(type, Uint8Array.from(data));
}

function setVlans(
  device: Device,
  entries: readonly (readonly [flags: number, vlan: number])[],
  removes: boolean,
): KernelReply {
  let begin: number | undefined;
  for (const [flags, vlan] of entries) {
    if (vlan === 0 || vlan >= 4095) return refuse("EINVAL", "Invalid VLAN");
    if ((flags & vlanFlag.rangeBegin) !== 0) {
      if (begin !== undefined || (flags & vlanFlag.pvid) !== 0) return refuse("EINVAL");
      begin = vlan;
      continue;
    }
    const from = (flags & vlanFlag.rangeEnd) === 0 ? vlan : begin;
    if (from === undefined || from > vlan) return refuse("EINVAL");
    begin = undefined;
    for (let each = from; each <= vlan; each++) setVlan(device, each, flags & 6, removes);
  }
  return done;
}

function setVlan(device: Device, vlan: number, flags: number, removes: boolean): void {
  if (removes) {
    device.vlans.delete(vlan);
    return;
  }
  if ((flags & vlanFlag.pvid) !== 0) {
    for (const [other, its] of device.vlans) device.vlans.set(other, its & ~vlanFlag.pvid);
  }
  device.vlans.set(vlan, flags);
}

const addsNeighbour = 28;
const listsNeighbours = 30;
/** NDA_*. */
const neighbourAttribute = { destination: 1, hardware: 2, vlan: 5, master: 9 } as const;
/** NTF_SELF. */
const selfFlag = 2;

export function answerNeighbour(space: NetSpace, { type, payload, flags }: Message): KernelReply {
  const of = payload[0] ?? 0;
  const attributes = readAttributes(payload, 12);
  if (type === listsNeighbours) {
    return space.neighbours.filter((entry) => of === 0 || entry.family === of).map(encodeNeighbour);
  }
  const device = space.devices.get(readU32(payload, 4));
  if (device === undefined) return refuse("ENODEV");
  const destination = attributes.get(neighbourAttribute.destination) ?? new Uint8Array();
  const hardware = attributes.get(neighbourAttribute.hardware);
  const vlan = attributes.get(neighbourAttribute.vlan);
  const entry: StoredNeighbour = {
    family: of,
    device,
    destination,
    hardware,
    state: readU16(payload, 8),
    flags: payload[10] ?? 0,
    vlan: vlan === undefined ? undefined : readU16(vlan),
  };
  const isBridge = of === family.bridge;
  if (isBridge && device.master?.kind !== "bridge" && (entry.flags & selfFlag) === 0)
    return refuse("EOPNOTSUPP");
  const at = space.neighbours.findIndex((each) => isSameEntry(each, entry));
  if (type !== addsNeighbour) {
    if (at < 0) return refuse("ENOENT");
    space.neighbours.splice(at, 1);
    return done;
  }
  if (at >= 0 && (flags & flag.exclusive) !== 0) return refuse("EEXIST");
  if (at < 0) space.neighbours.push(entry);
  else space.neighbours[at] = entry;
  return done;
}

function isSameEntry(one: StoredNeighbour, other: StoredNeighbour): boolean {
  if (one.family !== other.family || one.device !== other.device || one.vlan !== other.vlan) return false;
  if (one.family !== family.bridge) return isSameBytes(one.destination, other.destination);
  return isSameBytes(one.hardware ?? new Uint8Array(), other.hardware ?? new Uint8Array());
}

function encodeNeighbour({
  family: of,
  device,
  destination,
  hardware,
  state,
  flags,
  vlan,
}: StoredNeighbour): KernelAnswer {
  const isPort = of === family.bridge && device.master !== undefined;
  const payload = joined([
    joined([u8(of), u8(0), u16(0), u32(device.index), u16(state), u8(flags), u8(1)]),
    ...(destination.length === 0 ? [] : [attribute(neighbourAttribute.destination, destination)]),
    ...(hardware === undefined ? [] : [attribute(neighbourAttribute.hardware, hardware)]),
    ...(vlan === undefined ? [] : [attribute(neighbourAttribute.vlan, u16(vlan))]),
    ...(isPort ? [attribute(neighbourAttribute.master, u32(device.master?.index ?? 0))] : []),
  ]);
  return { type: addsNeighbour, payload };
}
