import { type Added, addChain, type DelegateResult, deleteChain } from "../../cni/chain.ts";
import type { Sandbox } from "../../cni/delegate.ts";
import { type CniError, within } from "../../cni/errors.ts";
import type { Sys } from "../../sys/sys.ts";
import { forgetInformation, informPlugins } from "./device-files.ts";
import type { Plan, Step } from "./plan.ts";
import { sandboxForAdd } from "./sandbox.ts";

/** A step and what its delegate answered, as far as it did. */
export interface Carried {
  readonly step: Step;
  readonly result: DelegateResult | undefined;
}

/** A step that stands. */
export interface Attached extends Carried {
  readonly result: DelegateResult;
}

export type Executed =
  | { readonly ok: true; readonly value: readonly Attached[] }
  /** `touched` are the steps that may have had an effect, the failing one included. */
  | { readonly ok: false; readonly error: CniError; readonly touched: readonly Carried[] };

/** At once, of the secondaries that may run at once: their number is the pod's author's choice, processes are the node's. */
const batchSize = 16;

/** Carries out a plan: the primary, then the secondaries in turn or, if the operator chose so, all at once. */
export async function execute(sys: Sys, plan: Plan, sandbox: Sandbox, parallel: boolean): Promise<Executed> {
  const first = plan.filter((step) => step.role === "primary");
  const rest = plan.filter((step) => step.role === "secondary");
  const batches = parallel
    ? [...first.map((step) => [step]), ...inBatches(rest)]
    : plan.map((step) => [step]);
  const done: Attached[] = [];
  for (const batch of batches) {
    const outcomes = await Promise.all(batch.map((step) => attach(sys, step, sandbox)));
    const failed = outcomes.find((outcome) => !outcome.added.ok);
    if (failed !== undefined && !failed.added.ok) {
      const touched = [...done, ...outcomes.flatMap(touchedBy)];
      return { ok: false, error: within(`attach ${stepLabel(failed.step)}`, failed.added.error), touched };
    }
    for (const { step, added } of outcomes) if (added.ok) done.push({ step, result: added.value });
  }
  return { ok: true, value: done };
}

async function attach(sys: Sys, step: Step, sandbox: Sandbox): Promise<{ step: Step; added: Added }> {
  const informed = await informPlugins(sys, step);
  if (!informed.ok) {
    const ran = { ...step.chain, plugins: [] };
    return { step, added: { ok: false, error: informed.error, ran, partial: undefined } };
  }
  return { step, added: await addChain(sys, step.chain, step.ifname, sandboxForAdd(step, sandbox)) };
}

function touchedBy({ step, added }: { step: Step; added: Added }): Carried[] {
  if (added.ok) return [{ step, result: added.value }];
  return added.ran.plugins.length === 0 && step.deviceInfoFile === undefined
    ? []
    : [{ step: { ...step, chain: added.ran }, result: added.partial }];
}

function inBatches<T>(list: readonly T[]): T[][] {
  const count = Math.ceil(list.length / batchSize);
  return Array.from({ length: count }, (_each, n) => list.slice(n * batchSize, (n + 1) * batchSize));
}

/**
 * Undoes steps in reverse: the secondaries (in turn or at once), then the primary. Goes on past a failure, since what
 * one network left must not keep the others; within a chain a failure stops, as the specification has it.
 */
export async function undo(
  sys: Sys,
  carried: readonly Carried[],
  sandbox: Sandbox,
  parallel: boolean,
): Promise<CniError[]> {
  const reversed = carried.toReversed();
  const secondaries = reversed.filter(({ step }) => step.role === "secondary");
  const primaries = reversed.filter(({ step }) => step.role === "primary");
  const batches = parallel ? [...inBatches(secondaries), primaries] : reversed.map((each) => [each]);
  const errors: CniError[] = [];
  for (const batch of batches) {
    const outcomes = await Promise.all(batch.map((each) => detach(sys, each, sandbox)));
    errors.push(...outcomes.filter((error) => error !== undefined));
  }
  return errors;
}

async function detach(sys: Sys, { step, result }: Carried, sandbox: Sandbox): Promise<CniError | undefined> {
  const outcome = await deleteChain(sys, step.chain, step.ifname, sandbox, result);
  const removed = outcome.ok ? await forgetInformation(sys, step) : outcome;
  return removed.ok ? undefined : within(`detach ${stepLabel(step)}`, removed.error);
}

export function stepLabel(step: Step): string {
  return `${step.role} network ${step.network} (${step.ifname})`;
}
