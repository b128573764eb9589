import type { AttachmentKey } from "../../cni/attachments.ts";
import { requirePlugins } from "../../cni/chain.ts";
import { type CniError, describe, failWith } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import type { MetaConfig } from "./config/config.ts";
import { parseMetaConfig, salvageMetaConfig } from "./config/parse.ts";
import { runtimeConfOf } from "./execute/runtime-conf.ts";
import { observePrimary } from "./observe/observe.ts";
import { type Plan, plan } from "./plan/plan.ts";
import { select } from "./plan/select.ts";
import { type Prepared, prepare } from "./prepare.ts";
import { interfacesOfOthers } from "./undo/teardown.ts";

/** Why DEL has no record. After a torn one something is certainly left of the attachment. */
export type MissingRecord = "none" | "torn";

/** The plan that a DEL without a record undoes. */
export interface Derived {
  readonly config: MetaConfig;
  readonly plan: Plan;
  /** The interfaces of networks that the pod's author asked for, not the operator. */
  readonly asked: ReadonlySet<string>;
  /** Whether the plan has everything that may have been attached. */
  readonly isWhole: boolean;
}

/**
 * The plan of a DEL without a record: of a pod from before Hawser was installed, of a second DEL, or after a record was lost. It
 * is what an ADD would do now, as far as this node itself knows. If the pod's own networks are not known any more, it is the
 * primary alone. Undefined when nothing is known, because the configuration is broken or gone. Only after a torn record that
 * is an error.
 */
export async function derive(
  sys: Sys,
  invocation: Invocation,
  key: AttachmentKey,
  record: MissingRecord,
): Promise<Outcome<Derived | undefined, CniError>> {
  const config = await parseMetaConfig(invocation.config);
  const whole = config.ok ? await prepare(sys, config.value, invocation, undefined, "known") : config;
  if (config.ok && whole.ok) {
    warnOfLeftOut(sys, key, whole.value.notAsked);
    const { plan: all, selections, notAsked } = whole.value;
    const steps = record === "torn" ? all : installed(sys, config.value, invocation, whole.value);
    const asked = new Set(
      selections.flatMap(({ origin, ifname }) => (origin === "annotation" ? ifname : [])),
    );
    const isWhole = notAsked.length === 0 && steps.length === all.length;
    return withoutOthers(sys, key, { config: config.value, plan: steps, asked, isWhole });
  }
  const why = whole.ok ? "" : describe(whole.error);
  const salvaged = config.ok ? config.value : await salvageMetaConfig(invocation.config);
  const primary = salvaged === undefined ? undefined : await planPrimary(sys, salvaged, key);
  if (salvaged === undefined || primary === undefined || !primary.ok) {
    if (record === "torn") return nothingKnown(key, why);
    sys.warn(
      `hawser: DEL of container ${key.containerId}: there is no record, and nothing can be derived: ${why}`,
    );
    return ok(undefined);
  }
  sys.warn(
    `hawser: DEL of container ${key.containerId} without a record: only the primary is deleted: ${why}`,
  );
  return withoutOthers(sys, key, { config: salvaged, plan: primary.value, asked: new Set(), isWhole: false });
}

/** A DEL never waits for the API: it may be gone for good, and the runtime would repeat the DEL for ever. */
function warnOfLeftOut(sys: Sys, { containerId }: AttachmentKey, notAsked: readonly string[]): void {
  if (notAsked.length === 0) return;
  const what = notAsked.join(", ");
  sys.warn(
    `hawser: DEL of container ${containerId} without a record: not known here, and so not deleted: ${what}`,
  );
}

/**
 * The steps whose plugins are installed. An ADD does not begin while a plugin is missing, so nothing of such a network can be
 * left, and a pod's own choice must not keep the pod from going away. A network of the operator's own choice stays in the plan.
 */
function installed(
  sys: Sys,
  config: MetaConfig,
  { environment }: Invocation,
  { plan: steps, selections }: Prepared,
): Plan {
  const { path } = runtimeConfOf(sys, environment, config);
  return steps.filter((step, index) => {
    if (selections[index]?.origin !== "annotation") return true;
    const present = requirePlugins(sys, step.chain, path);
    if (!present.ok) {
      sys.warn(
        `hawser: DEL of container ${environment.containerId} without a record: network ${step.network} is passed over: ${describe(present.error)}`,
      );
    }
    return present.ok;
  });
}

async function planPrimary(
  sys: Sys,
  config: MetaConfig,
  { ifname, containerId }: AttachmentKey,
): Promise<Outcome<Plan, CniError>> {
  const primary = await observePrimary(sys, config);
  if (!primary.ok) return primary;
  const selections = select(primary.value, { primary: ifname, existing: [] });
  return selections.ok ? plan(config, selections.value, containerId) : selections;
}

/** Leaves out the interfaces of the container's other records: their own DEL undoes them. */
function withoutOthers(sys: Sys, key: AttachmentKey, derived: Derived): Outcome<Derived, CniError> {
  const taken = interfacesOfOthers(sys, derived.config.stateDir, key);
  if (!taken.ok) return taken;
  return ok({ ...derived, plan: derived.plan.filter((step) => !taken.value.has(step.ifname)) });
}

function nothingKnown(key: AttachmentKey, why: string): Outcome<never, CniError> {
  return failWith(
    "records",
    "attachments.lost",
    `DEL of container ${key.containerId}: its record is torn, and what it said cannot be derived: ${why}`,
    "Mend the configuration and let the runtime try again; hawser doctor names the torn file.",
  );
}
