import { metaTeardown } from "../../plugins/meta/config/config.ts";
import { flag, type Option, text } from "./option.ts";

/**
 * Options that several commands share, word for word. The default folders are the plugin's own, so that people and
 * runtimes look into the same.
 */

const places = metaTeardown({ cniVersion: "1.1.0", name: "", type: "", raw: {} });
export const defaultStateDir = places.stateDir;
export const defaultConfDir = places.confDir;
const defaultPluginDirs = ["/opt/cni/bin", "/usr/lib/cni"];

export const json = flag("print JSON, for machines");
export const confDir = text("the runtime's folder of configurations", { default: defaultConfDir });
export const stateDir = text("the folder of records", { default: defaultStateDir });
export const clusterDefinitions = text("a file of kubectl's: which of its definitions are refused");

/** The option may be repeated. Each value may be several folders, written as in CNI_PATH. */
export const pluginDirs: Option<readonly string[]> = {
  name: "plugin-dir",
  yargs: {
    type: "string",
    requiresArg: true,
    array: true,
    describe: `a folder of plugins (default ${defaultPluginDirs.join(", ")}); may be repeated`,
  },
  read: (given) =>
    Array.isArray(given)
      ? given.flatMap((each) => String(each).split(":")).filter((each) => each !== "")
      : defaultPluginDirs,
};
