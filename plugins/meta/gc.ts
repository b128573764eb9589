import { list, sweepTemporary } from "../../cni/attachments.ts";
import { collectChain } from "../../cni/chain.ts";
import { validAttachments } from "../../cni/config.ts";
import { type CniError, describe, joinErrors, within } from "../../cni/errors.ts";
import { lockContainer, lockForGc, sweepLocks } from "../../cni/lock.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { ValidAttachment } from "../../cni/types.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { type MetaConfig, parseMetaConfig } from "./config.ts";
import { fromDocument } from "./record.ts";
import { lockPatienceMs, sandboxOf } from "./sandbox.ts";
import { standingPlan } from "./status.ts";
import { findRecord, removeRecorded } from "./teardown.ts";
import { collections, type Held, stale } from "./valid.ts";

/**
 * GC (CNI 1.1.0, section 2): DEL for every recorded attachment of this network that the runtime does not list, then
 * GC of every delegate with its own valid set. A missing list deletes nothing. Goes on past failures, reports them all.
 */
export async function gc(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const config = await parseMetaConfig(invocation.config);
  if (!config.ok) return config;
  const valid = validAttachments(invocation.config.raw);
  if (!valid.ok) return valid;
  if (valid.value === undefined) {
    sys.warn("hawser: GC without cni.dev/valid-attachments deletes nothing");
    return ok(undefined);
  }
  const held = readHeld(sys, config.value.stateDir);
  if (!held.ok) return held;
  const errors: CniError[] = [];
  for (const each of stale(held.value, invocation.config.name, valid.value)) {
    errors.push(...(await removeStale(sys, config.value, invocation, each)));
  }
  errors.push(...(await collect(sys, config.value, invocation, valid.value)));
  const [first, ...others] = errors;
  return first === undefined ? ok(undefined) : fail(joinErrors([first, ...others]));
}

function readHeld(sys: Sys, stateDir: string): Outcome<Held[], CniError> {
  const entries = list(sys, stateDir);
  if (!entries.ok) return entries;
  return ok(
    entries.value.map(({ key, path, state }) => ({
      key,
      path,
      record: state.kind === "record" ? fromDocument(state.record) : undefined,
    })),
  );
}

async function removeStale(
  sys: Sys,
  config: MetaConfig,
  { environment }: Invocation,
  { key }: Held,
): Promise<CniError[]> {
  const lock = await lockContainer(sys, config.stateDir, key.containerId, lockPatienceMs);
  if (!lock.ok) return [lock.error];
  try {
    const found = findRecord(sys, config.stateDir, key);
    if (found.kind !== "record") return [];
    // Never the recorded namespace: its path may name another container's by now (/proc/<pid>/ns/net).
    const { containerId } = key;
    const sandbox = sandboxOf(sys, environment, config, { containerId, netns: "", args: found.record.args });
    const removed = await removeRecorded(sys, config.stateDir, key, found.record, sandbox, lock.value);
    return removed.ok ? [] : [within(`collect container ${containerId}`, removed.error)];
  } finally {
    lock.value.release();
  }
}

/** GC of the delegates. Nothing may be added meanwhile: what is not in the valid set is freed. */
async function collect(
  sys: Sys,
  config: MetaConfig,
  invocation: Invocation,
  runtimeList: readonly ValidAttachment[],
): Promise<CniError[]> {
  const lock = await lockForGc(sys, config.stateDir, lockPatienceMs);
  if (!lock.ok) return [lock.error];
  try {
    const held = readHeld(sys, config.stateDir);
    if (!held.ok) return [held.error];
    const gone = stale(held.value, invocation.config.name, runtimeList);
    const live = held.value.filter((each) => !gone.includes(each));
    const errors = await collectDelegates(sys, config, invocation, runtimeList, held.value, live);
    if (errors.length === 0)
      for (const each of gone) if (each.record === undefined) sys.files.remove(each.path);
    sweepTemporary(sys, config.stateDir);
    sweepLocks(sys, config.stateDir);
    return errors;
  } finally {
    lock.value.release();
  }
}

async function collectDelegates(
  sys: Sys,
  config: MetaConfig,
  { environment, config: network }: Invocation,
  runtimeList: readonly ValidAttachment[],
  held: readonly Held[],
  live: readonly Held[],
): Promise<CniError[]> {
  const steps = standingPlan(sys, config);
  // A broken definition must not keep the recorded networks from being collected; STATUS tells of it.
  if (!steps.ok) sys.warn(`hawser: GC knows only recorded networks: ${describe(steps.error)}`);
  const standing = steps.ok ? steps.value : [];
  const { run, skipped } = collections({
    primary: standing.find((step) => step.role === "primary")?.chain,
    standing: standing.map((step) => step.chain),
    live,
    own: held.filter(({ key }) => key.network === network.name),
    network: network.name,
    runtimeList,
  });
  if (skipped.length > 0) {
    sys.warn(`hawser: GC leaves ${skipped.join(", ")} alone: a listed container has no readable record here`);
  }
  const sandbox = sandboxOf(sys, environment, config, { containerId: "", netns: "", args: "" });
  const errors: CniError[] = [];
  for (const { chain, valid } of run) {
    const failures = await collectChain(sys, chain, sandbox, valid);
    errors.push(...failures.map((error) => within(`collect network ${chain.name}`, error)));
  }
  return errors;
}
