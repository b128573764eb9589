import { list, sweepTemporary } from "../../cni/attachments.ts";
import { type Chain, collectChain } from "../../cni/chain.ts";
import { validAttachments } from "../../cni/config.ts";
import { allOk, type CniError, describe, within } from "../../cni/errors.ts";
import { deadOperations, sweepLocks } from "../../cni/lock-sweep.ts";
import { endedOperations } from "../../cni/orphans.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { ValidAttachment } from "../../cni/types.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import type { MetaConfig } from "./config/config.ts";
import { parseMetaConfig } from "./config/parse.ts";
import { runtimeConfOf } from "./execute/runtime-conf.ts";
import { collectLeftOver, readLeftOver } from "./gc/gc-left-over.ts";
import { collections, isSame, keyOf, type RecordOnDisk, stale } from "./gc/gc-plan.ts";
import { openApi } from "./observe/api.ts";
import { awaitReadiness } from "./observe/readiness.ts";
import type { Step } from "./plan/plan.ts";
import { planEveryPods } from "./prepare.ts";
import { collectingAlone, withContainer } from "./record/container-lock.ts";
import { fromDocument } from "./record/record.ts";
import { findRecord, removeRecorded } from "./undo/teardown.ts";

/** Once GC has kept new operations waiting so long, it lets them in before the next network. */
const holdMs = 2_000;
const openMs = 300;
/** GC of one network may take so long: nothing is added on the node meanwhile. */
const longestMs = 30_000;

/** What one GC works with. */
interface Collecting {
  readonly config: MetaConfig;
  readonly invocation: Invocation;
  readonly runtimeList: readonly ValidAttachment[];
  /** Networks that each pod gets, as they are configured now. */
  readonly everyPods: readonly Step[];
  /** Attachments that the runtime does not list, and that no operation is at work on. */
  readonly gone: readonly RecordOnDisk[];
}

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
  // Only the primary network's agent knows what that network still needs: until the agent is ready, GC deletes nothing.
  const ready = await awaitReadiness(sys, config.value, sys.clock.monotonicMs() + config.value.timeoutMs);
  if (!ready.ok) return ready;
  const { stateDir } = config.value;
  const held = readHeld(sys, stateDir);
  if (!held.ok) return held;
  const listed = stale(held.value, invocation.config.name, valid.value);
  const { gone, errors } = await removeAll(sys, config.value, invocation, listed);
  const leftOver = readLeftOver(sys, stateDir, invocation.config.name);
  await collectLeftOver(sys, stateDir, leftOver, valid.value, (containerId, args) =>
    runtimeConfOf(sys, invocation.environment, config.value, { containerId, netns: "", args }),
  );
  const steps = await planEveryPods(sys, config.value);
  // A broken definition must not keep the recorded networks from being collected; STATUS tells of it.
  if (!steps.ok) sys.warn(`hawser: GC knows only recorded networks: ${describe(steps.error)}`);
  const everyPods = steps.ok ? steps.value : [];
  const collecting = { config: config.value, invocation, runtimeList: valid.value, everyPods, gone };
  const collected = await collectAll(sys, collecting);
  sweepTemporary(sys, stateDir);
  sweepLocks(sys, stateDir, await endedOperations(sys, deadOperations(sys, stateDir)));
  await tellOwed(sys, config.value, invocation);
  return allOk([...errors, ...collected]);
}

/** Removes stale attachments. One that an operation is at work on, or has changed, stays: the runtime's list is older. */
async function removeAll(
  sys: Sys,
  config: MetaConfig,
  invocation: Invocation,
  listed: readonly RecordOnDisk[],
): Promise<{ gone: RecordOnDisk[]; errors: CniError[] }> {
  const gone: RecordOnDisk[] = [];
  const errors: CniError[] = [];
  for (const each of listed) {
    const { containerId } = each.key;
    const removed = await removeStale(sys, config, invocation, each);
    if (!removed.ok && removed.error.id !== "lock.busy")
      errors.push(within(`collect container ${containerId}`, removed.error));
    const isAlive = removed.ok ? removed.value === "alive" : removed.error.id === "lock.busy";
    if (isAlive) sys.warn(`hawser: GC leaves container ${containerId} alone: an operation is at work on it`);
    else gone.push(each);
  }
  return { gone, errors };
}

/** How long GC tries to write owed statuses. It asks the API for nothing else, and does not fail if the API is away. */
const owedMs = 10_000;

async function tellOwed(sys: Sys, config: MetaConfig, { environment }: Invocation): Promise<void> {
  if (config.status === "off") return;
  const deadlineMs = sys.clock.monotonicMs() + owedMs;
  const api = await openApi(sys, config, environment, deadlineMs);
  if (api === undefined) return;
  const { tellUntold } = await import("./network-status/untold.ts");
  await tellUntold(sys, config.stateDir, api, { count: Number.POSITIVE_INFINITY, deadlineMs });
}

