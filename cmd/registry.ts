import type { Plugin } from "../cni/plugin.ts";

const loadMeta = async () => (await import("../plugins/meta/plugin.ts")).meta;
const loadStatic = async () => (await import("../ipam/static/plugin.ts")).staticIpam;
const loadBridge = async () => (await import("../plugins/bridge/plugin.ts")).bridge;
const loadPtp = async () => (await import("../plugins/ptp/plugin.ts")).ptp;
const loadLoopback = async () => (await import("../plugins/loopback/plugin.ts")).loopback;
const loadHostLocal = async () => (await import("../ipam/host-local/plugin.ts")).hostLocal;
const loadFlat = async () => (await import("../ipam/flat/plugin.ts")).flat;
const loadTuning = async () => (await import("../plugins/tuning/plugin.ts")).tuning;
const loadSbr = async () => (await import("../plugins/sbr/plugin.ts")).sbr;
const loadMacvlan = async () => (await import("../plugins/macvlan/plugin.ts")).macvlan;
const loadIpvlan = async () => (await import("../plugins/ipvlan/plugin.ts")).ipvlan;
const loadVlan = async () => (await import("../plugins/vlan/plugin.ts")).vlan;
const loadDummy = async () => (await import("../plugins/dummy/plugin.ts")).dummy;
const loadTap = async () => (await import("../plugins/tap/plugin.ts")).tap;
const loadHostDevice = async () => (await import("../plugins/host-device/plugin.ts")).hostDevice;

/** The plugins of this executable, by the name that the executable is called by. Only the called one is loaded. */
export const registry: Readonly<Record<string, () => Promise<Plugin>>> = {
  hawser: loadMeta,
  // A configuration in Multus's words names the plugin `multus`.
  multus: loadMeta,
  "hawser-static": loadStatic,
  static: loadStatic,
  "hawser-host-local": loadHostLocal,
  "host-local": loadHostLocal,
  "hawser-flat": loadFlat,
  "hawser-bridge": loadBridge,
  bridge: loadBridge,
  "hawser-ptp": loadPtp,
  ptp: loadPtp,
  "hawser-loopback": loadLoopback,
  loopback: loadLoopback,
  "hawser-tuning": loadTuning,
  tuning: loadTuning,
  "hawser-sbr": loadSbr,
  sbr: loadSbr,
  "hawser-macvlan": loadMacvlan,
  macvlan: loadMacvlan,
  "hawser-ipvlan": loadIpvlan,
  ipvlan: loadIpvlan,
  "hawser-vlan": loadVlan,
  vlan: loadVlan,
  "hawser-dummy": loadDummy,
  dummy: loadDummy,
  "hawser-tap": loadTap,
  tap: loadTap,
  "hawser-host-device": loadHostDevice,
  "host-device": loadHostDevice,
};

const withoutNetwork: ReadonlySet<unknown> = new Set([loadStatic, loadHostLocal, loadFlat]);

/** Whether the plugin of this name talks to the kernel's network: all do but those that give addresses. */
export function usesNetwork(name: string): boolean {
  return !withoutNetwork.has(registry[name]);
}

/** The name under which the executable was called: the last path element of `argv0`, as busybox does it. */
export function pluginName(argv0: string): string {
  const base = argv0.slice(argv0.lastIndexOf("/") + 1);
  return Object.hasOwn(registry, base) ? base : "hawser";
}
