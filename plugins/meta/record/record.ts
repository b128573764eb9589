import type { Chain } from "../../../cni/chain.ts";
import { isObject, type Json, type JsonObject } from "../../../cni/json.ts";
import {
  anyObject,
  isNot,
  isText,
  lenient,
  list,
  maybe,
  must,
  number,
  object,
  oneOf,
  onlyTrue,
  type Reader,
  readWhole,
  refuse,
  text,
  usually,
} from "../../../cni/readers.ts";
import { parseResult } from "../../../cni/result.ts";
import { isVersion } from "../../../cni/version.ts";
import type { AssignedDevice } from "../../../kube/devices/assign.ts";
import type { PodIdentity } from "../../../kube/pod.ts";
import type { StepResult } from "../execute/execute.ts";
import type { Plan, Step } from "../plan/plan.ts";
import type { EarlyClaim } from "../plan/plan-claim.ts";
import type { RouteChanges, RoutePlan } from "../routes/default-route.ts";
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
  /** Why DEL has given up the steps of this record. The record then lies beside the others, for GC. */
  readonly leftOver?: string;
}

/** The plan for the pod's default routes, and the changes that were made for it or were about to be made. */
export interface RecordedRoutes extends RouteChanges {
  readonly plan: RoutePlan;
}

const format = 1;

/** The record of an ADD before its first delegate runs. */
export function begun(about: Omit<AttachmentRecord, "phase" | "carried">, plan: Plan): AttachmentRecord {
  requireOrder(plan);
  return { ...about, phase: "begun", carried: plan.map((step) => ({ step, result: undefined })) };
}

/** DEL undoes the steps in reverse, and tells them apart by their interfaces. */
function requireOrder(plan: Plan): void {
  if (plan.slice(1).some(({ role }) => role === "primary"))
    throw new Error("the primary is not the first step: a bug");
  const names = plan.map(({ ifname }) => ifname);
  if (new Set(names).size < names.length)
    throw new Error(`two steps make one interface (${names.join(", ")}): a bug`);
}

/**
 * The record as it is kept. One that DEL could not read is a bug, and is not written: it would take the place of a record that
 * DEL can read. Results are left out of that look: each was read as a record's is when its delegate answered. A field that DEL
 * can do without may read back as absent. No pod is refused for it, so the readers below are held to the types instead.
 */
export function toDocument(record: AttachmentRecord): JsonObject {
  const document = documentOf(record);
  const steps = document.steps.map(({ result: _result, ...step }) => step);
  if (fromDocument({ ...document, steps }) === undefined)
    throw new Error(
      `the record of container ${record.containerId} would not read back as it is written: a bug`,
    );
  return document;
}

/** A reader for each field of a type, optional ones too: a new field that has none does not compile. */
type ReadersOf<T> = { readonly [K in keyof Required<T>]: unknown };

function documentOf(record: AttachmentRecord) {
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
      chain: chainDocument(step.chain),
      ...(step.args === undefined ? {} : { args: step.args }),
      ...(step.claim === undefined ? {} : { claim: { ...step.claim, to: [...step.claim.to] } }),
      ...(step.device === undefined ? {} : { device: { ...step.device } }),
      ...(step.deviceInfoFile === undefined ? {} : { deviceInfoFile: step.deviceInfoFile }),
      ...(result === undefined ? {} : { result: result.document }),
      ...(refused === undefined ? {} : { refused }),
    })),
  };
}

function chainDocument({ native, plugins, ...rest }: Chain): JsonObject {
  return { ...rest, ...(native === undefined ? {} : { native: [...native] }), plugins: [...plugins] };
}

