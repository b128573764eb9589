import { isSameBytes, readText, readU16, readU32 } from "../bytes.ts";
import { infoAttribute, linkAttribute, linkFlag } from "../link-kinds.ts";
import { type Attributes, readAttributes } from "../message.ts";
import {
  childrenOf,
  type Device,
  deviceNamed,
  isRefusal,
  type NetSpace,
  type Refusal,
  refuse,
  type SimulatedHost,
} from "./kernel-model.ts";
import { enslave } from "./kernel-ports.ts";
import { addLinkSettings, removeLinkSettings } from "./kernel-settings.ts";
import { dropDevice, raise } from "./kernel-up.ts";

const known = ["veth", "bridge", "macvlan", "macvtap", "ipvlan", "vlan", "vrf", "dummy", "ifb"];
const onParents = ["macvlan", "macvtap", "ipvlan", "vlan"];
export const etherType = 1;
const largestMtu = 65535;
const passthru = 8;

/** A link as a message asks for it. */
export interface AskedLink {
  readonly index: number;
  readonly flags: number;
  readonly mask: number;
  readonly attributes: Attributes;
}

/** Makes a link. `space` is that of the socket. */
export function makeDevice(machine: SimulatedHost, space: NetSpace, asked: AskedLink): Refusal | undefined {
  const info = readAttributes(asked.attributes.get(linkAttribute.info) ?? new Uint8Array());
  const kindBytes = info.get(infoAttribute.kind);
  if (kindBytes === undefined) return refuse("EOPNOTSUPP", "Unknown device type");
  const kind = readText(kindBytes);
  if (machine.options.lacks?.includes(kind) === true || !known.includes(kind)) {
    return refuse("EOPNOTSUPP", "Unknown device type");
  }
  const kindData = readAttributes(info.get(infoAttribute.data) ?? new Uint8Array());
  const target = targetOf(machine, space, asked.attributes);
  if (isRefusal(target)) return target;
  const parent = parentOf(machine, space, kind, asked.attributes);
  if (isRefusal(parent)) return parent;
  if (parent !== undefined) {
    const unfit = checkParent(machine, parent, kind, kindData);
    if (unfit !== undefined) return unfit;
  }
  if (kind === "veth") return makePair(machine, { asked, target, kindData });
  const device = register(machine, { space: target, kind, asked, parent, kindData });
  if (isRefusal(device)) return device;
  return configure(machine, device, asked);
}

interface Pair {
  readonly asked: AskedLink;
  readonly target: NetSpace;
  readonly kindData: Attributes;
}

/** The kernel makes the peer first, wherever it is to be. */
function makePair(machine: SimulatedHost, { asked, target, kindData }: Pair): Refusal | undefined {
  const bytes = kindData.get(1) ?? new Uint8Array();
  const theirs: AskedLink = {
    index: 0,
    flags: readU32(bytes, 8),
    mask: readU32(bytes, 12),
    attributes: readAttributes(bytes, 16),
  };
  const far = targetOf(machine, target, theirs.attributes);
  if (isRefusal(far)) return far;
  const plain = { kind: "veth", parent: undefined, kindData: new Map<number, Uint8Array>() };
  const peer = register(machine, { ...plain, space: far, asked: theirs });
  if (isRefusal(peer)) return peer;
  const device = register(machine, { ...plain, space: target, asked });
  if (isRefusal(device)) {
    dropDevice(machine, peer);
    return device;
  }
  // The kernel brings the peer up before it has told it of its other end, and so it never does.
  if ((theirs.flags & theirs.mask & linkFlag.up) !== 0) {
    dropDevice(machine, device);
    dropDevice(machine, peer);
    return refuse("ENOTCONN");
  }
  device.peer = peer;
  peer.peer = device;
  return configure(machine, device, asked);
}

/** The rest of what a new link is to be. If that fails, the link goes. */
function configure(machine: SimulatedHost, device: Device, asked: AskedLink): Refusal | undefined {
  const master = asked.attributes.get(linkAttribute.master);
  const up = (asked.flags & asked.mask & linkFlag.up) !== 0 ? raise(machine, device) : undefined;
  const failed = up ?? (master === undefined ? undefined : enslave(machine, device, readU32(master)));
  if (failed !== undefined) dropDevice(machine, device);
  return failed;
}

export function targetOf(
  machine: SimulatedHost,
  space: NetSpace,
  attributes: Attributes,
): NetSpace | Refusal {
  const descriptor = attributes.get(linkAttribute.descriptor);
  if (descriptor === undefined) return space;
  return machine.descriptors.get(readU32(descriptor)) ?? refuse("EBADF");
}

