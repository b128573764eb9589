import { type AttachmentKey, list, sweepTemporary } from "../../cni/attachments.ts";
import { type CniError, describe } from "../../cni/errors.ts";
import { type Lock, lockContainer } from "../../cni/lock.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { findByNetworkName } from "../../kube/definitions.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { type MetaConfig, type MetaPlaces, metaPlaces, parseMetaConfig } from "./config.ts";
import type { Carried } from "./execute.ts";
import { readPrimary } from "./observe.ts";
import { type Plan, plan } from "./plan.ts";
import { prepare } from "./prepare.ts";
import { lockPatienceMs, sandboxOf } from "./sandbox.ts";
import { select } from "./select.ts";
import { findRecord, removeRecorded, undoSettled } from "./teardown.ts";

/**
 * DEL (CNI 1.1.0, section 2): undoes what the record says, whatever has become of the configuration, the definitions
 * and the namespace since; without a record, what the configuration lets us derive.
 */
export async function del(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const places = metaPlaces(invocation.config);
  if (!places.ok) return places;
  const { containerId } = invocation.environment;
  const lock = await lockContainer(sys, places.value.stateDir, containerId, lockPatienceMs);
  if (!lock.ok) return lock;
  try {
    return await delLocked(sys, places.value, invocation, lock.value);
  } finally {
    lock.value.release();
  }
}

async function delLocked(
  sys: Sys,
  places: MetaPlaces,
  invocation: Invocation,
  lock: Lock,
): Promise<Outcome<void, CniError>> {
  const { environment, config } = invocation;
  const { containerId, ifname } = environment;
  if (lock.inherited) sweepTemporary(sys, places.stateDir);
  const own: AttachmentKey = { network: config.name, containerId, ifname };
  const found = findRecord(sys, places.stateDir, own);
  const key = found.kind === "none" ? (strandedKey(sys, places, own) ?? own) : own;
  const stranded = key === own ? found : findRecord(sys, places.stateDir, key);
  if (stranded.kind !== "record") return delUnrecorded(sys, invocation, lock, stranded.kind === "torn");
  const { record } = stranded;
  // The namespace is the runtime's to name, and an empty one means that it is gone; the rest is as it was on ADD.
  const sandbox = sandboxOf(sys, environment, places, { args: record.args });
  return removeRecorded(sys, places.stateDir, key, record, sandbox, lock);
}

/**
 * The attachment's record under the name of a network that no configuration has any more: when a configuration is
 * swapped while a pod runs, containerd sends its DEL to the new network.
 */
function strandedKey(sys: Sys, places: MetaPlaces, own: AttachmentKey): AttachmentKey | undefined {
  const entries = list(sys, places.stateDir);
  if (!entries.ok) return undefined;
  const others = entries.value
    .map((entry) => entry.key)
    .filter(
      (key) =>
        key.containerId === own.containerId && key.ifname === own.ifname && key.network !== own.network,
    );
  return others.find((key) => {
    const configured = findByNetworkName(sys, places.confDir, key.network);
    return !configured.ok && configured.error.id === "kube.unknown-network";
  });
}

/** A pod from before we were installed, a second DEL, or a lost record. Every delegate's DEL bears being called. */
async function delUnrecorded(
  sys: Sys,
  invocation: Invocation,
  lock: Lock,
  torn: boolean,
): Promise<Outcome<void, CniError>> {
  const config = await parseMetaConfig(invocation.config);
  if (!config.ok) return config;
  const steps = derivePlan(sys, config.value, invocation);
  if (!steps.ok) return steps;
  const carried = steps.value.map((step): Carried => ({ step, result: undefined }));
  const sandbox = sandboxOf(sys, invocation.environment, config.value);
  const interrupted = lock.inherited || torn;
  return undoSettled(sys, config.value.stateDir, carried, sandbox, config.value.parallel, interrupted);
}

/** The plan that an ADD would have now; the primary alone when the pod's own networks cannot be told any more. */
function derivePlan(sys: Sys, config: MetaConfig, invocation: Invocation): Outcome<Plan, CniError> {
  const prepared = prepare(sys, config, invocation);
  if (prepared.ok) return ok(prepared.value.plan);
  sys.warn(`hawser: DEL without a record: only the primary network is deleted: ${describe(prepared.error)}`);
  const primary = readPrimary(sys, config);
  if (!primary.ok) return primary;
  const observed = { pod: undefined, primary: primary.value, wanted: [] };
  const selections = select(observed, { primary: invocation.environment.ifname, existing: [] });
  return selections.ok ? plan(config, selections.value) : selections;
}
