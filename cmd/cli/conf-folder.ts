import { isObject, type JsonObject, parseJson } from "../../cni/json.ts";
import { isConfiguration } from "../../kube/definition-files.ts";
import type { Sys } from "../../sys/sys.ts";
import { pluginsOf } from "./meta-plugins.ts";

/** A file that was a configuration until somebody renamed it. No runtime reads it now. */
export interface RenamedFile {
  /** The file's name now. */
  readonly name: string;
  /** The file's name before, such as `00-hawser.conflist`. */
  readonly former: string;
  readonly hasHawser: boolean;
  /** Whether Cilium's agent renamed it. The agent renames all files but its own. */
  readonly byCilium: boolean;
}

/** How to keep Cilium's agent from renaming files: the names of Helm's value and of the agent's option. */
export const ciliumRemedy =
  'Set cni.exclusive=false in Cilium\'s Helm values (cni-exclusive: "false" in its ConfigMap cilium-config) and restart its agent';

/** Finds renamed configurations among a folder's names. Names with a dot in front are temporary files of a writer. */
export function renamedFiles(sys: Sys, folder: string, names: readonly string[]): RenamedFile[] {
  return names.flatMap((name): RenamedFile[] => {
    const former = /^([^.].*\.(?:conflist|conf|json))[^/]+$/.exec(name)?.[1];
    if (former === undefined || isConfiguration(name)) return [];
    const hasHawser = hasPlugin(sys, `${folder}/${name}`, "hawser") ?? former.includes("hawser");
    return [{ name, former, hasHawser, byCilium: name === `${former}.cilium_bak` }];
  });
}

/** Whether a configuration has a plugin of this type; undefined for a file that is none. */
export function hasPlugin({ files }: Sys, path: string, type: string): boolean | undefined {
  const text = files.read(path);
  const json = text.ok ? parseJson(text.value) : text;
  if (!json.ok || !isObject(json.value)) return undefined;
  return callsType(json.value, type);
}

export function callsType(config: JsonObject, type: string): boolean {
  return pluginsOf(config).some((plugin) => plugin.type === type);
}
