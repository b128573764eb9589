import type { Attempt } from "../../sys/fault.ts";
import type { Network, NetworkNamespace, TapRequest } from "../../sys/network.ts";
import { fail, ok } from "../../sys/outcome.ts";
import { linkFlag } from "../link-kinds.ts";
import { addDevice, checkName, freshHardware } from "./kernel-make-link.ts";
import {
  type Device,
  deviceNamed,
  devicesOf,
  isUp,
  type KernelOptions,
  type NetSpace,
  type SentFrame,
  type SimulatedHost,
} from "./kernel-model.ts";
import { bringHome } from "./kernel-move.ts";
import { firstRules } from "./kernel-rules.ts";
import { emptyRuleset } from "./kernel-ruleset.ts";
import { firstSettings, readSetting, writeSetting } from "./kernel-settings.ts";
import { type KernelView, viewOf } from "./kernel-snapshot.ts";
import { openSocket } from "./kernel-socket.ts";
import { endSpace, raise, reviewIpv6 } from "./kernel-up.ts";

/** The network of a machine in memory. It answers the very bytes of netlink, and obeys the kernel's rules as far as plugins see them. */
export interface SimulatedKernel extends Network {
  /** Makes a namespace, with a loopback that is down, whose file is at the path. */
  addNamespace(path: string): void;
  /** A second path of a namespace. */
  addPath(existing: string, path: string): void;
  /** Removes a path. A namespace without path ends as soon as nobody has it open. */
  removePath(path: string): void;
  /** Puts a network card into the machine's own namespace. */
  addCard(card: CardSpec): void;
  /** Puts it there if no namespace has a card of this name or address. */
  ensureCard(card: CardSpec): void;
  /** Closes what dead processes had open. */
  reap(): void;
  /** Everything, by the paths of namespaces: `homePath` is the machine's own. */
  state(): KernelView;
  /** The frames that were sent in a namespace. */
  framesIn(path: string): readonly SentFrame[];
}

export interface CardSpec {
  readonly name: string;
  readonly mtu?: number;
  readonly hardware?: Uint8Array;
  readonly up?: boolean;
  /** By default none. */
  readonly bus?: { readonly bus: string; readonly name: string };
}

export const homePath = "/proc/self/ns/net";

export function createKernel(options: KernelOptions = {}): SimulatedKernel {
  const machine = newMachine(options);
  return {
    open: async (path = homePath) => {
      const space = machine.paths.get(path);
      return space === undefined ? failed("ENOENT", `open ${path}`) : ok(openSpace(machine, space));
    },
    addNamespace: (path) => void machine.paths.set(path, newSpace(machine)),
    addPath: (existing, path) => {
      const space = machine.paths.get(existing);
      if (space !== undefined) machine.paths.set(path, space);
    },
    removePath: (path) => {
      const space = machine.paths.get(path);
      machine.paths.delete(path);
      if (space !== undefined) endIfUnused(machine, space);
    },
    addCard: (card) => addCard(machine, card),
    ensureCard: (card) => {
      const isThere = devicesOf(machine).some(
        (each) => each.kind === undefined && (each.name === card.name || each.alias === card.name),
      );
      if (!isThere) addCard(machine, card);
    },
    reap: () => {
      const spaces = new Set(machine.descriptors.values());
      machine.descriptors.clear();
      for (const space of spaces) endIfUnused(machine, space);
    },
    state: () => viewOf(machine),
    framesIn: (path) => machine.paths.get(path)?.frames ?? [],
  };
}

function addCard(machine: SimulatedHost, card: CardSpec): void {
  const { name, mtu = 1500, hardware = freshHardware(machine), bus, up = false } = card;
  const made = addDevice(machine, machine.home, {
    name,
    kind: undefined,
    parent: undefined,
    mtu,
    minMtu: 68,
    maxMtu: 9600,
    kindData: new Map(),
    hardware,
    permanentHardware: hardware,
    bus,
    hasOwnHardware: true,
    hasOwnMtu: true,
    transmitQueue: 1000,
    queues: 1,
    flags: 0,
  });
  if (up) raise(machine, made);
}

function newMachine(options: KernelOptions): SimulatedHost {
  const counters = {
    lastDescriptor: 10,
    lastPort: 4000,
    lastHardware: 0,
    lastIdentity: 0,
    lastDeviceId: 0,
    answers: 0,
  };
  const home = emptySpace("net:1");
  const machine: SimulatedHost = {
    paths: new Map([[homePath, home]]),
    home,
    spaces: new Set([home]),
    descriptors: new Map(),
    options,
    ...counters,
    lastIdentity: 1,
  };
  addLoopback(machine, home);
  return machine;
}