function parentOf(
  machine: SimulatedHost,
  space: NetSpace,
  kind: string,
  attributes: Attributes,
): Device | Refusal | undefined {
  if (!onParents.includes(kind)) return undefined;
  const index = attributes.get(linkAttribute.parent);
  if (index === undefined) return refuse("EINVAL", kind === "vlan" ? "link not specified" : undefined);
  const nsid = attributes.get(linkAttribute.parentNamespace);
  const where = nsid === undefined ? space : [...space.known].find(([, id]) => id === readU32(nsid))?.[0];
  if (where === undefined) return refuse("EINVAL", "Invalid link-netns id");
  const found = where.devices.get(readU32(index));
  if (found === undefined) return refuse("ENODEV", kind === "vlan" ? "link does not exist" : undefined);
  if (kind === "vlan") return found;
  // What is made on a macvlan or ipvlan is made on its parent.
  const isStacked = found.kind === kind && found.parent !== undefined;
  return isStacked && machine.spaces.has(found.space) ? found.parent : found;
}

function checkParent(
  machine: SimulatedHost,
  parent: Device,
  kind: string,
  kindData: Attributes,
): Refusal | undefined {
  const children = childrenOf(machine, parent);
  if (kind === "vlan") {
    const id = readU16(kindData.get(1) ?? new Uint8Array());
    if (kindData.get(1) === undefined) return refuse("EINVAL", "VLAN properties not specified");
    if (id >= 4095) return refuse("ERANGE", "Invalid VLAN id");
    const isTaken = children.some(
      (each) => each.kind === "vlan" && readU16(each.kindData.get(1) ?? new Uint8Array()) === id,
    );
    return isTaken ? refuse("EEXIST", "VLAN device already exists") : undefined;
  }
  if (parent.hardwareType !== etherType) return refuse("EINVAL");
  const isMacvlan = kind !== "ipvlan";
  const others = children.filter((each) => each.kind !== "vlan");
  const isForeign = ({ kind: its }: Device): boolean => (its === "ipvlan") === isMacvlan;
  if (others.some(isForeign) || parent.master !== undefined) return refuse("EBUSY");
  if (!isMacvlan) return undefined;
  const isExclusive = others.some(({ kindData: its }) => modeOf(its) === passthru);
  const wantsAll = modeOf(kindData) === passthru && others.length > 0;
  return isExclusive || wantsAll ? refuse("EINVAL") : undefined;
}

export function modeOf(kindData: Attributes): number {
  return readU32(kindData.get(1) ?? new Uint8Array());
}

interface Registration {
  readonly space: NetSpace;
  readonly kind: string;
  readonly asked: AskedLink;
  readonly parent: Device | undefined;
  readonly kindData: Attributes;
}

function register(
  machine: SimulatedHost,
  { space, kind, asked, parent, kindData }: Registration,
): Device | Refusal {
  const { attributes } = asked;
  const wanted = attributes.get(linkAttribute.name);
  const name = wanted === undefined ? freeName(space, kind) : readText(wanted);
  const refusal = checkName(space, name) ?? checkHardware(attributes.get(linkAttribute.hardware));
  if (refusal !== undefined) return refusal;
  const limits = limitsOf(kind, parent);
  const mtu = mtuOf(kind, parent, attributes, limits);
  if (typeof mtu !== "number") return mtu;
  const hardware = attributes.get(linkAttribute.hardware);
  const isPassthru = parent !== undefined && kind === "macvlan" && modeOf(kindData) === passthru;
  const queue = attributes.get(linkAttribute.transmitQueue);
  const queues = attributes.get(linkAttribute.transmitQueues);
  return addDevice(machine, space, {
    name,
    kind,
    parent,
    mtu,
    ...limits,
    kindData: new Map([...firstData(kind), ...kindData].map(([type, data]) => [type, Uint8Array.from(data)])),
    hardware: Uint8Array.from(
      isPassthru ? parent.hardware : (hardware ?? usualHardware(machine, kind, parent)),
    ),
    hasOwnHardware: hardware !== undefined,
    hasOwnMtu: attributes.has(linkAttribute.mtu),
    transmitQueue: queue === undefined ? 1000 : readU32(queue),
    queues: queues === undefined ? 1 : readU32(queues),
    flags:
      kind === "dummy" || kind === "ipvlan" ? (kind === "dummy" ? linkFlag.noArp : ipvlanFlags(kindData)) : 0,
  });
}

/** In the modes of layer 3, nobody asks for a hardware address. */
function ipvlanFlags(kindData: Attributes): number {
  return readU16(kindData.get(1) ?? new Uint8Array()) === 0 ? 0 : linkFlag.noArp;
}

function u32Bytes(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, (value >> 8) & 0xff, 0, 0);
}

/** What the kernel says of a kind even if nobody asked for it. */
function firstData(kind: string): [number, Uint8Array][] {
  if (kind === "bridge")
    return [
      [7, Uint8Array.of(0)],
      [39, Uint8Array.of(1, 0)],
    ];
  if (kind === "macvlan" || kind === "macvtap")
    return [
      [1, u32Bytes(2)],
      [7, u32Bytes(1000)],
    ];
  if (kind === "ipvlan") return [[1, Uint8Array.of(1, 0)]];
  if (kind === "vlan") return [[5, Uint8Array.of(0x81, 0)]];
  return [];
}

