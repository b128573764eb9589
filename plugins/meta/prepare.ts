import { type CniError, failWith } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { parseResult } from "../../cni/result.ts";
import { spellResult } from "../../cni/spelling.ts";
import type { CniResult } from "../../cni/types.ts";
import type { KubeClient } from "../../kube/client.ts";
import type { PodIdentity } from "../../kube/pod.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import type { MetaConfig } from "./config/config.ts";
import type { DeviceMode } from "./observe/devices.ts";
import { observe, observeEveryPods } from "./observe/observe.ts";
import { type Plan, plan } from "./plan/plan.ts";
import { type Selection, select } from "./plan/select.ts";
import { planRoutes, type RoutePlan } from "./routes/default-route.ts";

/** What an ADD is about to do, decided before its first effect. */
export interface Prepared {
  readonly pod: PodIdentity | undefined;
  /** A file of the node defines the pod; in the API it has another uid. */
  readonly isStatic?: boolean;
  /** The result of the plugins before us; undefined when the primary is ours. */
  readonly base: CniResult | undefined;
  readonly selections: readonly Selection[];
  readonly plan: Plan;
  /** Undefined when nobody asks for a default route. */
  readonly routes: RoutePlan | undefined;
  /** For people: the parts that the plan lacks because only the API knows them, and the API was not to be asked. */
  readonly notAsked: readonly string[];
}

/**
 * Observes, selects and plans: the whole way from a configuration to its steps, without an effect. Without an API client it asks
 * nothing outside of the node.
 */
export async function prepare(
  sys: Sys,
  config: MetaConfig,
  invocation: Invocation,
  api: KubeClient | undefined,
  devices: DeviceMode,
): Promise<Outcome<Prepared, CniError>> {
  const base = readBase(config);
  if (!base.ok) return base;
  const observed = await observe(sys, config, invocation, api, devices);
  if (!observed.ok) return observed;
  const { netns, ifname, containerId } = invocation.environment;
  const existing = (base.value?.interfaces ?? []).filter(
    (each) => each.sandbox === netns && each.name !== ifname,
  );
  const selections = select(observed.value.wanted, {
    primary: ifname,
    existing: existing.map((each) => each.name),
  });
  if (!selections.ok) return selections;
  const planned = plan(config, selections.value, containerId);
  if (!planned.ok) return planned;
  const routes = planRoutes(selections.value);
  if (!routes.ok) return routes;
  const { pod, isStatic, notAsked } = observed.value;
  return ok({
    pod,
    isStatic,
    base: base.value,
    selections: selections.value,
    plan: planned.value,
    routes: routes.value,
    notAsked,
  });
}

/** The steps that every pod gets, under stand-in interface names. */
export async function planEveryPods(sys: Sys, config: MetaConfig): Promise<Outcome<Plan, CniError>> {
  const wanted = await observeEveryPods(sys, config);
  if (!wanted.ok) return wanted;
  const selections = select(wanted.value, { primary: "eth0", existing: [] });
  return selections.ok ? plan(config, selections.value, undefined) : selections;
}

/** When chained: the result of the plugins before us. A DEL may come without one. */
function readBase({ primary, prevResult, network }: MetaConfig): Outcome<CniResult | undefined, CniError> {
  if (primary.kind !== "chained" || prevResult === undefined) return ok(undefined);
  const parsed = parseResult(spellResult(prevResult), network.cniVersion);
  if (parsed.ok) return ok(parsed.value.result);
  return failWith("invalidConfig", "config.prev-result", `read prevResult: ${parsed.error}`);
}
