import type { Chain, DelegateResult } from "../../../cni/chain.ts";
import { isObject, type Json, type JsonObject } from "../../../cni/json.ts";
import { parseResult } from "../../../cni/result.ts";
import { isVersion } from "../../../cni/version.ts";
import type { AssignedDevice } from "../../../kube/devices/assign.ts";
import type { PodIdentity } from "../../../kube/pod.ts";
import type { StepResult } from "../execute/execute.ts";
import type { Plan, Step } from "../plan/plan.ts";
import type { EarlyClaim } from "../plan/plan-claim.ts";
import type { Gateway, RouteChanges, RoutePlan } from "../routes/default-route.ts";
import type { KernelRoute } from "../routes/ip-route.ts";

/** DELs of one record that have failed. */
export interface Failures {
  readonly count: number;
  /** When the first of them did, in milliseconds since 1970. */
  readonly sinceMs: number;
}

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
  readonly carried: readonly StepResult[];
  /** Undefined when nobody asked for a default route, and in records of an older hawser. */
  readonly routes?: RecordedRoutes;
  /** Undefined before the first DEL that failed. */
  readonly failures?: Failures;
  /** Why DEL has given up what this record names. It lies beside the others then, for GC. */
  readonly leftOver?: string;
}

/** What the pod's default routes were to become, and what was, or was about to be, changed for it. */
export interface RecordedRoutes extends RouteChanges {
  readonly plan: RoutePlan;
}

const format = 1;

export function begun(about: Omit<AttachmentRecord, "phase" | "carried">, plan: Plan): AttachmentRecord {
  return { ...about, phase: "begun", carried: plan.map((step) => ({ step, result: undefined })) };
}

export function toDocument(record: AttachmentRecord): JsonObject {
  const { carried, pod, path, routes, failures, ...rest } = record;
  return {
    format,
    ...rest,
    ...(routes === undefined ? {} : { routes: routesDocument(routes) }),
    ...(failures === undefined ? {} : { failures: { ...failures } }),
    path: [...path],
    ...(pod === undefined ? {} : { pod: { ...pod } }),
    steps: carried.map(({ step, result, refused }) => ({
      role: step.role,
      network: step.network,
      ifname: step.ifname,
      chain: { ...step.chain, plugins: [...step.chain.plugins] },
      ...(step.args === undefined ? {} : { args: step.args }),
      ...(step.claim === undefined ? {} : { claim: { ...step.claim, to: [...step.claim.to] } }),
      ...(step.device === undefined ? {} : { device: { ...step.device } }),
      ...(step.deviceInfoFile === undefined ? {} : { deviceInfoFile: step.deviceInfoFile }),
      ...(result === undefined ? {} : { result: result.document }),
      ...(refused === undefined ? {} : { refused }),
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
  const routes = document.routes === undefined ? undefined : readRoutes(document.routes);
  if (routes === undefined && document.routes !== undefined) return undefined;
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
    ...(routes === undefined ? {} : { routes }),
    ...readFailures(document.failures),
    ...(typeof document.leftOver === "string" && { leftOver: document.leftOver }),
  };
}

function readFailures(value: Json | undefined): Pick<AttachmentRecord, "failures"> {
  if (!isObject(value) || typeof value.count !== "number" || typeof value.sinceMs !== "number") return {};
  return { failures: { count: value.count, sinceMs: value.sinceMs } };
}

function routesDocument({ plan, removed, added }: RecordedRoutes): JsonObject {
  const routeDocument = ({ family, words, devices }: KernelRoute): JsonObject => ({
    family,
    words: [...words],
    devices: [...devices],
  });
  return {
    plan: { gateways: plan.gateways.map((each) => ({ ...each })), withdrawn: [...plan.withdrawn] },
    removed: removed.map(routeDocument),
    added: added.map(routeDocument),
  };
}

function readRoutes(value: Json): RecordedRoutes | undefined {
  if (!isObject(value) || !isObject(value.plan)) return undefined;
  const gateways = readAll(value.plan.gateways, readGateway);
  const withdrawn = readAll(value.plan.withdrawn, readText);
  const removed = readAll(value.removed, readRoute);
  const added = readAll(value.added, readRoute);
  if (gateways === undefined || withdrawn === undefined) return undefined;
  if (removed === undefined || added === undefined) return undefined;
  return { plan: { gateways, withdrawn }, removed, added };
}

function readGateway(value: Json): Gateway | undefined {
  if (!isObject(value) || typeof value.address !== "string" || typeof value.ifname !== "string")
    return undefined;
  const { family, address, ifname } = value;
  return family === "4" || family === "6" ? { family, address, ifname } : undefined;
}

function readRoute(value: Json): KernelRoute | undefined {
  if (!isObject(value)) return undefined;
  const { family } = value;
  const words = readAll(value.words, readText);
  const devices = readAll(value.devices, readText);
  if ((family !== "4" && family !== "6") || words === undefined || devices === undefined) return undefined;
  return { family, words, devices };
}

function readText(value: Json): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** All of a list, or nothing. */
function readAll<T>(value: Json | undefined, read: (each: Json) => T | undefined): T[] | undefined {
  const all = Array.isArray(value) ? value.map(read) : [undefined];
  return all.every((each) => each !== undefined) ? all : undefined;
}

function readStep(value: Json): StepResult | undefined {
  if (!isObject(value)) return undefined;
  const { role, network, ifname } = value;
  const chain = readChain(value.chain);
  if ((role !== "primary" && role !== "secondary") || typeof network !== "string") return undefined;
  if (typeof ifname !== "string" || chain === undefined) return undefined;
  const { args, refused } = value;
  const own = { ...(typeof args === "string" && { args }), ...readClaim(value), ...readDevice(value) };
  const step: Step = { role, network, ifname, chain, ...own };
  const more = typeof refused === "string" ? { refused } : {};
  if (value.result === undefined) return { step, result: undefined, ...more };
  const result = readResult(value.result, chain);
  return result === undefined ? undefined : { step, result, ...more };
}

/** DEL needs no more of it than that there is one. */
function readClaim({ claim }: JsonObject): Pick<Step, "claim"> {
  if (!isObject(claim)) return {};
  const to = readAll(claim.to, (each) => (typeof each === "number" ? each : undefined)) ?? [];
  const { asked, inArgs } = claim;
  const own: EarlyClaim = {
    to,
    ...(typeof asked === "string" && { asked }),
    ...(inArgs === true && { inArgs }),
  };
  return { claim: own };
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
