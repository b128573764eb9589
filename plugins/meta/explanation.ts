import { answers } from "../../cni/chain.ts";
import type { JsonObject } from "../../cni/json.ts";
import { type Verb, type Version, verbs } from "../../cni/version.ts";
import type { PodIdentity } from "../../kube/pod.ts";
import type { MetaConfig } from "./config/config.ts";
import { type RequestKind, requestedKinds } from "./config/permissions.ts";
import { type NotOurs, notOurs } from "./plan/native-types.ts";
import type { Step } from "./plan/plan.ts";
import type { Selection } from "./plan/select.ts";
import type { Prepared } from "./prepare.ts";
import type { RoutePlan } from "./routes/default-route.ts";

/** A plan as people read it: all that an ADD would do, and why. */
export interface Explanation {
  readonly network: string;
  /** Whether Hawser or a plugin before it makes the pod's first interface. */
  readonly primary: "hawser" | "a plugin before hawser";
  readonly pod: PodIdentity | undefined;
  readonly parallel: boolean;
  readonly result: "merged" | "primary";
  readonly attachments: readonly ExplainedAttachment[];
  /** The plan for the default routes after all attachments are made. Undefined: they stay as the networks make them. */
  readonly defaultRoutes?: RoutePlan;
}

export interface ExplainedAttachment {
  /** When it is made. Attachments that are made at once share a number. */
  readonly order: number;
  readonly role: Step["role"];
  readonly ifname: string;
  /** For people: `namespace/name`, or the primary's name. */
  readonly network: string;
  /** Whether the configuration or an annotation wants this attachment. */
  readonly origin: Selection["origin"];
  /** The request kinds that the pod uses for it, by their names in the configuration's `requests`. */
  readonly asked: readonly RequestKind[];
  /** The resource of which its definition wants a device. */
  readonly resource?: string;
  /** The ID of that device, if the kubelet knows the pod. */
  readonly deviceId?: string;
  /** The file that defines it; `delegate` for a primary inside of hawser's own configuration. */
  readonly source: string;
  readonly name: string;
  readonly cniVersion: Version;
  /** The verbs that its plugins are called with. */
  readonly verbs: readonly Verb[];
  /** The values of CNI_ARGS that hawser adds to the runtime's for ADD. */
  readonly args?: string;
  /** The MAC address that plugins are given although the pod does not ask for one. */
  readonly mac?: "identity";
  /** The types of plugins that hawser's own are run for. */
  readonly native?: readonly string[];
  /** The types that executables are run for only because of a field. */
  readonly executables?: readonly NotOurs[];
  /** The configuration that each of its plugins reads on stdin, without prevResult. */
  readonly plugins: readonly JsonObject[];
}

/** Tells a plan together with where it came from. */
export function explain(config: MetaConfig, prepared: Prepared): Explanation {
  const { parallel, result, network, primary } = config;
  const { routes } = prepared;
  const orders = ordersOf(prepared.plan, config);
  return {
    network: network.name,
    primary: primary.kind === "chained" ? "a plugin before hawser" : "hawser",
    pod: prepared.pod,
    parallel,
    result,
    ...(routes === undefined ? {} : { defaultRoutes: routes }),
    attachments: prepared.plan.map((step, index) => {
      return {
        ...explainStep(step, prepared.selections[index], orders[index] ?? 0),
        ...runners(config, step),
      };
    }),
  };
}

function runners(config: MetaConfig, { chain }: Step): Pick<ExplainedAttachment, "native" | "executables"> {
  const executables = config.native === "prefer" ? notOurs(chain) : [];
  return {
    ...(chain.native !== undefined && { native: chain.native }),
    ...(executables.length > 0 && { executables }),
  };
}

function ordersOf(plan: readonly Step[], { parallel }: MetaConfig): number[] {
  const primaries = plan.filter((step) => step.role === "primary").length;
  return plan.map((_, index) => (parallel ? Math.min(index, primaries) : index) + 1);
}

function explainStep(
  { role, ifname, network, chain, args, claim }: Step,
  selection: Selection | undefined,
  order: number,
): ExplainedAttachment {
  const { name, cniVersion, plugins } = chain;
  const { origin = "configuration", source = "", request, resource, device } = selection ?? {};
  const asked = verbs.filter((verb) => verb !== "VERSION" && answers(chain, verb));
  return {
    order,
    role,
    ifname,
    network,
    origin,
    asked: request === undefined ? [] : requestedKinds(request, role).filter((kind) => kind !== "interface"),
    ...(resource !== undefined && { resource }),
    ...(device !== undefined && { deviceId: device.id }),
    source,
    name,
    cniVersion,
    // One pod's choice must not make the node unready, so STATUS leaves it out.
    verbs: asked.filter((verb) => verb !== "STATUS" || origin === "configuration"),
    ...(args !== undefined && { args }),
    ...(claim !== undefined && claim.to.length > 0 && { mac: "identity" }),
    plugins,
  };
}
