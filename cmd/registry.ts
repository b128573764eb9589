import type { Plugin } from "../cni/plugin.ts";

/** The plugins of this executable by the name that it is called by; each is loaded only when it is the one. */
export const registry: Readonly<Record<string, () => Promise<Plugin>>> = {
  hawser: async () => (await import("../plugins/meta/plugin.ts")).meta,
};

/** The plugin that `argv0` names (busybox style): its last path element. */
export function pluginName(argv0: string): string {
  const base = argv0.slice(argv0.lastIndexOf("/") + 1);
  return base in registry ? base : "hawser";
}
