import { type AttachmentKey, forget, load, save } from "../../cni/attachments.ts";
import { printResult } from "../../cni/convert.ts";
import type { RuntimeConf } from "../../cni/delegate.ts";
import { type CniError, describe, failWith, within } from "../../cni/errors.ts";
import type { JsonObject } from "../../cni/json.ts";
import type { Lock } from "../../cni/lock.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { removeTombstone, setTombstone } from "../../cni/tombstones.ts";
import type { CniResult } from "../../cni/types.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import type { MetaConfig } from "./config/config.ts";
import { requireGiver } from "./execute/early-claim.ts";
import { type Attached, execute, type StepResult, stepLabel, undo } from "./execute/execute.ts";
import { requireStep } from "./execute/require-step.ts";
import { undoMs } from "./execute/runtime-conf.ts";
import { merge } from "./plan/merge.ts";
import { acceptConfig, type PlannedAdd, planAdd, runtimesAdd } from "./plan-add.ts";
import type { Prepared } from "./prepare.ts";
import { passCollection, withContainer } from "./record/container-lock.ts";
import { type AttachmentRecord, begun, type RecordedRoutes, toDocument } from "./record/record.ts";
import { requireFamilies } from "./routes/default-route.ts";
import { severalDefaultRoutes } from "./routes/several.ts";
import { forgetWholly, interfacesOfOthers, undoRoutes } from "./undo/teardown.ts";
import { undoOtherwise } from "./undo/undo-otherwise.ts";

/** What one ADD works with, from its first effect on. */
interface Operation extends PlannedAdd {
  readonly key: AttachmentKey;
}

/** The record of an ADD whose delegates have all succeeded. */
interface AttachedRecord extends AttachmentRecord {
  readonly carried: readonly Attached[];
}

/** ADD (CNI 1.1.0, section 2): everything is planned and recorded before the first delegate runs. */
export async function add(sys: Sys, invocation: Invocation): Promise<Outcome<CniResult, CniError>> {
  const config = await acceptConfig(invocation.config);
  if (!config.ok) return config;
  const planned = await planAdd(sys, config.value, invocation, runtimesAdd);
  if (!planned.ok) return planned;
  const { containerId, ifname } = invocation.environment;
  const operation = { ...planned.value, key: { network: invocation.config.name, containerId, ifname } };
  const present = requireAll(sys, operation);
  if (!present.ok) return present;
  const added = await withContainer(sys, config.value.stateDir, containerId, (lock) =>
    addAlone(sys, operation, lock),
  );
  if (added.ok) await tellOthers(sys, operation);
  return added;
}

/** How many statuses of other pods an ADD writes that could not be written before, and how much time it gives to that. */
const othersAtOnce = 4;
const othersMs = 500;

/** The API seems to answer: pods that had to start without their status get it now. */
async function tellOthers(sys: Sys, { config, key, runtimeConf, api }: Operation): Promise<void> {
  if (api === undefined || config.status === "off") return;
  const { tellUntold } = await import("./network-status/untold.ts");
  const deadlineMs = Math.min(runtimeConf.deadlineMs, sys.clock.monotonicMs() + othersMs);
  await tellUntold(sys, config.stateDir, api, { own: key, count: othersAtOnce, deadlineMs });
}

/** An ADD does not begin while an executable of its plan is missing. */
function requireAll(sys: Sys, { config, key, prepared, runtimeConf }: Operation): Outcome<void, CniError> {
  const present = findAll(sys, config, prepared, runtimeConf);
  // The tombstone keeps DEL from deriving this plan: it would miss the same executable, and fail for ever.
  if (!present.ok && load(sys, config.stateDir, key).kind === "none") setTombstone(sys, config.stateDir, key);
  return present;
}

function findAll(
  sys: Sys,
  config: MetaConfig,
  { plan }: Prepared,
  { path }: RuntimeConf,
): Outcome<void, CniError> {
  for (const step of plan) {
    const all = requireStep(sys, step, path, config.native);
    const present = all.ok ? requireGiver(sys, step, path) : all;
    if (!present.ok) return fail(within(`attach ${stepLabel(step)}`, present.error));
  }
  return ok(undefined);
}

