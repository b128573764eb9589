import { type AttachmentKey, list, type RecordEntry, setAside } from "../../cni/attachments.ts";
import { allOk, type CniError, codes, describe } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { hasTombstone, setTombstone } from "../../cni/tombstones.ts";
import { networkNames } from "../../kube/definition-files.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { type MetaTeardown, metaTeardown } from "./config/config.ts";
import { parseMetaConfig } from "./config/parse.ts";
import { derive, type MissingRecord } from "./del-unrecorded.ts";
import { type Left, type StepResult, undo } from "./execute/execute.ts";
import { runtimeConfOf } from "./execute/runtime-conf.ts";
import type { Plan } from "./plan/plan.ts";
import { prepare } from "./prepare.ts";
import { withContainer } from "./record/container-lock.ts";
import { findRecord, removeRecorded } from "./undo/teardown.ts";
import { undoOtherwise } from "./undo/undo-otherwise.ts";

/**
 * DEL (CNI 1.1.0, section 2): undoes what the record says, whatever has become of the configuration, the definitions
 * and the namespace since; without a record, what the configuration lets us derive.
 */
export async function del(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const teardown = metaTeardown(invocation.config);
  const { containerId } = invocation.environment;
  return withContainer(sys, teardown.stateDir, containerId, () => delAlone(sys, teardown, invocation));
}

async function delAlone(
  sys: Sys,
  teardown: MetaTeardown,
  invocation: Invocation,
): Promise<Outcome<void, CniError>> {
  const { environment, config } = invocation;
  const { containerId, ifname } = environment;
  const own: AttachmentKey = { network: config.name, containerId, ifname };
  const first = findRecord(sys, teardown.stateDir, own);
  if (first.kind === "none" && hasTombstone(sys, teardown.stateDir, own)) return ok(undefined);
  const key = first.kind === "none" ? (strandedKey(sys, teardown, own) ?? own) : own;
  const found = key === own ? first : findRecord(sys, teardown.stateDir, key);
  if (found.kind === "failed") return fail(found.error);
  if (found.kind !== "record") {
    const undone = await delUnrecorded(sys, invocation, own, found.kind);
    // The record is set aside only now. If this DEL had failed, the next one would have to find the record torn, and not
    // missing.
    if (undone.ok && found.kind === "torn") setAside(sys, teardown.stateDir, key);
    return undone;
  }
  // The runtime names the namespace; an empty name means that it is gone. Everything else is as it was on ADD.
  const runtimeConf = runtimeConfOf(sys, environment, teardown, { args: found.record.args });
  const planNow = (): Promise<Plan> => planByConfig(sys, invocation);
  const removed = await removeRecorded(
    sys,
    teardown.stateDir,
    { key, record: found.record },
    runtimeConf,
    planNow,
  );
  if (removed.ok && key !== own) setTombstone(sys, teardown.stateDir, own);
  return removed;
}

/** The plan that an ADD of this pod would have now, as far as this node itself knows. Empty if the ADD would fail. */
async function planByConfig(sys: Sys, invocation: Invocation): Promise<Plan> {
  const config = await parseMetaConfig(invocation.config);
  const prepared = config.ok ? await prepare(sys, config.value, invocation, undefined, "known") : config;
  return prepared.ok ? prepared.value.plan : [];
}

/**
 * The attachment's record under the name of a network that no configuration has any more: when a configuration is
 * swapped while a pod runs, containerd sends its DEL to the new network. Only where confDir is beyond doubt the runtime's:
 * all of it can be read, and it has the network that we are called for.
 */
function strandedKey(sys: Sys, teardown: MetaTeardown, own: AttachmentKey): AttachmentKey | undefined {
  const isOther = ({ network, containerId, ifname }: AttachmentKey): boolean =>
    containerId === own.containerId && ifname === own.ifname && network !== own.network;
  const others = list(sys, teardown.stateDir, isOther);
  if (!others.ok || others.value.length === 0) return undefined;
  const configured = networkNames(sys, teardown.confDir);
  if (!configured?.includes(own.network)) return undefined;
  const isAttachment = ({ state }: RecordEntry): boolean => state.kind !== "left-over";
  return others.value.find((each) => isAttachment(each) && !configured.includes(each.key.network))?.key;
}

async function delUnrecorded(
  sys: Sys,
  invocation: Invocation,
  key: AttachmentKey,
  record: MissingRecord,
): Promise<Outcome<void, CniError>> {
  const derived = await derive(sys, invocation, key, record);
  if (!derived.ok) return derived;
  if (derived.value === undefined) return ok(undefined);
  const { config, plan, asked, isWhole } = derived.value;
  const runtimeConf = runtimeConfOf(sys, invocation.environment, config);
  const carried = plan.map((step): StepResult => ({ step, result: undefined }));
  const left = await undo(sys, carried, runtimeConf, { parallel: config.parallel, past: "unattached" });
  const still = left.length === 0 ? left : await undoOtherwise(sys, left, runtimeConf, undefined);
  // A pod's own choice must not keep the pod from going away. A failure that will pass is waited for.
  const isPassedOver = ({ carried: each, error }: Left): boolean =>
    record === "none" && asked.has(each.step.ifname) && error.code !== codes.tryAgainLater;
  for (const { error } of still.filter(isPassedOver)) {
    sys.warn(`hawser: DEL of container ${key.containerId} without a record: passed over: ${describe(error)}`);
  }
  if (still.length === 0 && isWhole && record === "none") setTombstone(sys, config.stateDir, key);
  return allOk(still.filter((each) => !isPassedOver(each)).map(({ error }) => error));
}
