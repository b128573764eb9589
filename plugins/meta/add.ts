import { type AttachmentKey, forget, peek, save } from "../../cni/attachments.ts";
import { requirePlugins } from "../../cni/chain.ts";
import { printResult } from "../../cni/convert.ts";
import type { Sandbox } from "../../cni/delegate.ts";
import { type CniError, cniError, describe, failWith, within } from "../../cni/errors.ts";
import { lockContainer } from "../../cni/lock.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { CniResult } from "../../cni/types.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { type MetaConfig, parseMetaConfig } from "./config.ts";
import { type Carried, execute, stepLabel, undo } from "./execute.ts";
import { merge } from "./merge.ts";
import { type Prepared, prepare } from "./prepare.ts";
import { type AttachmentRecord, begun, toDocument } from "./record.ts";
import { lockPatienceMs, sandboxOf, undoMs } from "./sandbox.ts";

/** ADD (CNI 1.1.0, section 2): everything is planned and recorded before the first delegate runs. */
export async function add(sys: Sys, invocation: Invocation): Promise<Outcome<CniResult, CniError>> {
  const config = await parseMetaConfig(invocation.config);
  if (!config.ok) return config;
  const role = roleProblem(config.value);
  if (role !== undefined) return fail(role);
  const prepared = prepare(sys, config.value, invocation);
  if (!prepared.ok) return prepared;
  const present = requireAll(sys, prepared.value, sandboxOf(sys, invocation.environment, config.value));
  if (!present.ok) return present;
  const { containerId } = invocation.environment;
  const lock = await lockContainer(sys, config.value.stateDir, containerId, lockPatienceMs);
  if (!lock.ok) return lock;
  try {
    return await addLocked(sys, config.value, invocation, prepared.value);
  } finally {
    lock.value.release();
  }
}

function requireAll(sys: Sys, { plan }: Prepared, { path }: Sandbox): Outcome<void, CniError> {
  for (const step of plan) {
    const present = requirePlugins(sys, step.chain, path);
    if (!present.ok) return fail(within(`attach ${stepLabel(step)}`, present.error));
  }
  return ok(undefined);
}

function roleProblem({ primary, prevResult, network }: MetaConfig): CniError | undefined {
  const doing = `ADD of network ${JSON.stringify(network.name)}`;
  if (primary.kind === "chained" && prevResult === undefined) {
    return cniError(
      "invalidConfig",
      "config.no-primary",
      `${doing}: there is neither a delegate nor a prevResult`,
      `Name the pod's primary network in "delegate", or put hawser behind its plugin in the list.`,
    );
  }
  if (primary.kind !== "chained" && prevResult !== undefined) {
    return cniError(
      "invalidConfig",
      "config.two-primaries",
      `${doing}: there are both a delegate and a prevResult`,
      `Behind another plugin in a list, leave "delegate" out.`,
    );
  }
  return undefined;
}

async function addLocked(
  sys: Sys,
  config: MetaConfig,
  { environment, config: network }: Invocation,
  prepared: Prepared,
): Promise<Outcome<CniResult, CniError>> {
  const { containerId, ifname, netns, args } = environment;
  const key = { network: network.name, containerId, ifname };
  const former = peek(sys, config.stateDir, key);
  if (former.kind !== "none") return alreadyThere(key);
  const record = begun(
    {
      ...key,
      netns,
      args,
      pod: prepared.pod,
      parallel: config.parallel,
      reported: config.result,
      sinceMs: sys.clock.nowMs(),
    },
    prepared.plan,
  );
  const written = save(sys, config.stateDir, key, toDocument(record), "begin");
  if (!written.ok) return written;
  const sandbox = sandboxOf(sys, environment, config);
  const executed = await execute(sys, prepared.plan, sandbox, config.parallel);
  if (!executed.ok) return rollBack(sys, config, key, sandbox, executed.touched, executed.error);
  const result = report(
    config,
    prepared.base,
    executed.value.map((each) => each.result.result),
  );
  // A result that the asked version cannot express would fail after everything stood.
  const printable = printResult(result, network.cniVersion);
  if (!printable.ok) return rollBack(sys, config, key, sandbox, executed.value, printable.error);
  const committed: AttachmentRecord = { ...record, phase: "committed", carried: executed.value };
  const kept = save(sys, config.stateDir, key, toDocument(committed), "commit");
  if (!kept.ok) return rollBack(sys, config, key, sandbox, executed.value, kept.error);
  return ok(result);
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
  config: MetaConfig,
  key: AttachmentKey,
  sandbox: Sandbox,
  touched: readonly Carried[],
  cause: CniError,
): Promise<Outcome<never, CniError>> {
  const ownTime = { ...sandbox, deadlineMs: sys.clock.monotonicMs() + undoMs };
  const errors = await undo(sys, touched, ownTime, config.parallel);
  if (errors.length === 0) {
    const forgotten = forget(sys, config.stateDir, key);
    if (!forgotten.ok) errors.push(forgotten.error);
  }
  if (errors.length === 0) return fail(cause);
  const rest = errors.map((error) => `(${describe(error)})`).join(" ");
  const note = `Undoing it failed too, and DEL will try again: ${rest}`;
  return fail({ ...cause, details: [cause.details, note].filter((part) => part !== "").join(" ") });
}
