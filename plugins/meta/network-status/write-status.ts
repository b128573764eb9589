import { type CniError, describe, within } from "../../../cni/errors.ts";
import type { CniResult } from "../../../cni/types.ts";
import { podPath } from "../../../kube/api-path.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { type AttachedNetwork, networkStatus, statusPatch } from "../../../kube/network-status.ts";
import type { PodIdentity } from "../../../kube/pod.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { MetaConfig } from "../config/config.ts";
import { informationOf } from "../execute/device-files.ts";
import type { Attached } from "../execute/execute.ts";
import type { AttachmentRecord } from "../record/record.ts";
import { noteUntold } from "./untold-note.ts";

/** What an ADD has made, for the network status. */
export interface MadeAttachments {
  readonly pod: PodIdentity;
  readonly isStatic: boolean;
  /** The result of the plugins before us. */
  readonly base: CniResult | undefined;
  readonly carried: readonly Attached[];
}

/** The API, if there is one, and until when it may be waited for. */
interface StatusWriter {
  readonly api: KubeClient | undefined;
  readonly deadlineMs: number;
}

/** How long a pod waits for its status, unless the status is `required`. */
const patienceMs = 2_000;

/**
 * Writes the pod's network-status annotation, by one request. Errors: with `"status": "required"` those of the client,
 * `status.size`; otherwise none, but a warning, and a note for the next operation that has the API.
 */
export async function tellStatus(
  sys: Sys,
  config: MetaConfig,
  record: AttachmentRecord,
  made: MadeAttachments,
  { api, deadlineMs }: StatusWriter,
): Promise<Outcome<void, CniError>> {
  const { pod, isStatic, base, carried } = made;
  const isRequired = config.status === "required";
  const untilMs = isRequired ? deadlineMs : Math.min(deadlineMs, sys.clock.monotonicMs() + patienceMs);
  const text = networkStatus(await networksOf(sys, config, base, carried));
  const written = text.ok ? await writeStatus(text.value, made, { api, deadlineMs: untilMs }) : text;
  if (written.ok) return ok(undefined);
  const error = within(`write the network status of pod ${pod.namespace}/${pod.name}`, written.error);
  if (isRequired) return fail(error);
  sys.warn(`hawser: ${describe(error)} [${error.id}]`);
  if (text.ok && !isStatic) noteUntold(sys, config.stateDir, record, pod, text.value, written.error);
  return ok(undefined);
}

async function writeStatus(
  text: string,
  { pod, isStatic }: MadeAttachments,
  { api, deadlineMs }: StatusWriter,
): Promise<Outcome<unknown, CniError>> {
  const path = `${podPath(pod.namespace, pod.name)}/status`;
  return (await api?.patch(path, statusPatch(text, pod, isStatic), deadlineMs)) ?? ok(undefined);
}

async function networksOf(
  sys: Sys,
  { network }: MetaConfig,
  base: CniResult | undefined,
  carried: readonly Attached[],
): Promise<AttachedNetwork[]> {
  const before = base === undefined ? [] : [{ name: network.name, isDefault: true, result: base }];
  const own = carried.map(async ({ step, result }): Promise<AttachedNetwork> => {
    // The attachment's own file counts first, because its plugins may have written it. Then comes the device plugin's
    // information.
    const deviceInfo = (await informationOf(sys, step)) ?? step.device?.info;
    return {
      // A network of the configuration itself has no definition: its name is the one in it.
      name: step.network.includes("/") ? step.network : step.chain.name,
      isDefault: step.role === "primary",
      result: result.result,
      ...(deviceInfo !== undefined && { deviceInfo }),
    };
  });
  return [...before, ...(await Promise.all(own))];
}