export interface NewDevice {
  readonly name: string;
  readonly kind: string | undefined;
  readonly parent: Device | undefined;
  readonly mtu: number;
  readonly minMtu: number;
  readonly maxMtu: number;
  readonly kindData: Map<number, Uint8Array>;
  readonly hardware: Uint8Array;
  readonly hardwareType?: number;
  readonly permanentHardware?: Uint8Array;
  readonly bus?: { readonly bus: string; readonly name: string } | undefined;
  readonly hasOwnHardware: boolean;
  readonly hasOwnMtu: boolean;
  readonly transmitQueue: number;
  readonly queues: number;
  readonly flags: number;
}

export function addDevice(machine: SimulatedHost, space: NetSpace, made: NewDevice): Device {
  const isBridge = made.kind === "bridge";
  const defaultVlan = readU16(made.kindData.get(39) ?? new Uint8Array());
  const device: Device = {
    hardwareType: etherType,
    permanentHardware: undefined,
    bus: undefined,
    ...made,
    space,
    index: ++space.lastIndex,
    alias: "",
    altNames: [],
    master: undefined,
    peer: undefined,
    portData: new Map(),
    vlans: new Map(isBridge && defaultVlan !== 0 ? [[defaultVlan, 6]] : []),
    hadPorts: isBridge && made.hasOwnHardware,
    deviceId: made.kind === "ipvlan" ? ++machine.lastDeviceId : 0,
    addresses: [],
    isReady: false,
  };
  space.devices.set(device.index, device);
  addLinkSettings(space.settings, device.name, device.mtu);
  return device;
}

function freeName(space: NetSpace, kind: string): string {
  for (let number = 0; ; number++) {
    if (deviceNamed(space, `${kind}${number}`) === undefined) return `${kind}${number}`;
  }
}

export function checkName(space: NetSpace, name: string): Refusal | undefined {
  if (new TextEncoder().encode(name).length > 15)
    return refuse("ERANGE", "Attribute failed policy validation");
  const isBad = name === "" || name === "." || name === ".." || /[/:\s]/.test(name);
  if (isBad) return refuse("EINVAL");
  return deviceNamed(space, name) === undefined ? undefined : refuse("EEXIST");
}

export function checkHardware(hardware: Uint8Array | undefined): Refusal | undefined {
  if (hardware === undefined) return undefined;
  if (hardware.length !== 6) return refuse("EINVAL");
  const isGroup = ((hardware[0] ?? 0) & 1) !== 0;
  return isGroup || isSameBytes(hardware, new Uint8Array(6)) ? refuse("EADDRNOTAVAIL") : undefined;
}

function usualHardware(machine: SimulatedHost, kind: string, parent: Device | undefined): Uint8Array {
  const inherits = kind === "ipvlan" || kind === "vlan";
  return parent !== undefined && inherits ? parent.hardware : freshHardware(machine);
}

export function freshHardware(machine: SimulatedHost): Uint8Array {
  const number = ++machine.lastHardware;
  return Uint8Array.of(0x52, 0x54, 0, (number >> 16) & 0xff, (number >> 8) & 0xff, number & 0xff);
}

function limitsOf(kind: string, parent: Device | undefined): { minMtu: number; maxMtu: number } {
  if (kind === "dummy") return { minMtu: 0, maxMtu: 0 };
  if (kind === "macvlan" && parent !== undefined) return { minMtu: parent.minMtu, maxMtu: parent.maxMtu };
  return { minMtu: kind === "vlan" ? 0 : 68, maxMtu: largestMtu };
}

function mtuOf(
  kind: string,
  parent: Device | undefined,
  attributes: Attributes,
  { minMtu, maxMtu }: { minMtu: number; maxMtu: number },
): number | Refusal {
  const asked = attributes.get(linkAttribute.mtu);
  if (asked === undefined) return parent?.mtu ?? (kind === "vrf" ? 65575 : 1500);
  const mtu = readU32(asked);
  if (mtu < minMtu) return refuse("EINVAL", "mtu less than device minimum");
  if (maxMtu > 0 && mtu > maxMtu) return refuse("EINVAL", "mtu greater than device maximum");
  const isBounded = kind === "macvlan" || kind === "vlan";
  if (isBounded && parent !== undefined && mtu > parent.mtu) return refuse("EINVAL");
  return mtu;
}

/** Takes a link out of its namespace. What belongs to the place, not to the link, stays behind. */
export function leave(device: Device): void {
  device.space.devices.delete(device.index);
  removeLinkSettings(device.space.settings, device.name);
}
