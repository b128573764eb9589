import { printBytes } from "../addresses.ts";
import { printHardware } from "../bytes.ts";
import { linkFlag } from "../link-kinds.ts";
import { routeTable } from "../routes.ts";
import type { RoutingRule } from "../routing-rules.ts";
import type {
  Device,
  HeldAddress,
  NetSpace,
  SimulatedHost,
  StoredNeighbour,
  StoredRoute,
} from "./kernel-model.ts";
import { firstRules } from "./kernel-rules.ts";
import type { RuleTable } from "./kernel-ruleset.ts";
import { firstSettings } from "./kernel-settings.ts";

/** All that a namespace holds, as plain data without indexes, handles and numbers that depend on what was there before. */
export interface SpaceView {
  readonly links: Readonly<Record<string, DeviceView>>;
  readonly routes: readonly string[];
  /** The rules that it did not begin with. */
  readonly rules: readonly string[];
  readonly neighbours: readonly string[];
  /** The settings that are not as they were first: of all, and of each link. */
  readonly settings: Readonly<Record<string, string>>;
  readonly tables: readonly string[];
}

export interface DeviceView {
  readonly kind: string;
  readonly hardware: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly alias: string;
  readonly altNames: readonly string[];
  readonly transmitQueue: number;
  readonly master: string | undefined;
  /** `name@path of its namespace`. */
  readonly relative: string | undefined;
  readonly data: Readonly<Record<number, string>>;
  readonly port: Readonly<Record<number, string>>;
  readonly vlans: readonly string[];
  readonly addresses: readonly string[];
}

export type KernelView = Readonly<Record<string, SpaceView>>;

/** The namespaces by their paths. Those without a path are left out: they live only as long as they are open. */
export function viewOf(machine: SimulatedHost): KernelView {
  const views: Record<string, SpaceView> = {};
  for (const [path, space] of machine.paths) views[path] = viewOfSpace(machine, space);
  return views;
}

