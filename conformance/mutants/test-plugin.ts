import type { PluginEnd } from "../machine.ts";
import type { Ground, PluginInput } from "./ground.ts";
import { chainedVerbs } from "./model/chained.ts";
import { runModel, type Verbs } from "./model/front.ts";
import { interfaceVerbs } from "./model/interface.ts";
import { ipamVerbs } from "./model/ipam.ts";
import { metaVerbs } from "./model/meta.ts";

/**
 * The plugin that the suite itself is tried on. It is called by a name: `hwcmodel-<kind>` does all that is required of
 * the kind, `hwcmodel-<kind>-P-4a` all but what P-4a is about.
 */
const roles: Readonly<Record<string, Verbs>> = {
  interface: interfaceVerbs,
  chained: chainedVerbs,
  ipam: ipamVerbs,
  meta: metaVerbs,
};

export interface PluginModel {
  readonly verbs: Verbs;
  readonly mutant: string | undefined;
}

/** The role that the name of an executable gives. */
export function modelOf(path: string): PluginModel | undefined {
  const [, kind = "", mutant] = /(?:^|\/)hwcmodel-([a-z]+)(?:-([PD]-\d+[a-z]))?$/.exec(path) ?? [];
  const verbs = roles[kind];
  return verbs === undefined ? undefined : { verbs, mutant };
}

export function runTestPlugin(ground: Ground, input: PluginInput, path: string): PluginEnd {
  const model = modelOf(path);
  if (model === undefined) throw new Error(`${path} is no name of the test plugin`);
  return runModel(ground, input, model.verbs, model.mutant);
}
