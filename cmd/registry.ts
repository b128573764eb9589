import type { Plugin } from "../cni/plugin.ts";

const loadMeta = async () => (await import("../plugins/meta/plugin.ts")).meta;
const loadStatic = async () => (await import("../ipam/static/plugin.ts")).staticIpam;
const loadHostLocal = async () => (await import("../ipam/host-local/plugin.ts")).hostLocal;

/** The plugins of this executable by the name that it is called by; each is loaded only when it is the one. */
export const registry: Readonly<Record<string, () => Promise<Plugin>>> = {
  hawser: loadMeta,
  // A configuration in Multus's words calls its executable by this name.
  multus: loadMeta,
  "hawser-static": loadStatic,
  static: loadStatic,
  "hawser-host-local": loadHostLocal,
  "host-local": loadHostLocal,
  "hawser-flat": async () => (await import("../ipam/flat/plugin.ts")).flat,
};

/** The plugin that `argv0` names (busybox style): its last path element. */
export function pluginName(argv0: string): string {
  const base = argv0.slice(argv0.lastIndexOf("/") + 1);
  return Object.hasOwn(registry, base) ? base : "hawser";
}
