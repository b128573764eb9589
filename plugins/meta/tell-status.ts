import { type CniError, describe, within } from "../../cni/errors.ts";
import type { JsonObject } from "../../cni/json.ts";
import type { CniResult } from "../../cni/types.ts";
import { podPath } from "../../kube/api-path.ts";
import type { KubeClient } from "../../kube/client.ts";
import { readDeviceInfo } from "../../kube/devices/device-info.ts";
import { type AttachedNetwork, networkStatus, statusPatch } from "../../kube/network-status.ts";
import type { PodIdentity } from "../../kube/pod.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import type { MetaConfig } from "./config/config.ts";
import type { Attached } from "./execute.ts";
import type { Step } from "./plan.ts";

/** What an ADD has made, to be told. */
export interface Standing {
  readonly pod: PodIdentity;
  readonly isStatic: boolean;
  /** What plugins before us have made. */
  readonly base: CniResult | undefined;
  readonly carried: readonly Attached[];
}

/** A pod that starts is worth more than its status; whoever wants it the other way round has `required`. */
const patienceMs = 2_000;

/**
 * Writes the pod's network-status annotation, by one request. Errors: with `"status": "required"` those of the client,
 * `status.size`; otherwise none, but a warning.
 */
export async function tellStatus(
  sys: Sys,
  config: MetaConfig,
  standing: Standing,
  deadlineMs: number,
  api: KubeClient | undefined,
): Promise<Outcome<void, CniError>> {
  const isRequired = config.status === "required";
  const untilMs = isRequired ? deadlineMs : Math.min(deadlineMs, sys.clock.monotonicMs() + patienceMs);
  const written = await writeStatus(sys, config, standing, untilMs, api);
  if (written.ok) return written;
  const { namespace, name } = standing.pod;
  const error = within(`write the network status of pod ${namespace}/${name}`, written.error);
  if (isRequired) return fail(error);
  sys.warn(`hawser: ${describe(error)} [${error.id}]`);
  return ok(undefined);
}

async function writeStatus(
  sys: Sys,
  config: MetaConfig,
  { pod, isStatic, base, carried }: Standing,
  deadlineMs: number,
  api: KubeClient | undefined,
): Promise<Outcome<void, CniError>> {
  const text = networkStatus(networksOf(sys, config, base, carried));
  if (!text.ok) return text;
  const path = `${podPath(pod.namespace, pod.name)}/status`;
  const patched = await api?.patch(path, statusPatch(text.value, pod, isStatic), deadlineMs);
  return patched === undefined || patched.ok ? ok(undefined) : patched;
}

function networksOf(
  sys: Sys,
  { network }: MetaConfig,
  base: CniResult | undefined,
  carried: readonly Attached[],
): AttachedNetwork[] {
  const before = base === undefined ? [] : [{ name: network.name, isDefault: true, result: base }];
  const own = carried.map(({ step, result }): AttachedNetwork => {
    const deviceInfo = deviceInfoOf(sys, step);
    return {
      // What the configuration itself holds has no definition's name, but that of its own network.
      name: step.network.includes("/") ? step.network : step.chain.name,
      isDefault: step.role === "primary",
      result: result.result,
      ...(deviceInfo !== undefined && { deviceInfo }),
    };
  });
  return [...before, ...own];
}

/** The attachment's own file, which its plugins may have written; else what the device plugin has told. */
function deviceInfoOf(sys: Sys, { deviceInfoFile, device }: Step): JsonObject | undefined {
  const told = deviceInfoFile === undefined ? undefined : readDeviceInfo(sys, deviceInfoFile);
  return told?.ok === true && told.value !== undefined ? told.value : device?.info;
}