/** Undefined when the document is not a record that this version understands. */
export function fromDocument(document: JsonObject): AttachmentRecord | undefined {
  const read = readWhole(record, document);
  if (read === undefined) return undefined;
  const { format: _format, pod, steps: carried, routes, failures, leftOver, ...rest } = read;
  return {
    ...rest,
    pod,
    carried,
    ...(routes !== undefined && { routes }),
    ...(failures !== undefined && { failures }),
    ...(leftOver !== undefined && { leftOver }),
  };
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

/** Reads a field that counts as absent if it is wrong: a record is good for a DEL without it. */
const softText = lenient(text);
const softTrue = usually(false, (value) => value === true);

const family = oneOf(["4", "6"], isNot("a family"));
const kernelRoute = object({
  family,
  words: list(text),
  devices: list(text),
} satisfies ReadersOf<KernelRoute>);
const routes = object({
  plan: object({
    gateways: list(object({ family, address: text, ifname: text })),
    withdrawn: list(text),
  }),
  removed: list(kernelRoute),
  added: list(kernelRoute),
});

const chain = object({
  name: text,
  cniVersion: must(isVersion, isNot("a version")),
  disableCheck: softTrue,
  disableGC: softTrue,
  // Records from before there were plugins of ours have none.
  native: maybe(lenient(list(text))),
  plugins: must(
    (value): value is JsonObject[] => Array.isArray(value) && value.length > 0 && value.every(isObject),
    isNot("an array of plugins"),
  ),
} satisfies ReadersOf<Chain>);

/** DEL needs to know only that there is a claim. */
const claim = object({
  to: usually([], (value) => readWhole(list(number), value)),
  asked: maybe(softText),
  inArgs: maybe(lenient(onlyTrue)),
} satisfies ReadersOf<EarlyClaim>);

/** Other fields of a device stay as they are. */
const device = must(isDevice, isNot("a device"));
function isDevice(value: Json): value is JsonObject & AssignedDevice {
  if (!isObject(value) || !isText(value.resource) || !isText(value.id)) return false;
  return value.info === undefined || isObject(value.info);
}

const stepFields = object({
  role: oneOf(["primary", "secondary"], isNot("a role")),
  network: text,
  ifname: text,
  chain,
  args: maybe(softText),
  claim: maybe(lenient(claim)),
  // Records from before devices were known have none.
  device: maybe(lenient(device)),
  deviceInfoFile: maybe((value) => (isText(value) && value.startsWith("/") ? value : undefined)),
  result: maybe(anyObject),
  refused: maybe(softText),
} satisfies ReadersOf<Step & Omit<StepResult, "step">>);

const step: Reader<StepResult> = (value, place, notes) => {
  const read = stepFields(value, place, notes);
  if (read === undefined) return undefined;
  const { result: document, refused, ...step } = read;
  const more = refused === undefined ? {} : { refused };
  if (document === undefined) return { step, result: undefined, ...more };
  const parsed = parseResult(document, step.chain.cniVersion);
  if (!parsed.ok) return refuse(notes, `${place}.result`, parsed.error);
  return { step, result: { document, result: parsed.value.result }, ...more };
};

const pod = {
  namespace: text,
  name: text,
  uid: maybe(softText),
  infraContainerId: maybe(softText),
} satisfies ReadersOf<PodIdentity>;

const record = object({
  format: must((value): value is typeof format => value === format, isNot("a known format")),
  phase: oneOf(["begun", "committed"], isNot("a phase")),
  network: text,
  containerId: text,
  ifname: text,
  netns: usually("", softText),
  args: usually("", softText),
  path: usually([], lenient(list(text))),
  pod: maybe(lenient(object(pod))),
  parallel: softTrue,
  reported: usually("merged", lenient(oneOf(["merged", "primary"], isNot("what is reported")))),
  sinceMs: usually(0, lenient(number)),
  steps: list(step),
  routes: maybe(routes),
  failures: maybe(lenient(object({ count: number, sinceMs: number } satisfies ReadersOf<Failures>))),
  leftOver: maybe(softText),
} satisfies ReadersOf<Omit<AttachmentRecord, "carried"> & { format: 1; steps: unknown }>);