function emptySpace(identity: string): NetSpace {
  return {
    identity,
    devices: new Map(),
    settings: firstSettings(),
    known: new Map(),
    ruleset: emptyRuleset(),
    frames: [],
    routes: [],
    rules: firstRules(),
    neighbours: [],
    lastIndex: 0,
  };
}

function newSpace(machine: SimulatedHost): NetSpace {
  const space = emptySpace(`net:${++machine.lastIdentity}`);
  machine.spaces.add(space);
  addLoopback(machine, space);
  return space;
}

function addLoopback(machine: SimulatedHost, space: NetSpace): Device {
  return addDevice(machine, space, {
    name: "lo",
    kind: undefined,
    parent: undefined,
    mtu: 65536,
    minMtu: 0,
    maxMtu: 0,
    kindData: new Map(),
    hardware: new Uint8Array(6),
    hardwareType: 772,
    hasOwnHardware: false,
    hasOwnMtu: false,
    transmitQueue: 1000,
    queues: 1,
    flags: linkFlag.loopback,
  });
}

function endIfUnused(machine: SimulatedHost, space: NetSpace): void {
  const isUsed =
    space === machine.home ||
    [...machine.paths.values()].includes(space) ||
    [...machine.descriptors.values()].includes(space);
  if (!isUsed) endSpace(machine, space, (device) => bringHome(machine, device));
}

function openSpace(machine: SimulatedHost, space: NetSpace): NetworkNamespace {
  const descriptor = ++machine.lastDescriptor;
  machine.descriptors.set(descriptor, space);
  return {
    descriptor,
    identity: space.identity,
    socket: (protocol) => ok(openSocket(machine, space, protocol)),
    readSetting: (name) => readSetting(space, name),
    writeSetting: (name, value) => {
      const written = writeSetting(space, name, value);
      if (!written.ok) return written;
      const isSwitch = written.value.some((each) => each.endsWith("/disable_ipv6"));
      if (isSwitch) for (const device of space.devices.values()) reviewIpv6(machine, device);
      return ok(undefined);
    },
    sendFrame: (ifindex, frame) => {
      const device = space.devices.get(ifindex);
      if (device === undefined) return failed("ENXIO", `send a frame by ${ifindex}`);
      if (!isUp(device)) return failed("ENETDOWN", `send a frame by ${device.name}`);
      space.frames.push({ link: device.name, frame: Uint8Array.from(frame) });
      return ok(undefined);
    },
    makeTap: (tap) => makeTap(machine, space, tap),
    close: () => {
      machine.descriptors.delete(descriptor);
      endIfUnused(machine, space);
    },
  };
}

function makeTap(
  machine: SimulatedHost,
  space: NetSpace,
  { name, multiQueue, owner, group }: TapRequest,
): Attempt {
  const there = deviceNamed(space, name);
  if (there !== undefined && there.kind !== "tun") return failed("EINVAL", `make tap ${name}`);
  if (there !== undefined) return ok(undefined);
  const refusal = checkName(space, name);
  if (refusal !== undefined) return failed(refusal.refused, `make tap ${name}`);
  const number = (value: number): Uint8Array =>
    Uint8Array.of(value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24);
  addDevice(machine, space, {
    name,
    kind: "tun",
    parent: undefined,
    mtu: 1500,
    minMtu: 68,
    maxMtu: 65521,
    // IFLA_TUN_*: owner, group, type, vnet header, persistent, multi queue.
    kindData: new Map([
      ...(owner === undefined ? [] : [[1, number(owner)] as const]),
      ...(group === undefined ? [] : [[2, number(group)] as const]),
      [3, Uint8Array.of(2)],
      [5, Uint8Array.of(1)],
      [6, Uint8Array.of(1)],
      [7, Uint8Array.of(multiQueue ? 1 : 0)],
    ]),
    hardware: freshHardware(machine),
    hasOwnHardware: false,
    hasOwnMtu: false,
    transmitQueue: 1000,
    queues: 1,
    flags: 0,
  });
  return ok(undefined);
}

function failed(code: string, call: string): Attempt<never> {
  return fail({ code, message: `${code}: ${call}` });
}
