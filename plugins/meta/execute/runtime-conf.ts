import type { RuntimeConf } from "../../../cni/delegate.ts";
import type { Environment } from "../../../cni/environment.ts";
import { spellArgs } from "../../../cni/spelling.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { MetaTeardown } from "../config/config.ts";
import type { Step } from "../plan/plan.ts";

/** The runtime configuration for the delegates of this operation. `changes` are the values that the record says differently. */
export function runtimeConfOf(
  sys: Sys,
  environment: Environment,
  teardown: MetaTeardown,
  changes: Partial<RuntimeConf> = {},
): RuntimeConf {
  return {
    containerId: environment.containerId,
    netns: environment.netns,
    args: spellArgs(environment.args),
    // The operator's own folder first, as in Multus.
    path: teardown.binDir === "" ? environment.path : [teardown.binDir, ...environment.path],
    variables: environment.variables,
    deadlineMs: sys.clock.monotonicMs() + teardown.timeoutMs,
    ...changes,
  };
}

/**
 * The same for one step's ADD, with the step's own CNI_ARGS. A plugin refuses names that it does not know unless CNI_ARGS say
 * IgnoreUnknown, which a runtime without CNI_ARGS does not say. DEL and CHECK go without the step's own, as with Multus: a
 * plugin that cannot read them would refuse each DEL.
 */
export function runtimeConfForAdd({ args }: Step, runtimeConf: RuntimeConf): RuntimeConf {
  if (args === undefined) return runtimeConf;
  const own = runtimeConf.args.split(";").filter((piece) => piece !== "");
  const told = own.some((piece) => piece.startsWith("IgnoreUnknown="));
  return { ...runtimeConf, args: [...own, ...(told ? [] : ["IgnoreUnknown=true"]), args].join(";") };
}

/** How long undoing a failed ADD may take after ADD's own time: the kubelet's 4 minutes less the default timeout. */
export const undoMs = 25_000;
