import type { Outcome } from "../../../sys/outcome.ts";
import { auditEntries, auditedKinds, lookAgain, type StoreFinding } from "../pool/audit.ts";
import { auditNode } from "../pool/audit-node.ts";
import { earliestMs, nobody, type Times } from "../pool/holding.ts";
import { heldFor, planImport, putBatch, putOver } from "../pool/import.ts";
import { addressOfCode, codeOf, isInKeyRange, keysOf, printCode } from "../pool/keys.ts";
import {
  changeAsSeen,
  isReserved,
  type OperatorChange,
  quarantineLive,
  releaseSeen,
  reserve,
  riskOf,
  unreserve,
} from "../pool/operator.ts";
import { addressAt, type Space } from "../pool/space.ts";
import { readPages, type Stored, storedOf } from "../pool/stored.ts";
import { type Ask, driveOnce, type End, type QuestionFault } from "../store/drive.ts";
import type { Entry } from "../store/store.ts";
import { operatorForces, operatorRepairs, pool } from "./model.ts";
import { configOf, nodes, type World } from "./world.ts";

const keys = keysOf(pool);
const identities = ["ns0/p0/eth0", "ns1/p1/net1", "ns2/p2/eth0", "ns0/p3/eth0"];

/** An operator at a node, who does one thing to the pool by hand. */
export async function operate(world: World): Promise<void> {
  const node = world.pick(nodes);
  const deed = world.pick([
    reserveOne,
    reserveOne,
    releaseOne,
    releaseOne,
    unreserveOne,
    importSome,
    auditAll,
  ]);
  await deed(world, node);
}

/** Asks the store as an operator does: a failed request ends it. */
async function carryOut<Step extends { readonly kind: string }>(
  world: World,
  node: string,
  what: string,
  start: Step | Ask<Step>,
): Promise<Outcome<End<Step>, QuestionFault>> {
  const end = await driveOnce<Step>(world.cluster.connect({ node, what }), start);
  const name = end.ok ? `${what}: ${end.value.kind}` : `${what}: ${end.error.kind}`;
  world.seen.set(name, (world.seen.get(name) ?? 0) + 1);
  return end;
}

function nowOn(world: World, node: string): number {
  return world.machines.get(node)?.clock.nowMs() ?? 0;
}

/** The clocks of a node and of the store, whose time is in seconds. */
function timesOn(world: World, node: string): Times {
  return { nowMs: nowOn(world, node), storeMs: Math.trunc(world.cluster.nowMs / 1000) * 1000 };
}

function anyOf(world: World, { family, size, ...space }: Space): string {
  const index = BigInt(Math.floor(world.chance() * Number(size < 12n ? size : 12n)));
  return codeOf(family, addressAt({ family, size, ...space }, index));
}

async function reserveOne(world: World, node: string): Promise<void> {
  const all = configOf(world, node).spaces.map((space) => anyOf(world, space));
  const [first = ""] = all;
  const one = world.pick(identities);
  // An operator often reserves the addresses that a pod has.
  const own = ownersIn(world).find(({ holding }) => holding?.identity === one)?.holding;
  const forNobody = { identity: nobody(printCode(first)), codes: [first] };
  const forPod = { identity: one, codes: own?.addresses ?? all };
  const what = world.chance() < 0.3 ? forNobody : forPod;
  await carryOut(
    world,
    node,
    "operator reserve",
    reserve({ keys, pool, ...what, nowMs: nowOn(world, node) }),
  );
}

/** The operator releases an address that has a record, without --force or with it. */
async function releaseOne(world: World, node: string): Promise<void> {
  const [seen] = pickOne(world, recordsIn(world, keys.all.ip));
  if (seen === undefined) return;
  const isForced = world.chance() < 0.3;
  if (!isForced && riskOf(seen.holding).kind !== "none") return;
  const what = isForced ? operatorForces : "operator release";
  const { holding } = seen;
  const change =
    holding?.state === "live"
      ? quarantineLive(keys, { ...seen, holding }, { node, nowMs: nowOn(world, node) })
      : releaseSeen(keys, seen);
  await carryOut(world, node, what, change);
}

async function unreserveOne(world: World, node: string): Promise<void> {
  const reserved = ownersIn(world).filter(({ holding }) => holding !== undefined && isReserved(holding));
  const [seen] = pickOne(world, reserved);
  if (seen !== undefined) await endReservation(world, node, seen);
}

