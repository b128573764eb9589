import type { Chain } from "../../../cni/chain.ts";
import type { RuntimeConf } from "../../../cni/delegate.ts";
import { isObject, type JsonObject, printJson, without } from "../../../cni/json.ts";
import { deviceInfoCapability } from "../../../kube/devices/info-path.ts";
import type { Sys } from "../../../sys/sys.ts";
import { forgetInformation } from "../execute/device-files.ts";
import { deleteStep, type Left } from "../execute/execute.ts";
import type { Plan } from "../plan/plan.ts";

/** These keys name the device that the plugin was given. The plugin's DEL needs them. */
const kept = ["deviceID", deviceInfoCapability];

/** Whether all that is left of a step is the plugin that refused its ADD. */
export function isNeverAttached({ carried: { step, refused } }: Left): boolean {
  return refused !== undefined && step.chain.plugins.length === 1;
}

/**
 * Tries DEL with another configuration than ADD had, for steps that may never have been attached. First without what the pod
 * asked for, because a plugin may be unable to read that. Then with the definition as it is now (`planNow`), because its author
 * may have corrected it; Multus does the same. Returns the steps that are still left.
 */
export async function undoOtherwise(
  sys: Sys,
  left: readonly Left[],
  runtimeConf: RuntimeConf,
  planNow: (() => Promise<Plan>) | undefined,
): Promise<Left[]> {
  const still: Left[] = [];
  for (const each of left) {
    if (!(await undoOne(sys, each, runtimeConf, planNow))) still.push(each);
  }
  return still;
}

async function undoOne(
  sys: Sys,
  each: Left,
  runtimeConf: RuntimeConf,
  planNow: (() => Promise<Plan>) | undefined,
): Promise<boolean> {
  const { step, result, refused } = each.carried;
  if (result !== undefined && refused === undefined) return false;
  const attempt = async (chain: Chain): Promise<boolean> => {
    const undeleted = await deleteStep(sys, each.carried, chain, runtimeConf);
    return undeleted === undefined && (await forgetInformation(sys, step)).ok;
  };
  const plain = { ...step.chain, plugins: step.chain.plugins.map(withoutRequests) };
  if (printJson(plain) !== printJson(step.chain) && (await attempt(plain))) return true;
  if (!isNeverAttached(each) || planNow === undefined) return false;
  const now = (await planNow()).find(({ ifname, role }) => ifname === step.ifname && role === step.role);
  return now !== undefined && printJson(now.chain) !== printJson(step.chain) && attempt(now.chain);
}

function withoutRequests(plugin: JsonObject): JsonObject {
  const { runtimeConfig } = plugin;
  const rest = without(plugin, "runtimeConfig", "args");
  if (!isObject(runtimeConfig)) return rest;
  const entries = Object.entries(runtimeConfig).filter(([key]) => kept.includes(key));
  return entries.length === 0 ? rest : { ...rest, runtimeConfig: Object.fromEntries(entries) };
}
