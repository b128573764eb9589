import { isObject, type JsonObject } from "../../cni/json.ts";

/**
 * Plugin types that read the pod's annotation and attach its networks themselves, each with its project's name. Beside
 * hawser in a list such a plugin attaches each network a second time, and no pod that asks for one starts.
 */
const metaPlugins: ReadonlyMap<unknown, string> = new Map([
  ["hawser", "hawser"],
  ["multus", "Multus"],
  ["multus-shim", "Multus (thick)"],
  ["multus-daemon", "Multus (thick)"],
  ["genie", "CNI-Genie"],
  ["danm", "DANM"],
  ["kactus", "Kactus"],
  ["knitter", "Knitter"],
  ["knitter-plugin", "Knitter"],
]);

export interface MetaPlugin {
  readonly type: string;
  readonly owner: string;
}

/** Finds the first meta-plugin among some plugins. */
export function metaPluginAmong(plugins: readonly JsonObject[]): MetaPlugin | undefined {
  for (const { type } of plugins) {
    const owner = metaPlugins.get(type);
    if (owner !== undefined) return { type: String(type), owner };
  }
  return undefined;
}

/** Finds the first meta-plugin of a configuration, single or list. */
export function metaPluginIn(config: JsonObject): MetaPlugin | undefined {
  return metaPluginAmong(pluginsOf(config));
}

/** The plugins of a list; a single configuration is a list of one. */
export function pluginsOf(config: JsonObject): JsonObject[] {
  return Array.isArray(config.plugins) ? config.plugins.filter(isObject) : [config];
}
