import { type AttachmentKey, list, load } from "../../cni/attachments.ts";
import { allOk, type CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { networkNames } from "../../kube/definitions.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { type MetaPlaces, metaPlaces } from "./config/config.ts";
import { derive } from "./derive.ts";
import { type Carried, undo } from "./execute.ts";
import { withContainer } from "./locked.ts";
import { sandboxOf } from "./sandbox.ts";
import { findRecord, removeRecorded } from "./teardown.ts";

/**
 * DEL (CNI 1.1.0, section 2): undoes what the record says, whatever has become of the configuration, the definitions
 * and the namespace since; without a record, what the configuration lets us derive.
 */
export async function del(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const places = metaPlaces(invocation.config);
  const { containerId } = invocation.environment;
  return withContainer(sys, places.stateDir, containerId, () => delAlone(sys, places, invocation));
}

async function delAlone(
  sys: Sys,
  places: MetaPlaces,
  invocation: Invocation,
): Promise<Outcome<void, CniError>> {
  const { environment, config } = invocation;
  const { containerId, ifname } = environment;
  const own: AttachmentKey = { network: config.name, containerId, ifname };
  const first = findRecord(sys, places.stateDir, own);
  const key = first.kind === "none" ? (strandedKey(sys, places, own) ?? own) : own;
  const found = key === own ? first : findRecord(sys, places.stateDir, key);
  if (found.kind === "failed") return fail(found.error);
  if (found.kind !== "record") {
    const undone = await delUnrecorded(sys, invocation, own, found.kind === "torn");
    // Aside only now: a DEL that failed must find it torn again, and not missing.
    if (undone.ok && found.kind === "torn") load(sys, places.stateDir, own);
    return undone;
  }
  // The namespace is the runtime's to name, and an empty one means that it is gone; the rest is as it was on ADD.
  const sandbox = sandboxOf(sys, environment, places, { args: found.record.args });
  return removeRecorded(sys, places.stateDir, key, found.record, sandbox);
}

/**
 * The attachment's record under the name of a network that no configuration has any more: when a configuration is
 * swapped while a pod runs, containerd sends its DEL to the new network. Only where confDir is beyond doubt the runtime's:
 * all of it can be read, and the network that we are called for is in it.
 */
function strandedKey(sys: Sys, places: MetaPlaces, own: AttachmentKey): AttachmentKey | undefined {
  const isOther = ({ network, containerId, ifname }: AttachmentKey): boolean =>
    containerId === own.containerId && ifname === own.ifname && network !== own.network;
  const others = list(sys, places.stateDir, isOther);
  if (!others.ok || others.value.length === 0) return undefined;
  const configured = networkNames(sys, places.confDir);
  if (!configured?.includes(own.network)) return undefined;
  return others.value.find(({ key }) => !configured.includes(key.network))?.key;
}

async function delUnrecorded(
  sys: Sys,
  invocation: Invocation,
  key: AttachmentKey,
  torn: boolean,
): Promise<Outcome<void, CniError>> {
  const derived = await derive(sys, invocation, key, torn);
  if (!derived.ok) return derived;
  if (derived.value === undefined) return ok(undefined);
  const { config, plan } = derived.value;
  const carried = plan.map((step): Carried => ({ step, result: undefined }));
  return allOk(await undo(sys, carried, sandboxOf(sys, invocation.environment, config), config.parallel));
}
