import {
  type Added,
  addChain,
  type Chain,
  type DelegateResult,
  deleteChain,
  type Undeleted,
} from "../../../cni/chain.ts";
import { hasRefused, hasRun, type RuntimeConf } from "../../../cni/delegate.ts";
import { type CniError, within } from "../../../cni/errors.ts";
import { ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { Plan, Step } from "../plan/plan.ts";
import { forgetInformation, informPlugins } from "./device-files.ts";
import { claimEarly, holdsClaim, releaseClaim, throughClaim } from "./early-claim.ts";
import { runtimeConfForAdd } from "./runtime-conf.ts";

/** A step and what its delegate answered, as far as it did. */
export interface StepResult {
  readonly step: Step;
  readonly result: DelegateResult | undefined;
  /** The error with which the last plugin of the step's chain refused ADD. That plugin has never attached anything. */
  readonly refused?: string;
}

/** A step that could not be undone. Its chain has only the plugins that DEL is still owed to. */
export interface Left {
  readonly carried: StepResult;
  readonly error: CniError;
}

/** A step whose delegate has succeeded. */
export interface Attached extends StepResult {
  readonly result: DelegateResult;
}

export type Executed =
  | { readonly ok: true; readonly value: readonly Attached[] }
  /** `touched` are the steps that may have had an effect, the failing one included. */
  | { readonly ok: false; readonly error: CniError; readonly touched: readonly StepResult[] };

/** So many secondaries run at once: a pod's author chooses their number, but the processes are the node's. */
const batchSize = 16;

/** Whether the secondaries are attached and detached at once, or in turn. */
export interface AttachOrder {
  readonly parallel: boolean;
}

/** Carries out a plan: the primary, then the secondaries in turn or, if the operator chose so, all at once. */
export async function execute(
  sys: Sys,
  plan: Plan,
  runtimeConf: RuntimeConf,
  { parallel }: AttachOrder,
): Promise<Executed> {
  const first = plan.filter((step) => step.role === "primary");
  const rest = plan.filter((step) => step.role === "secondary");
  const batches = parallel
    ? [...first.map((step) => [step]), ...inBatches(rest)]
    : plan.map((step) => [step]);
  const done: Attached[] = [];
  for (const batch of batches) {
    const outcomes = await Promise.all(batch.map((step) => attach(sys, step, runtimeConf)));
    const failed = outcomes.find((outcome) => !outcome.added.ok);
    if (failed !== undefined && !failed.added.ok) {
      const touched = [...done, ...outcomes.flatMap(touchedBy)];
      return { ok: false, error: within(`attach ${stepLabel(failed.step)}`, failed.added.error), touched };
    }
    for (const { step, added } of outcomes) if (added.ok) done.push({ step, result: added.value });
  }
  return { ok: true, value: done };
}

interface Attempted {
  readonly step: Step;
  readonly added: Added;
  /** Why the last of the plugins that DEL is owed to was not run. */
  readonly neverRan?: string;
}

async function attach(sys: Sys, step: Step, runtimeConf: RuntimeConf): Promise<Attempted> {
  const informed = await informPlugins(sys, step);
  if (!informed.ok) {
    const ran = { ...step.chain, plugins: [] };
    return { step, added: { ok: false, error: informed.error, ran, partial: undefined } };
  }
  const claimed = await claimEarly(sys, step, runtimeConf);
  if (!claimed.ok) return { step, added: unclaimed(step, claimed.error) };
  const { chain, ifname } = claimed.value;
  const added = await addChain(sys, chain, ifname, runtimeConfForAdd(claimed.value, runtimeConf));
  return owingClaim({ step: claimed.value, added });
}

/** Addresses were claimed in a plugin's name: DEL is owed to it although its ADD never ran. */
function owingClaim({ step, added }: Attempted): Attempted {
  const plugins = throughClaim(step);
  if (added.ok || added.ran.plugins.length >= plugins.length) return { step, added };
  return { step, added: { ...added, ran: { ...step.chain, plugins } }, neverRan: added.error.msg };
}

/** A claim that was refused does not exist. After any other failure it may exist. */
function unclaimed(step: Step, error: CniError): Added {
  const plugins = hasRun(error) && !hasRefused(error) ? throughClaim(step) : [];
  return { ok: false, error, ran: { ...step.chain, plugins }, partial: undefined };
}

function touchedBy({ step, added, neverRan }: Attempted): StepResult[] {
  if (added.ok) return [{ step, result: added.value }];
  return added.ran.plugins.length === 0 && step.deviceInfoFile === undefined
    ? []
    : [{ step: { ...step, chain: added.ran }, result: added.partial, ...refusal(added.error, neverRan) }];
}

function refusal(error: CniError, neverRan: string | undefined): Pick<StepResult, "refused"> {
  if (neverRan !== undefined) return { refused: neverRan };
  return hasRefused(error) ? { refused: error.msg } : {};
}

function inBatches<T>(list: readonly T[]): T[][] {
  const count = Math.ceil(list.length / batchSize);
  return Array.from({ length: count }, (_each, n) => list.slice(n * batchSize, (n + 1) * batchSize));
}

/**
 * Undoes steps in reverse: the secondaries (in turn or at once), then the primary. A network that fails does not keep the others
 * from being undone. Within one chain the first failure stops, as the specification has it, unless `past` says otherwise.
 * Returns the steps that are left, in the order of undoing.
 */
export async function undo(
  sys: Sys,
  carried: readonly StepResult[],
  runtimeConf: RuntimeConf,
  { parallel, past }: AttachOrder & { readonly past: GoesPast },
): Promise<Left[]> {
  const reversed = carried.toReversed();
  const secondaries = reversed.filter(({ step }) => step.role === "secondary");
  const primaries = reversed.filter(({ step }) => step.role === "primary");
  const batches = parallel ? [...inBatches(secondaries), primaries] : reversed.map((each) => [each]);
  const left: Left[] = [];
  for (const batch of batches) {
    const outcomes = await Promise.all(batch.map((each) => detach(sys, each, runtimeConf, past)));
    left.push(...outcomes.filter((each) => each !== undefined));
  }
  return left;
}

/**
 * After which failures of a plugin undoing goes on with the plugins before it in the chain: after none; after that of a plugin
 * that has perhaps never attached anything; or, on the last try, after all.
 */
export type GoesPast = "none" | "unattached" | "all";

async function detach(
  sys: Sys,
  carried: StepResult,
  runtimeConf: RuntimeConf,
  past: GoesPast,
): Promise<Left | undefined> {
  const { step } = carried;
  const mayPass = past === "unattached" ? passableOf(carried) : () => past === "all";
  const undeleted = await deleteStep(sys, carried, step.chain, runtimeConf, mayPass);
  if (undeleted !== undefined) return leftOf(carried, undeleted);
  const removed = await forgetInformation(sys, step);
  return removed.ok ? undefined : leftOf(carried, { error: removed.error, chain: step.chain });
}

/**
 * Sends DEL to a step by this chain, and releases its early claim. The main plugin's DEL may not have released it: some main
 * plugins end early if their own ADD has left nothing. The claim stays while an interface may still have the addresses.
 */
export async function deleteStep(
  sys: Sys,
  { step, result, refused }: StepResult,
  chain: Chain,
  runtimeConf: RuntimeConf,
  mayPass?: (index: number, error: CniError) => boolean,
): Promise<Undeleted | undefined> {
  const undeleted = await deleteChain(sys, chain, step.ifname, runtimeConf, result, mayPass);
  if (step.claim === undefined || result !== undefined) return undeleted;
  const mayBeUsed = undeleted !== undefined && holdsClaim(undeleted.chain) && refused === undefined;
  const released = mayBeUsed ? ok(undefined) : await releaseClaim(sys, step, runtimeConf);
  return released.ok ? undeleted : { error: released.error, chain };
}

function passableOf({ step, result, refused }: StepResult): (index: number, error: CniError) => boolean {
  if (refused !== undefined) return (index) => index === step.chain.plugins.length - 1;
  // Nobody knows how far a killed ADD came. But all of its plugins were installed.
  return (_index, error) => result === undefined && hasRun(error);
}

function leftOf({ step, result, refused }: StepResult, { error, chain }: Undeleted): Left {
  const isStillLast = refused !== undefined && chain.plugins.at(-1) === step.chain.plugins.at(-1);
  const carried = { step: { ...step, chain }, result, ...(isStillLast && { refused }) };
  return { carried, error: within(`detach ${stepLabel(step)}`, error) };
}

export function stepLabel(step: Step): string {
  return `${step.role} network ${step.network} (${step.ifname})`;
}
