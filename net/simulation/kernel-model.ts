import type { LinkAddress } from "../addresses.ts";
import { linkFlag } from "../link-kinds.ts";
import type { RoutingRule } from "../routing-rules.ts";
import type { Ruleset } from "./kernel-ruleset.ts";

/** What a simulated kernel holds. All of it changes in place. */
export interface SimulatedHost {
  /** The namespaces by the paths of their files. */
  readonly paths: Map<string, NetSpace>;
  /** The namespace of the machine, where its processes run and its devices are. */
  readonly home: NetSpace;
  /** The namespaces that are there, with or without a path. */
  readonly spaces: Set<NetSpace>;
  /** What processes have open. */
  readonly descriptors: Map<number, NetSpace>;
  readonly options: KernelOptions;
  lastDescriptor: number;
  lastPort: number;
  lastHardware: number;
  lastIdentity: number;
  lastDeviceId: number;
  /** How many answers were given. */
  answers: number;
}

export interface KernelOptions {
  /** Kinds of links that this kernel was built without. */
  readonly lacks?: readonly string[];
  /**
   * Up to Linux 6.14, a link that is made in another namespace must have a name that is free in ours as well. Up to 6.1, a link
   * that is up cannot be renamed.
   */
  readonly isOld?: boolean;
  /** IPv6 addresses that another host of the network has, as `fd00::2` in full groups: `fd00:0:0:0:0:0:0:2`. */
  readonly duplicates?: readonly string[];
  /** How often addresses are listed before a tentative one is tried out. */
  readonly looks?: number;
  /** Bytes of a datagram of a long answer. */
  readonly dumpBytes?: number;
  /** Spoils the answer of this number. */
  readonly disturb?: (answer: number, isDump: boolean, isChange: boolean) => Disturbance | undefined;
}

/** `truncated`: cut in its midst. `lost`: ENOBUFS. `interrupted`: what is listed has changed meanwhile. */
export type Disturbance = "truncated" | "lost" | "interrupted";

/** A network namespace. */
export interface NetSpace {
  readonly identity: string;
  readonly devices: Map<number, Device>;
  readonly settings: Map<string, string>;
  /** `nsid` by which it knows others. */
  readonly known: Map<NetSpace, number>;
  readonly ruleset: Ruleset;
  readonly frames: SentFrame[];
  routes: StoredRoute[];
  rules: RoutingRule[];
  neighbours: StoredNeighbour[];
  lastIndex: number;
}

export interface SentFrame {
  readonly link: string;
  readonly frame: Uint8Array;
}

/** A link. */
export interface Device {
  space: NetSpace;
  index: number;
  name: string;
  /** Undefined: a network card. */
  readonly kind: string | undefined;
  readonly hardwareType: number;
  hardware: Uint8Array;
  readonly permanentHardware: Uint8Array | undefined;
  /** Its address on a bus, like `0000:00:04.0` on `pci`. */
  readonly bus: { readonly bus: string; readonly name: string } | undefined;
  mtu: number;
  readonly minMtu: number;
  maxMtu: number;
  flags: number;
  alias: string;
  altNames: string[];
  transmitQueue: number;
  queues: number;
  /** The bridge or VRF that it is a port of. */
  master: Device | undefined;
  peer: Device | undefined;
  /** What a macvlan, ipvlan or vlan is made on. */
  readonly parent: Device | undefined;
  /** IFLA_INFO_DATA. */
  readonly kindData: Map<number, Uint8Array>;
  /** IFLA_PROTINFO of a bridge's port. */
  portData: Map<number, Uint8Array>;
  /** VLANs of a bridge or its port: flags (BRIDGE_VLAN_INFO_*) by number. */
  vlans: Map<number, number>;
  /** A bridge whose address or MTU was set does not follow its ports any more. */
  hasOwnHardware: boolean;
  hasOwnMtu: boolean;
  /** A bridge that never had a port nor an address of its own seems to carry frames. */
  hadPorts: boolean;
  /** IPVLAN devices share a hardware address, and tell their IPv6 addresses apart by this. */
  readonly deviceId: number;
  addresses: HeldAddress[];
  /** Whether IPv6 knows that it carries frames. */
  isReady: boolean;
}

export interface HeldAddress extends LinkAddress {
  flags: number;
  readonly scope: number;
  looksLeft: number;
}

export interface RouteHop {
  readonly device: Device | undefined;
  readonly gateway: Uint8Array | undefined;
  readonly flags: number;
  readonly weight: number;
}

/** A route. Its hops are several only if it is a multipath route. */
export interface StoredRoute {
  readonly family: number;
  readonly destination: Uint8Array;
  readonly prefix: number;
  readonly source: Uint8Array | undefined;
  readonly sourcePrefix: number;
  readonly table: number;
  readonly protocol: number;
  readonly scope: number;
  readonly type: number;
  readonly tos: number;
  readonly priority: number;
  readonly preferredSource: Uint8Array | undefined;
  readonly metrics: Uint8Array | undefined;
  readonly preference: number;
  readonly hops: readonly RouteHop[];
}

/** An entry of the neighbours' table, or of a bridge's forwarding database. */
export interface StoredNeighbour {
  readonly family: number;
  readonly device: Device;
  readonly destination: Uint8Array;
  readonly hardware: Uint8Array | undefined;
  readonly state: number;
  readonly flags: number;
  readonly vlan: number | undefined;
}

/** Why the kernel refuses. */
export interface Refusal {
  readonly refused: string;
  readonly words?: string;
}

/** One message of an answer. */
export interface KernelAnswer {
  readonly type: number;
  readonly payload: Uint8Array;
}

export type KernelReply = Refusal | readonly KernelAnswer[];

export const done: readonly KernelAnswer[] = [];

export function refuse(refused: string, words?: string): Refusal {
  return words === undefined ? { refused } : { refused, words };
}

export function isRefusal(reply: KernelReply | Refusal | undefined | object): reply is Refusal {
  return typeof reply === "object" && "refused" in reply;
}

export function deviceNamed(space: NetSpace, name: string): Device | undefined {
  for (const device of space.devices.values()) {
    if (device.name === name || device.altNames.includes(name)) return device;
  }
  return undefined;
}

export function devicesOf(machine: SimulatedHost): Device[] {
  return [...machine.spaces].flatMap(({ devices }) => [...devices.values()]);
}

export function portsOf(machine: SimulatedHost, master: Device): Device[] {
  return devicesOf(machine).filter((device) => device.master === master);
}

export function childrenOf(machine: SimulatedHost, parent: Device): Device[] {
  return devicesOf(machine).filter((device) => device.parent === parent);
}

export function isUp({ flags }: Device): boolean {
  return (flags & linkFlag.up) !== 0;
}

/** Whether frames that it sends arrive somewhere. */
export function hasCarrier(machine: SimulatedHost, device: Device): boolean {
  const { kind, peer, parent } = device;
  if (kind === "veth") return peer !== undefined && isUp(peer) && isUp(device);
  if (kind === "tun") return false;
  if (parent !== undefined) return isUp(parent) && hasCarrier(machine, parent);
  if (kind !== "bridge" || !device.hadPorts) return true;
  return portsOf(machine, device).some((port) => isUp(port) && hasCarrier(machine, port));
}
