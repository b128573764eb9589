import { joined, u8, u16, u32, zeroEnded } from "../bytes.ts";
import { family, infoAttribute, linkAttribute, linkFlag } from "../link-kinds.ts";
import { attribute, nested } from "../message.ts";
import { type Device, hasCarrier, isUp, type NetSpace, type SimulatedHost } from "./kernel-model.ts";

const broadcastFlag = 0x2;
const multicastFlag = 0x1000;
const protocolInfo = 12;

/** A link, as the kernel tells it. */
export function encodeLink(machine: SimulatedHost, device: Device): Uint8Array {
  const { name, mtu, minMtu, maxMtu, hardware, master, alias, transmitQueue, queues, flags } = device;
  return joined([
    linkHead(machine, device, family.unspecified),
    attribute(linkAttribute.name, zeroEnded(name)),
    attribute(linkAttribute.transmitQueue, u32(transmitQueue)),
    attribute(linkAttribute.operState, u8(operState(machine, device))),
    attribute(linkAttribute.mtu, u32(mtu)),
    attribute(linkAttribute.minMtu, u32(minMtu)),
    attribute(linkAttribute.maxMtu, u32(maxMtu)),
    attribute(linkAttribute.promiscuity, u32((flags & linkFlag.promiscuous) === 0 ? 0 : 1)),
    attribute(linkAttribute.transmitQueues, u32(queues)),
    attribute(linkAttribute.receiveQueues, u32(queues)),
    attribute(linkAttribute.hardware, hardware),
    ...encodeRelatives(device),
    ...(master === undefined ? [] : [attribute(linkAttribute.master, u32(master.index))]),
    ...(alias === "" ? [] : [attribute(linkAttribute.alias, zeroEnded(alias))]),
    ...encodeInfo(device),
    ...encodeOrigin(device),
  ]);
}

export function linkHead(machine: SimulatedHost, device: Device, of: number): Uint8Array {
  const { hardwareType, index, flags } = device;
  const isLoopback = (flags & linkFlag.loopback) !== 0;
  const isRunning = isUp(device) && hasCarrier(machine, device);
  const all =
    flags |
    (isLoopback ? 0 : broadcastFlag | multicastFlag) |
    (isRunning ? linkFlag.running | linkFlag.lowerUp : 0);
  return joined([u8(of), u8(0), u16(hardwareType), u32(index), u32(all), u32(0)]);
}

/** IF_OPER_*. */
function operState(machine: SimulatedHost, device: Device): number {
  const { kind, flags } = device;
  if (!isUp(device)) return (flags & linkFlag.loopback) === 0 ? 2 : 0;
  if ((flags & linkFlag.loopback) !== 0 || kind === "dummy") return 0;
  if (kind === "bridge" && !device.hadPorts) return 0;
  return hasCarrier(machine, device) ? 6 : 2;
}

/** The peer or the parent, and in which namespace it is if not in this one. */
function encodeRelatives(device: Device): Uint8Array[] {
  const other = device.peer ?? device.parent;
  if (other === undefined) return [];
  return [
    attribute(linkAttribute.parent, u32(other.index)),
    ...(other.space === device.space
      ? []
      : [attribute(linkAttribute.parentNamespace, u32(nsidOf(device.space, other.space)))]),
  ];
}

/** The number by which a namespace knows another. The kernel gives one when it is needed. */
export function nsidOf(space: NetSpace, other: NetSpace): number {
  const known = space.known.get(other);
  if (known !== undefined) return known;
  const taken = [...space.known.values()];
  let id = 0;
  while (taken.includes(id)) id++;
  space.known.set(other, id);
  return id;
}

function encodeInfo({ kind, kindData, master, portData }: Device): Uint8Array[] {
  const data = [...kindData].map(([type, value]) => attribute(type, value));
  const port = [...portData].map(([type, value]) => attribute(type, value));
  const parts = [
    ...(kind === undefined ? [] : [attribute(infoAttribute.kind, zeroEnded(kind))]),
    ...(data.length === 0 ? [] : [nested(infoAttribute.data, data)]),
    ...(master?.kind === undefined ? [] : [attribute(infoAttribute.portKind, zeroEnded(master.kind))]),
    ...(port.length === 0 ? [] : [nested(infoAttribute.portData, port)]),
  ];
  return parts.length === 0 ? [] : [nested(linkAttribute.info, parts)];
}

function encodeOrigin({ altNames, permanentHardware, bus }: Device): Uint8Array[] {
  return [
    ...(altNames.length === 0
      ? []
      : [
          nested(
            linkAttribute.propList,
            altNames.map((each) => attribute(linkAttribute.altName, zeroEnded(each))),
          ),
        ]),
    ...(permanentHardware === undefined
      ? []
      : [attribute(linkAttribute.permanentHardware, permanentHardware)]),
    ...(bus === undefined
      ? []
      : [
          attribute(linkAttribute.parentDevice, zeroEnded(bus.name)),
          attribute(linkAttribute.parentBus, zeroEnded(bus.bus)),
        ]),
  ];
}

/** A bridge or its port, as the kernel tells bridges about it: attributes as a port, and VLANs. */
export function encodeBridgeView(machine: SimulatedHost, device: Device): Uint8Array {
  const { name, master, portData, vlans } = device;
  const port = [...portData].map(([type, value]) => attribute(type, value));
  const list = [...vlans].sort(([one], [other]) => one - other);
  return joined([
    linkHead(machine, device, family.bridge),
    attribute(linkAttribute.name, zeroEnded(name)),
    ...(master === undefined ? [] : [attribute(linkAttribute.master, u32(master.index))]),
    ...(port.length === 0 ? [] : [nested(protocolInfo, port)]),
    nested(
      linkAttribute.specific,
      list.map(([vlan, flags]) => attribute(2, joined([u16(flags), u16(vlan)]))),
    ),
  ]);
}