function readHeld(sys: Sys, stateDir: string): Outcome<RecordOnDisk[], CniError> {
  const entries = list(sys, stateDir);
  if (!entries.ok) return entries;
  const attachments = entries.value.filter(({ state }) => state.kind !== "left-over");
  return ok(
    attachments.map(({ key, path, state }) => ({
      key,
      path,
      record: state.kind === "record" ? fromDocument(state.record) : undefined,
      isTorn: state.kind === "torn" || state.kind === "set-aside",
    })),
  );
}

function removeStale(
  sys: Sys,
  config: MetaConfig,
  { environment }: Invocation,
  { key, record }: RecordOnDisk,
): Promise<Outcome<"removed" | "alive", CniError>> {
  const { containerId } = key;
  const work = async (): Promise<Outcome<"removed" | "alive", CniError>> => {
    const found = findRecord(sys, config.stateDir, key);
    if (found.kind === "failed") return fail(found.error);
    if (found.kind !== "record") return ok("removed");
    // An ADD has ended, or begun, since GC looked.
    if (found.record.sinceMs !== record?.sinceMs || found.record.phase !== record.phase) return ok("alive");
    // Never the recorded namespace: its path may name another container's by now (/proc/<pid>/ns/net).
    const runtimeConf = runtimeConfOf(sys, environment, config, {
      containerId,
      netns: "",
      args: found.record.args,
    });
    const removed = await removeRecorded(sys, config.stateDir, { key, record: found.record }, runtimeConf);
    return removed.ok ? ok("removed") : removed;
  };
  // GC does not wait for the lock: the operation that holds it takes care of the container.
  return withContainer(sys, config.stateDir, containerId, work, 0);
}

/** Sends GC to the delegates, network by network. Between two networks it lets in the operations that have come meanwhile. */
async function collectAll(sys: Sys, collecting: Collecting): Promise<CniError[]> {
  const done = new Set<string>();
  const errors: CniError[] = [];
  for (let rounds: number | undefined; ; rounds = 1) {
    const part = await collectingAlone(sys, collecting.config.stateDir, rounds, (lock) =>
      collectSome(sys, collecting, done, lock.atWork),
    );
    if (!part.ok) return [...errors, part.error];
    errors.push(...part.value.errors);
    if (part.value.isWhole) return errors;
    await sys.clock.sleep(openMs);
  }
}

/**
 * Delegates free what is not in the valid set, so nothing may be added meanwhile that is not in it. An operation that begins now
 * waits. An ADD that is under way has its record already, or waits once it has one (`passCollection`).
 */
async function collectSome(
  sys: Sys,
  { config, invocation, runtimeList, everyPods, gone }: Collecting,
  done: Set<string>,
  atWork: readonly string[],
): Promise<Outcome<{ errors: CniError[]; isWhole: boolean }, CniError>> {
  const startMs = sys.clock.monotonicMs();
  const held = readHeld(sys, config.stateDir);
  if (!held.ok) return held;
  // An attachment that was made after the runtime's list is not in the list, and stays all the same.
  const isGone = (each: RecordOnDisk): boolean => gone.some((before) => isSame(before, each));
  const { run, skipped } = collections({
    primary: everyPods.find((step) => step.role === "primary")?.chain,
    everyPods: everyPods.map((step) => step.chain),
    live: held.value.filter((each) => !isGone(each)),
    own: held.value.filter(({ key }) => key.network === invocation.config.name),
    leftOver: readLeftOver(sys, config.stateDir, invocation.config.name),
    network: invocation.config.name,
    runtimeList,
  });
  const errors: CniError[] = [];
  for (const { chain, valid, isLeftOver } of run) {
    const name = keyOf(chain);
    if (done.has(name)) continue;
    if (sys.clock.monotonicMs() - startMs > holdMs) return ok({ errors, isWhole: false });
    done.add(name);
    const told = await collectNetwork(sys, config, invocation, chain, valid);
    if (isLeftOver) for (const error of told) sys.warn(`hawser: GC: what is left over: ${describe(error)}`);
    else errors.push(...told);
  }
  if (atWork.length > 0) sys.warn(`hawser: GC went on beside operations on ${atWork.join(", ")}`);
  if (skipped.length > 0) {
    sys.warn(`hawser: GC leaves ${skipped.join(", ")} alone: a listed container has no readable record here`);
  } else if (errors.length === 0) {
    for (const each of held.value.filter(isGone)) if (each.isTorn) sys.files.remove(each.path);
  }
  return ok({ errors, isWhole: true });
}

async function collectNetwork(
  sys: Sys,
  config: MetaConfig,
  { environment }: Invocation,
  chain: Chain,
  valid: readonly ValidAttachment[],
): Promise<CniError[]> {
  const limited = { ...config, timeoutMs: Math.min(config.timeoutMs, longestMs) };
  const runtimeConf = runtimeConfOf(sys, environment, limited, { containerId: "", netns: "", args: "" });
  const failures = await collectChain(sys, chain, runtimeConf, valid);
  return failures.map((error) => within(`collect network ${chain.name}`, error));
}