/** Ends every reservation, so that the pool can give all of its addresses. */
export async function unreserveAll(world: World): Promise<void> {
  for (const seen of ownersIn(world)) {
    if (seen.holding !== undefined && isReserved(seen.holding)) await endReservation(world, nodes[0], seen);
  }
}

async function endReservation(world: World, node: string, seen: Stored): Promise<void> {
  const { holding } = seen;
  if (holding !== undefined)
    await carryOut(world, node, "operator unreserve", unreserve(keys, { ...seen, holding }));
}

/** The operator imports addresses that another IPAM has given to pods. */
async function importSome(world: World, node: string): Promise<void> {
  const { sets, spaces } = configOf(world, node);
  const times = timesOn(world, node);
  const judgedMs = earliestMs(times);
  const target = { name: pool, keys, sets };
  const claims = [world.pick(identities), `old/pod${Math.floor(world.chance() * 4)}/eth0`].flatMap(
    (identity) =>
      spaces.map((space) => {
        const address = addressOfCode(anyOf(world, space));
        return { address, identity, containerId: "foreign", ifname: "eth0" };
      }),
  );
  const incoming = { holdings: heldFor(target, claims, 600_000, times), isForeign: true, unowned: [] };
  const existing = ownersIn(world).flatMap(({ holding }) => holding ?? []);
  const { owners } = planImport(target, incoming, existing, judgedMs);
  const fresh = owners.filter(({ verdict }) => verdict === "new");
  if (fresh.length === 0) return;
  const put = await carryOut(world, node, "operator import", putBatch(keys, fresh));
  if (!put.ok) return;
  for (const { holding } of put.value.refused)
    await carryOut<OperatorChange>(world, node, "operator import", putOver(keys, holding, times.nowMs));
}

/** The operator's audit reads the pool in pages while others change it, and must find nothing wrong. */
async function auditAll(world: World, node: string): Promise<void> {
  const entries: Entry[] = [];
  for (const kind of auditedKinds) {
    const read = await readPages(keys.all[kind], 7, (page) => carryOut(world, node, "operator audit", page));
    if (!read.ok) return;
    entries.push(...read.value.entries);
  }
  const audit = (all: readonly Entry[]): readonly StoreFinding[] => auditEntries(keys, all);
  for (const finding of audit(entries)) {
    const again = await carryOut(world, node, "operator audit", lookAgain(finding, audit));
    for (const { kind, about } of again.ok ? again.value.findings : [])
      world.model.violations.push(`(h) an audit finds ${kind} of ${about}`);
  }
}

/** The operator repairs what a node has, by the runtime's list of containers. Nothing of a dead container is left then. */
export async function repairNode(world: World): Promise<void> {
  const { model, cluster } = world;
  const node = world.pick(nodes);
  const own = [...model.containers.values()].filter((each) => each.node === node);
  const valid = new Set(own.filter(({ state }) => state !== "dead").map(({ id }) => id));
  const { holdMs } = configOf(world, node);
  const view = { attached: [], valid, ...timesOn(world, node) };
  const stored = cluster.entries().map(storedOf);
  let isDone = true;
  for (const { repair } of auditNode({ name: pool, keys, node, holdMs }, stored, view)) {
    if (repair === undefined) continue;
    const end = await carryOut(world, node, operatorRepairs, changeAsSeen(repair));
    isDone &&= end.ok && end.value.kind === "done";
  }
  const left = recordsIn(world, keys.attsOf(node)).filter(
    ({ holding }) => holding !== undefined && !valid.has(holding.containerId),
  );
  if (isDone && left.length > 0)
    model.violations.push(`(h) a repair on ${node} left ${left.map(({ key }) => key).join()}`);
}

function ownersIn(world: World): Stored[] {
  return recordsIn(world, keys.all.own);
}

function recordsIn({ cluster }: World, range: { readonly from: string; readonly to: string }): Stored[] {
  return cluster
    .entries()
    .filter(({ key }) => isInKeyRange(range, key))
    .map(storedOf);
}

function pickOne<T>({ chance }: World, list: readonly T[]): T[] {
  return list.slice(Math.floor(chance() * list.length)).slice(0, 1);
}