async function addAlone(sys: Sys, operation: Operation, lock: Lock): Promise<Outcome<CniResult, CniError>> {
  const { config, key, prepared, runtimeConf } = operation;
  if (load(sys, config.stateDir, key).kind !== "none") return alreadyThere(key);
  const taken = takenByOthers(sys, operation);
  if (!taken.ok) return taken;
  const record = begun(
    {
      ...key,
      netns: runtimeConf.netns,
      args: runtimeConf.args,
      path: runtimeConf.path,
      pod: prepared.pod,
      parallel: config.parallel,
      reported: config.result,
      sinceMs: sys.clock.nowMs(),
    },
    prepared.plan,
  );
  removeTombstone(sys, config.stateDir, key);
  const written = save(sys, config.stateDir, key, toDocument(record), "begin");
  if (!written.ok) {
    // The record may be on disk although its write failed, and perhaps no DEL comes for it.
    forget(sys, config.stateDir, key);
    return written;
  }
  const passed = await passCollection(sys, lock);
  if (!passed.ok) return rollBack(sys, operation, { ...record, carried: [] }, passed.error);
  const executed = await execute(sys, prepared.plan, runtimeConf, config);
  if (!executed.ok) return rollBack(sys, operation, { ...record, carried: executed.touched }, executed.error);
  const attached = { ...record, carried: executed.value };
  const planned = await planChanges(sys, operation, executed.value);
  if (!planned.ok) return rollBack(sys, operation, attached, planned.error);
  const routed = planned.value === undefined ? attached : { ...attached, routes: planned.value };
  const changed = await changeRoutes(sys, operation, routed);
  const finished = changed.ok ? await finish(sys, operation, routed) : changed;
  return finished.ok ? finished : rollBack(sys, operation, routed, finished.error);
}

/** Commits the record of what was attached, and then writes the pod's status, if the configuration wants that. */
async function finish(
  sys: Sys,
  operation: Operation,
  record: AttachedRecord,
): Promise<Outcome<CniResult, CniError>> {
  const { config, prepared, runtimeConf, api } = operation;
  const results = await asRouted(prepared, record);
  const committed = commit(sys, operation, record, results);
  if (committed.ok) warnOfRoutes(sys, operation, results);
  const { pod, isStatic = false } = prepared;
  if (!committed.ok || pod === undefined || config.kubeconfig === "" || config.status === "off")
    return committed;
  const { tellStatus } = await import("./network-status/write-status.ts");
  const made = { pod, isStatic, ...results };
  const told = await tellStatus(sys, config, record, made, { api, deadlineMs: runtimeConf.deadlineMs });
  return told.ok ? committed : told;
}

/** Many definitions bring a default route that their authors never wanted for this pod. */
function warnOfRoutes(sys: Sys, { key }: Operation, { base, carried }: Results): void {
  const before =
    base === undefined ? [] : [{ label: `a plugin before hawser (${key.ifname})`, result: base }];
  const own = carried.map(({ step, result: { result } }) => ({ label: stepLabel(step), result }));
  for (const sentence of severalDefaultRoutes([...before, ...own])) {
    sys.warn(`hawser: container ${key.containerId}: ${sentence}`);
  }
}

/** Once all attachments are made: what has to change for the default routes that the pod asks for. */
async function planChanges(
  sys: Sys,
  { prepared, runtimeConf }: Operation,
  attached: readonly Attached[],
): Promise<Outcome<RecordedRoutes | undefined, CniError>> {
  const { routes: plan } = prepared;
  if (plan === undefined) return ok(undefined);
  const possible = requireFamilies(plan, attached);
  if (!possible.ok) return possible;
  const changes = await (await import("./routes/route-steps.ts")).observeRoutes(sys, plan, runtimeConf);
  return changes.ok ? ok({ plan, ...changes.value }) : changes;
}

/** Records the changes of routes before making them: only so can they be taken back after a kill. */
async function changeRoutes(
  sys: Sys,
  { config, key, runtimeConf }: Operation,
  record: AttachmentRecord,
): Promise<Outcome<void, CniError>> {
  const { routes } = record;
  if (routes === undefined || routes.removed.length + routes.added.length === 0) return ok(undefined);
  const written = save(sys, config.stateDir, key, toDocument(record), "begin");
  if (!written.ok) return written;
  return (await import("./routes/route-steps.ts")).changeRoutes(sys, routes, runtimeConf);
}

