import type { Chain, DelegateResult } from "../../cni/chain.ts";
import { isObject, type Json, type JsonObject } from "../../cni/json.ts";
import { parseResult } from "../../cni/result.ts";
import { isVersion } from "../../cni/version.ts";
import type { AssignedDevice } from "../../kube/devices/assign.ts";
import type { PodIdentity } from "../../kube/pod.ts";
import type { Carried } from "./execute.ts";
import type { Plan, Step } from "./plan.ts";

/** What the node remembers of one container's attachments: enough for DEL, CHECK and GC without anything else. */
export interface AttachmentRecord {
  readonly phase: "begun" | "committed";
  readonly network: string;
  readonly containerId: string;
  readonly ifname: string;
  readonly netns: string;
  /** CNI_ARGS of the ADD: CHECK and DEL hand delegates the same. */
  readonly args: string;
  /** Where ADD looked for plugins. */
  readonly path: readonly string[];
  readonly pod: PodIdentity | undefined;
  readonly parallel: boolean;
  /** Whether the runtime was told of all interfaces or of the primary's only. */
  readonly reported: "merged" | "primary";
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
  readonly carried: readonly Carried[];
}

const format = 1;

export function begun(about: Omit<AttachmentRecord, "phase" | "carried">, plan: Plan): AttachmentRecord {
  return { ...about, phase: "begun", carried: plan.map((step) => ({ step, result: undefined })) };
}

export function toDocument(record: AttachmentRecord): JsonObject {
  const { carried, pod, path, ...rest } = record;
  return {
    format,
    ...rest,
    path: [...path],
    ...(pod === undefined ? {} : { pod: { ...pod } }),
    steps: carried.map(({ step, result }) => ({
      role: step.role,
      network: step.network,
      ifname: step.ifname,
      chain: { ...step.chain, plugins: [...step.chain.plugins] },
      ...(step.args === undefined ? {} : { args: step.args }),
      ...(step.device === undefined ? {} : { device: { ...step.device } }),
      ...(step.deviceInfoFile === undefined ? {} : { deviceInfoFile: step.deviceInfoFile }),
      ...(result === undefined ? {} : { result: result.document }),
    })),
  };
}

/** Undefined when the document is not a record that this version understands. */
export function fromDocument(document: JsonObject): AttachmentRecord | undefined {
  const { phase, network, containerId, ifname, netns, args, path, parallel, reported, sinceMs, steps } =
    document;
  if (document.format !== format || (phase !== "begun" && phase !== "committed")) return undefined;
  if (typeof network !== "string" || typeof containerId !== "string" || typeof ifname !== "string")
    return undefined;
  if (!Array.isArray(steps)) return undefined;
  const carried = steps.map(readStep);
  if (!carried.every((each) => each !== undefined)) return undefined;
  return {
    phase,
    network,
    containerId,
    ifname,
    netns: typeof netns === "string" ? netns : "",
    args: typeof args === "string" ? args : "",
    path: Array.isArray(path) ? path.filter((folder) => typeof folder === "string") : [],
    pod: readPod(document.pod),
    parallel: parallel === true,
    reported: reported === "primary" ? "primary" : "merged",
    sinceMs: typeof sinceMs === "number" ? sinceMs : 0,
    carried,
  };
}

function readStep(value: Json): Carried | undefined {
  if (!isObject(value)) return undefined;
  const { role, network, ifname } = value;
  const chain = readChain(value.chain);
  if ((role !== "primary" && role !== "secondary") || typeof network !== "string") return undefined;
  if (typeof ifname !== "string" || chain === undefined) return undefined;
  const { args } = value;
  const own = { ...(typeof args === "string" && { args }), ...readDevice(value) };
  const step: Step = { role, network, ifname, chain, ...own };
  if (value.result === undefined) return { step, result: undefined };
  const result = readResult(value.result, chain);
  return result === undefined ? undefined : { step, result };
}

/** Records from before devices were known have none. */
function readDevice({ device, deviceInfoFile: file }: JsonObject): Pick<Step, "device" | "deviceInfoFile"> {
  return {
    ...(isDevice(device) && { device }),
    ...(typeof file === "string" && file.startsWith("/") && { deviceInfoFile: file }),
  };
}

function isDevice(value: Json | undefined): value is JsonObject & AssignedDevice {
  return isObject(value) && typeof value.resource === "string" && typeof value.id === "string";
}

function readResult(document: Json, chain: Chain): DelegateResult | undefined {
  if (!isObject(document)) return undefined;
  const parsed = parseResult(document, chain.cniVersion);
  return parsed.ok ? { document, result: parsed.value.result } : undefined;
}

function readChain(value: Json | undefined): Chain | undefined {
  if (!isObject(value)) return undefined;
  const { name, cniVersion, disableCheck, disableGC, plugins } = value;
  if (typeof name !== "string" || !isVersion(cniVersion) || !Array.isArray(plugins)) return undefined;
  if (plugins.length === 0 || !plugins.every(isObject)) return undefined;
  return { name, cniVersion, disableCheck: disableCheck === true, disableGC: disableGC === true, plugins };
}

function readPod(value: Json | undefined): PodIdentity | undefined {
  if (!isObject(value) || typeof value.namespace !== "string" || typeof value.name !== "string")
    return undefined;
  const { namespace, name, uid } = value;
  return { namespace, name, ...(typeof uid === "string" ? { uid } : {}) };
}
