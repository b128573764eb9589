import type { RuntimeConf } from "../../../cni/delegate.ts";
import type { Environment } from "../../../cni/environment.ts";
import { spellArgs } from "../../../cni/spelling.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { MetaPlaces } from "../config/config.ts";
import type { Step } from "../plan/plan.ts";

/** What delegates of this operation are told of the container; `changes` are those of a recorded one. */
export function runtimeConfOf(
  sys: Sys,
  environment: Environment,
  places: MetaPlaces,
  changes: Partial<RuntimeConf> = {},
): RuntimeConf {
  return {
    containerId: environment.containerId,
    netns: environment.netns,
    args: spellArgs(environment.args),
    // The operator's own folder first, as in Multus.
    path: places.binDir === "" ? environment.path : [places.binDir, ...environment.path],
    variables: environment.variables,
    deadlineMs: sys.clock.monotonicMs() + places.timeoutMs,
    ...changes,
  };
}

/**
 * The same for one step's ADD. A plugin that knows none of the names in CNI_ARGS refuses them all unless it is told not to,
 * and a runtime that gives none of its own has not said so. DEL and CHECK go without, as with Multus: a plugin that cannot
 * read what its ADD was told would refuse them for ever.
 */
export function runtimeConfForAdd({ args }: Step, runtimeConf: RuntimeConf): RuntimeConf {
  if (args === undefined) return runtimeConf;
  const own = runtimeConf.args.split(";").filter((piece) => piece !== "");
  const told = own.some((piece) => piece.startsWith("IgnoreUnknown="));
  return { ...runtimeConf, args: [...own, ...(told ? [] : ["IgnoreUnknown=true"]), args].join(";") };
}

/** The time that undoing a failed ADD gets beyond ADD's own: kubelet's 4 minutes less the default timeout. */
export const undoMs = 25_000;