/** Refuses an interface that another network of ours has made in this container: our rollback and DEL would delete it. */
function takenByOthers(sys: Sys, { config, key, prepared }: Operation): Outcome<void, CniError> {
  const taken = interfacesOfOthers(sys, config.stateDir, key);
  if (!taken.ok) return taken;
  const step = prepared.plan.find(({ ifname }) => taken.value.has(ifname));
  if (step === undefined) return ok(undefined);
  return failWith(
    "selection",
    "meta.name-collision",
    `attach ${stepLabel(step)}: container ${key.containerId} has an interface ${step.ifname} of another network's already`,
    "Ask for another name in one of the two networks' selections.",
  );
}

/** Merges and records. A result that the asked version cannot express fails here, while everything can be undone. */
function commit(
  sys: Sys,
  { config, key }: Operation,
  record: AttachedRecord,
  { base, carried }: Results,
): Outcome<CniResult, CniError> {
  const result = report(
    config,
    base,
    carried.map((each) => each.result.result),
  );
  const printable = printResult(result, config.network.cniVersion);
  if (!printable.ok) return printable;
  const document = toDocument({ ...record, phase: "committed", carried });
  const kept = save(sys, config.stateDir, key, document, "commit");
  return kept.ok ? ok(result) : kept;
}

interface Results {
  /** The result of the plugins before us. */
  readonly base: CniResult | undefined;
  readonly carried: readonly Attached[];
}

/** The results without the default routes that were replaced, and with those that were set. */
async function asRouted({ base, routes }: Prepared, { carried }: AttachedRecord): Promise<Results> {
  if (routes === undefined) return { base, carried };
  const { withPlannedRoutes, withoutReplaced } = await import("./routes/routed-result.ts");
  return {
    base: base === undefined ? undefined : withoutReplaced(routes, base),
    carried: withPlannedRoutes(routes, carried),
  };
}

function report(config: MetaConfig, base: CniResult | undefined, results: readonly CniResult[]): CniResult {
  const all = base === undefined ? results : [base, ...results];
  return config.result === "merged" ? merge(all) : (all[0] ?? {});
}

function alreadyThere({ network, containerId, ifname }: AttachmentKey): Outcome<never, CniError> {
  return failWith(
    "records",
    "attachments.exists",
    `ADD of network ${JSON.stringify(network)}: container ${containerId} has an attachment ${ifname} already`,
    "Run DEL first: it also clears what an interrupted ADD has left.",
  );
}

/** Undoes what a failed ADD has done; runtimes may never call DEL for it. What could not be undone stays recorded. */
async function rollBack(
  sys: Sys,
  { config, key, runtimeConf }: Operation,
  touched: AttachmentRecord,
  cause: CniError,
): Promise<Outcome<never, CniError>> {
  const ownTime = { ...runtimeConf, undoing: true, deadlineMs: sys.clock.monotonicMs() + undoMs };
  const routed = await undoRoutes(sys, touched, ownTime);
  const left = await undo(sys, touched.carried, ownTime, { parallel: config.parallel, past: "none" });
  const still = left.length === 0 ? left : await undoOtherwise(sys, left, ownTime, undefined);
  const errors = [...(routed.ok ? [] : [routed.error]), ...still.map(({ error }) => error)];
  const carried = still.toReversed().map((each) => each.carried);
  // The record now names only what is left. If it cannot be written, DEL undoes all of it once more.
  const noted =
    errors.length === 0
      ? forgetWholly(sys, config.stateDir, key)
      : save(sys, config.stateDir, key, leftDocument(touched, carried, routed.ok), "begin");
  if (!noted.ok) errors.push(noted.error);
  if (errors.length === 0) return fail(cause);
  const rest = errors.map((error) => `(${describe(error)})`).join(" ");
  const note = `Undoing it failed too, and DEL will try again: ${rest}`;
  return fail({ ...cause, details: [cause.details, note].filter((part) => part !== "").join(" ") });
}

function leftDocument(
  { routes, ...touched }: AttachmentRecord,
  carried: readonly StepResult[],
  areRoutesBack: boolean,
): JsonObject {
  return toDocument({ ...touched, ...(routes !== undefined && !areRoutesBack && { routes }), carried });
}
