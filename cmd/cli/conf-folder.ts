import { isObject, type JsonObject, parseJson } from "../../cni/json.ts";
import { isConfiguration } from "../../kube/definition-files.ts";
import type { Sys } from "../../sys/sys.ts";
import { pluginsOf } from "./meta-plugins.ts";

/** A file that was a configuration until somebody changed its name: no runtime reads it. */
export interface RenamedFile {
  /** As it is now. */
  readonly name: string;
  /** What it was: `00-hawser.conflist`. */
  readonly former: string;
  readonly hasHawser: boolean;
  /** By Cilium's agent, which does so to all files but its own. */
  readonly byCilium: boolean;
}

/** What Helm's value and the agent's own option are called, for every sentence about it. */
export const ciliumRemedy =
  'Set cni.exclusive=false in Cilium\'s Helm values (cni-exclusive: "false" in its ConfigMap cilium-config) and restart its agent';

/** Among a folder's names those of renamed configurations. A writer's temporary files begin with a dot. */
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