function viewOfSpace(machine: SimulatedHost, space: NetSpace): SpaceView {
  const links: Record<string, DeviceView> = {};
  const devices = [...space.devices.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  for (const device of devices) links[device.name] = viewOfDevice(machine, device);
  const first = firstRules().map(printRule);
  return {
    links,
    routes: space.routes.map(printRoute).sort(),
    rules: space.rules.map(printRule).filter((rule) => !first.includes(rule)),
    neighbours: space.neighbours.map(printNeighbour).sort(),
    settings: changedSettings(space),
    tables: space.ruleset.tables.flatMap(printTable),
  };
}

function changedSettings({ settings }: NetSpace): Record<string, string> {
  const first = firstSettings();
  const changed: Record<string, string> = {};
  for (const [key, value] of [...settings].sort()) {
    const isMtu = /^ipv6\/conf\/[^/]+\/mtu$/.test(key);
    const usual =
      first.get(key) ?? first.get(key.replace(/^(ipv[46]\/(?:conf|neigh))\/[^/]+\//, "$1/default/"));
    if (!isMtu && value !== usual) changed[key] = value;
  }
  return changed;
}

function viewOfDevice(machine: SimulatedHost, device: Device): DeviceView {
  const { kind, hardware, mtu, flags, alias, altNames, transmitQueue, master, vlans } = device;
  const other = device.peer ?? device.parent;
  return {
    kind: kind ?? "device",
    hardware: printHardware(hardware),
    mtu,
    flags: Object.entries(linkFlag).flatMap(([name, bit]) => ((flags & bit) === 0 ? [] : [name])),
    alias,
    altNames,
    transmitQueue,
    master: master?.name,
    relative: other === undefined ? undefined : `${other.name}@${pathOf(machine, other.space)}`,
    data: printData(device.kindData),
    port: printData(device.portData),
    vlans: [...vlans]
      .sort(([one], [two]) => one - two)
      .map(([vlan, its]) => `${vlan}${(its & 2) === 0 ? "" : " pvid"}${(its & 4) === 0 ? "" : " untagged"}`),
    addresses: device.addresses.map(printAddress).sort(),
  };
}

function pathOf(machine: SimulatedHost, space: NetSpace): string {
  for (const [path, each] of machine.paths) if (each === space) return path;
  return "nowhere";
}

function printData(data: ReadonlyMap<number, Uint8Array>): Record<number, string> {
  return Object.fromEntries([...data].map(([type, bytes]) => [type, hex(bytes)]));
}

function hex(bytes: Uint8Array): string {
  return printHardware(bytes).replaceAll(":", "");
}

function printAddress({ address, prefix, flags, scope, peer, broadcast }: HeldAddress): string {
  const parts = [
    `${printBytes(address)}/${prefix}`,
    ...(peer === undefined ? [] : [`peer ${printBytes(peer)}`]),
    ...(broadcast === undefined ? [] : [`broadcast ${printBytes(broadcast)}`]),
    ...(scope === 0 ? [] : [`scope ${scope}`]),
    `flags ${flags.toString(16)}`,
  ];
  return parts.join(" ");
}

function printRoute(route: StoredRoute): string {
  const { destination, prefix, hops, table, protocol, scope, type, priority, preferredSource, metrics } =
    route;
  const ways = hops.map(({ device, gateway, flags, weight }) =>
    [
      ...(gateway === undefined ? [] : [`via ${printBytes(gateway)}`]),
      `dev ${device?.name ?? "none"}`,
      ...(flags === 0 ? [] : [`flags ${flags}`]),
      ...(weight === 1 ? [] : [`weight ${weight}`]),
    ].join(" "),
  );
  const parts = [
    `${type === 1 ? "" : `type ${type} `}${printBytes(destination)}/${prefix}`,
    ...ways,
    ...(table === routeTable.main ? [] : [`table ${table}`]),
    `proto ${protocol} scope ${scope}`,
    ...(priority === 0 ? [] : [`metric ${priority}`]),
    ...(preferredSource === undefined ? [] : [`src ${printBytes(preferredSource)}`]),
    ...(metrics === undefined ? [] : [`metrics ${hex(metrics)}`]),
  ];
  return parts.join(" ");
}

function printRule({
  family,
  table,
  priority = 0,
  source,
  sourcePrefix,
  destination,
  destinationPrefix,
  ...rest
}: RoutingRule): string {
  const { inLink, outLink, mark } = rest;
  const parts = [
    `${priority}: ipv${family === 2 ? 4 : 6}`,
    ...(source === undefined ? [] : [`from ${printBytes(source)}/${sourcePrefix ?? 0}`]),
    ...(destination === undefined ? [] : [`to ${printBytes(destination)}/${destinationPrefix ?? 0}`]),
    ...(inLink === undefined ? [] : [`iif ${inLink}`]),
    ...(outLink === undefined ? [] : [`oif ${outLink}`]),
    ...(mark === undefined ? [] : [`mark ${mark}`]),
    `table ${table}`,
  ];
  return parts.join(" ");
}

function printNeighbour({ family, device, destination, hardware, state, vlan }: StoredNeighbour): string {
  const to = destination.length === 0 ? "" : `${printBytes(destination)} `;
  const at = hardware === undefined ? "" : ` at ${printHardware(hardware)}`;
  return `${family} ${to}dev ${device.name}${at} state ${state}${vlan === undefined ? "" : ` vlan ${vlan}`}`;
}

function printTable({ family, name, chains, sets }: RuleTable): string[] {
  const entry = (attributes: readonly { readonly type: number; readonly data: Uint8Array }[]): string =>
    attributes.map(({ type, data }) => `${type}=${hex(data)}`).join(" ");
  return [
    `table ${family} ${name}`,
    ...sets.map((set) => `set ${family} ${name} ${set.name} ${set.elements.map(hex).sort().join(" ")}`),
    ...chains.flatMap((chain) => [
      `chain ${family} ${name} ${chain.name}`,
      ...chain.rules.map((rule) => `rule ${family} ${name} ${chain.name} ${entry(rule.attributes)}`),
    ]),
  ];
}
