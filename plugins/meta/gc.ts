import { list, sweepTemporary } from "../../cni/attachments.ts";
import { collectChain } from "../../cni/chain.ts";
import { validAttachments } from "../../cni/config.ts";
import { allOk, type CniError, describe, within } from "../../cni/errors.ts";
import { sweepLocks } from "../../cni/lock.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { ValidAttachment } from "../../cni/types.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { type MetaConfig, parseMetaConfig } from "./config/config.ts";
import { collectLeftOver, readLeftOver } from "./gc-left-over.ts";
import { withContainer, withoutContainers } from "./locked.ts";
import { openApi } from "./observe/api.ts";
import { awaitReadiness } from "./observe/readiness.ts";
import { standingPlan } from "./prepare.ts";
import { fromDocument } from "./record.ts";
import { sandboxOf } from "./sandbox.ts";
import { findRecord, removeRecorded } from "./teardown.ts";
import { collections, type Held, isSame, stale } from "./valid.ts";

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
  // What the primary network still needs of its delegate, its agent knows.
  const ready = await awaitReadiness(sys, config.value, sys.clock.monotonicMs() + config.value.timeoutMs);
  if (!ready.ok) return ready;
  const held = readHeld(sys, config.value.stateDir);
  if (!held.ok) return held;
  const gone = stale(held.value, invocation.config.name, valid.value);
  const errors: CniError[] = [];
  for (const each of gone) {
    const removed = await removeStale(sys, config.value, invocation, each);
    if (!removed.ok) errors.push(within(`collect container ${each.key.containerId}`, removed.error));
  }
  const { stateDir } = config.value;
  const leftOver = readLeftOver(sys, stateDir, invocation.config.name);
  await collectLeftOver(sys, stateDir, leftOver, valid.value, (containerId, args) =>
    sandboxOf(sys, invocation.environment, config.value, { containerId, netns: "", args }),
  );
  const collected = await withoutContainers(sys, stateDir, () =>
    collect(sys, config.value, invocation, valid.value ?? [], gone),
  );
  await tellOwed(sys, config.value, invocation);
  return allOk(collected.ok ? errors : [...errors, collected.error]);
}

/** GC asks the API for nothing else; that it is away is no failure of GC's. */
const owedMs = 10_000;

async function tellOwed(sys: Sys, config: MetaConfig, { environment }: Invocation): Promise<void> {
  if (config.status === "off") return;
  const deadlineMs = sys.clock.monotonicMs() + owedMs;
  const api = await openApi(sys, config, environment, deadlineMs);
  if (api === undefined) return;
  const { tellUntold } = await import("./untold.ts");
  await tellUntold(sys, config.stateDir, api, undefined, Number.POSITIVE_INFINITY, deadlineMs);
}

function readHeld(sys: Sys, stateDir: string): Outcome<Held[], CniError> {
  const entries = list(sys, stateDir);
  if (!entries.ok) return entries;
  const attachments = entries.value.filter(({ state }) => state.kind !== "left-over");
  return ok(
    attachments.map(({ key, path, state }) => ({
      key,
      path,
      record: state.kind === "record" ? fromDocument(state.record) : undefined,
      isTorn: state.kind === "corrupt" || state.kind === "torn-aside",
    })),
  );
}

function removeStale(
  sys: Sys,
  config: MetaConfig,
  { environment }: Invocation,
  { key }: Held,
): Promise<Outcome<void, CniError>> {
  const { containerId } = key;
  return withContainer(sys, config.stateDir, containerId, async () => {
    const found = findRecord(sys, config.stateDir, key);
    if (found.kind === "failed") return fail(found.error);
    if (found.kind !== "record") return ok(undefined);
    // Never the recorded namespace: its path may name another container's by now (/proc/<pid>/ns/net).
    const sandbox = sandboxOf(sys, environment, config, { containerId, netns: "", args: found.record.args });
    return removeRecorded(sys, config.stateDir, key, found.record, sandbox);
  });
}

/** GC of the delegates. Nothing may be added meanwhile: what is not in the valid set is freed. */
async function collect(
  sys: Sys,
  config: MetaConfig,
  invocation: Invocation,
  runtimeList: readonly ValidAttachment[],
  gone: readonly Held[],
): Promise<Outcome<void, CniError>> {
  const held = readHeld(sys, config.stateDir);
  if (!held.ok) return held;
  // What has come since the runtime made its list is not in it and lives all the same.
  const isGone = (each: Held): boolean => gone.some((before) => isSame(before, each));
  const live = held.value.filter((each) => !isGone(each));
  const { errors, skipped } = await collectDelegates(sys, config, invocation, runtimeList, held.value, live);
  if (errors.length === 0 && skipped.length === 0) {
    for (const each of held.value.filter(isGone)) if (each.isTorn) sys.files.remove(each.path);
  }
  sweepTemporary(sys, config.stateDir);
  sweepLocks(sys, config.stateDir);
  return allOk(errors);
}

async function collectDelegates(
  sys: Sys,
  config: MetaConfig,
  { environment, config: network }: Invocation,
  runtimeList: readonly ValidAttachment[],
  held: readonly Held[],
  live: readonly Held[],
): Promise<{ errors: CniError[]; skipped: readonly string[] }> {
  const steps = await standingPlan(sys, config, undefined);
  // A broken definition must not keep the recorded networks from being collected; STATUS tells of it.
  if (!steps.ok) sys.warn(`hawser: GC knows only recorded networks: ${describe(steps.error)}`);
  const standing = steps.ok ? steps.value : [];
  const { run, skipped } = collections({
    primary: standing.find((step) => step.role === "primary")?.chain,
    standing: standing.map((step) => step.chain),
    live,
    own: held.filter(({ key }) => key.network === network.name),
    leftOver: readLeftOver(sys, config.stateDir, network.name),
    network: network.name,
    runtimeList,
  });
  if (skipped.length > 0) {
    sys.warn(`hawser: GC leaves ${skipped.join(", ")} alone: a listed container has no readable record here`);
  }
  const sandbox = sandboxOf(sys, environment, config, { containerId: "", netns: "", args: "" });
  const errors: CniError[] = [];
  for (const { chain, valid, isLeftOver } of run) {
    const failures = await collectChain(sys, chain, sandbox, valid);
    const told = failures.map((error) => within(`collect network ${chain.name}`, error));
    if (isLeftOver) for (const error of told) sys.warn(`hawser: GC: what is left over: ${describe(error)}`);
    else errors.push(...told);
  }
  return { errors, skipped };
}
