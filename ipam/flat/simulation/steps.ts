import type { ErrorId } from "../../../cni/error-ids.ts";
import type { CniError } from "../../../cni/errors.ts";
import type { Outcome } from "../../../sys/outcome.ts";
import { type Holding, isAttached, isExpired } from "../pool/holding.ts";
import { codeOfKey, isInKeyRange, keysOf, printCode } from "../pool/keys.ts";
import { holdingAt, parsedHolding } from "../pool/pool-testing.ts";
import { inSpace } from "../pool/space.ts";
import { pool, type SimulatedContainer } from "./model.ts";
import { operate, repairNode } from "./operators.ts";
import {
  type CrashPlan,
  configOf,
  networks,
  nodes,
  type PoolVersion,
  reboot,
  recordOf,
  runAdd,
  runCheck,
  runDel,
  runGc,
  together,
  type World,
} from "./world.ts";

const podNames = Array.from({ length: 9 }, (_each, n) => `ns${n % 3}/p${n}`);
const ifnames = ["eth0", "net1"];

/** Something that may happen in the cluster. `busy` are the containers that another happening of the step is about. */
type Happening = (world: World, busy: Set<string>, alone: boolean) => Promise<unknown> | undefined;

const happenings: readonly (readonly [number, Happening])[] = [
  [30, startPod],
  [22, stopPod],
  [6, lateDel],
  [6, repeatAdd],
  [4, addAgain],
  [8, collect],
  [6, inspect],
  [12, operate],
  [4, repair],
];

/** One step of the simulation. */
export async function step(world: World, versions: readonly PoolVersion[]): Promise<void> {
  disturb(world, versions);
  if (world.chance() < 0.3) await world.cluster.deliverLate();
  const count = world.pick([1, 1, 1, 2, 3, 5]);
  const busy = new Set<string>();
  const operations = Array.from({ length: count }, () => choose(world)(world, busy, count === 1));
  await together(
    world,
    operations.flatMap((each) => each ?? []),
  );
}

function choose(world: World): Happening {
  const all = happenings.reduce((sum, [weight]) => sum + weight, 0);
  let left = world.chance() * all;
  for (const [weight, happening] of happenings) {
    left -= weight;
    if (left < 0) return happening;
  }
  return startPod;
}

/** Time passes, nodes are cut off and come back, the pool is edited on one node or all. */
function disturb(world: World, versions: readonly PoolVersion[]): void {
  const { chance, pick, cluster } = world;
  const passed = chance() < 0.05 ? 700_000 : 1 + Math.floor(chance() * 5000);
  for (const machine of world.machines.values()) machine.clock.advance(passed);
  world.cluster.nowMs += passed;
  cluster.faultRate = chance() < 0.5 ? 0 : 0.15;
  if (chance() < 0.06) cluster.cut.add(pick(nodes));
  if (chance() < 0.15) cluster.cut.clear();
  cluster.isFull = chance() < (cluster.isFull ? 0.8 : 0.03);
  if (chance() < 0.02) reboot(world, pick(nodes));
  if (chance() < 0.03) {
    const version = pick(versions);
    const edited = chance() < 0.5 ? nodes : [pick(nodes)];
    for (const node of edited) world.versions.set(node, version);
  }
}

function crashPlan({ chance, pick }: World): CrashPlan {
  if (chance() > 0.08) return undefined;
  return { request: pick([0, 0, 1, 1, 2]), when: pick(["before", "after"]) };
}

function among(
  world: World,
  busy: Set<string>,
  states: readonly SimulatedContainer["state"][],
): SimulatedContainer | undefined {
  const all = [...world.model.containers.values()];
  const found = all.filter(({ id, state }) => states.includes(state) && !busy.has(id));
  if (found.length === 0) return undefined;
  // Younger containers are chosen more often, because there are ever more old ones.
  const container = world.pick(found.slice(-world.pick([5, 15, found.length])));
  busy.add(container.id);
  return container;
}

function startPod(world: World, busy: Set<string>, alone: boolean): Promise<unknown> {
  const { model, pick, chance } = world;
  const id = `c${model.containers.size}`;
  const pod = pick(podNames);
  const ifname = pick(ifnames);
  const identity = `${pod}/${ifname}`;
  const others = [...model.containers.values()].filter((each) => each.identity === identity);
  const home = others.at(-1)?.node;
  const node = home === undefined || chance() < 0.3 ? pick(nodes) : home;
  const network = pick(networks);
  const container: SimulatedContainer = {
    id,
    node,
    network,
    ifname,
    pod,
    identity,
    state: "adding",
    addresses: [],
  };
  model.containers.set(id, container);
  busy.add(id);
  const request = chance() < 0.08 ? printCode(`40a00000${pick(["4", "5", "6", "7", "9"])}`) : undefined;
  return observedAdd(world, container, alone, request);
}

/** Calls ADD. If nothing else goes on, its answer is compared with the store before and after. */
async function observedAdd(
  world: World,
  container: SimulatedContainer,
  alone: boolean,
  request: string | undefined,
): Promise<void> {
  const before = holdingAt(world.cluster.entries(), keysOf(pool).own(container.identity));
  const crash = crashPlan(world);
  const options = {
    ...(crash === undefined ? {} : { crash }),
    ...(request === undefined ? {} : { request }),
  };
  const outcome = await runAdd(world, container, options);
  if (outcome === "crash") return;
  if (!outcome.ok) return judgeRefusal(world, container, outcome, alone && world.cluster.faultRate === 0);
  if (!alone || request !== undefined || before === undefined) return;
  const nowMs = world.machines.get(container.node)?.clock.nowMs() ?? 0;
  // This operation may itself remove an expired hold, or do a release that waits in the journal of the node.
  const runs = world.model.containers.get(before.containerId)?.state !== "dead";
  const mine = isAttached(before) ? runs && before.node === container.node : !isExpired(before, nowMs);
  const recorded = recordOf(world, container);
  if (mine && isWhole(world, container, before) && recorded?.addresses.join() !== before.addresses.join())
    world.model.violations.push(`${container.identity} did not keep ${before.addresses.join()}`);
}

/** Whether the pool, as the container's node has it, still gives what the identity has. */
function isWhole(world: World, { node }: SimulatedContainer, { addresses }: Holding): boolean {
  const spaces = configOf(world, node).spaces;
  return (
    addresses.length === spaces.length &&
    addresses.every((code, set) => spaces.some((s, at) => at === set && inSpace(s, code)))
  );
}

const mayFail: readonly ErrorId[] = [
  "ipam.store-unreachable",
  "ipam.store-refused",
  "ipam.live-elsewhere",
  "ipam.address-taken",
  "ipam.requested-outside",
  "ipam.requested-excluded",
  "ipam.requested-gateway",
  "ipam.pool-changed",
  "ipam.pool-exhausted",
];

function judgeRefusal(
  world: World,
  container: SimulatedContainer,
  { error }: Extract<Outcome<unknown, CniError>, { ok: false }>,
  exact: boolean,
): void {
  const { violations } = world.model;
  if (!mayFail.includes(error.id)) violations.push(`ADD ${container.id}: ${error.id}: ${error.msg}`);
  if (error.id !== "ipam.pool-exhausted" || !exact) return;
  // A hold is over only if both clocks say so, and the store's time is in seconds.
  const nodeMs = world.machines.get(container.node)?.clock.nowMs() ?? 0;
  const nowMs = Math.min(nodeMs, Math.trunc(world.cluster.nowMs / 1000) * 1000);
  const full = configOf(world, container.node).spaces.some((space) => {
    const owners = world.cluster.entries().flatMap(({ key, value }) => {
      const code = codeOfKey(key);
      return code !== undefined && inSpace(space, code) ? [parsedHolding(value)] : [];
    });
    const kept = owners.filter((owner) => owner !== undefined && !isExpired(owner, nowMs));
    return BigInt(kept.length) === space.size;
  });
  if (!full) violations.push(`ADD ${container.id}: ${error.msg}, though there is room`);
}

function stopPod(world: World, busy: Set<string>): Promise<unknown> | undefined {
  const container = among(world, busy, ["live", "adding", "superseded"]);
  return container && runDel(world, container, crashPlan(world));
}

function lateDel(world: World, busy: Set<string>): Promise<unknown> | undefined {
  const container = among(world, busy, ["dead"]);
  return container && runDel(world, container, crashPlan(world));
}

function repeatAdd(world: World, busy: Set<string>): Promise<unknown> | undefined {
  const container = among(world, busy, ["live"]);
  return container && observedAdd(world, container, false, undefined);
}

/**
 * Attaches a container again under the same ID, after a failed ADD or after its DEL. After a DEL that was killed a runtime
 * calls DEL first, since the specification of CNI allows no second ADD of an attachment without a DEL between them.
 */
function addAgain(world: World, busy: Set<string>): Promise<unknown> | undefined {
  const container = among(world, busy, ["adding", "dead"]);
  if (container?.isDelKilled === true) return undefined;
  return container && observedAdd(world, container, false, undefined);
}

/** Calls GC. No runtime does so while it works on a container of the node. */
function collect(world: World, _busy: Set<string>, alone: boolean): Promise<unknown> | undefined {
  return alone ? collectOn(world, world.pick(nodes), world.pick(networks)) : undefined;
}

async function collectOn(world: World, node: string, network: string): Promise<void> {
  const { outcome, listed } = await runGc(world, node, network, crashPlan(world));
  if (outcome === "crash" || !outcome.ok) return;
  const left = world.cluster.entries().filter(({ key }) => isInKeyRange(keysOf(pool).attsOf(node), key));
  for (const { value } of left) {
    const holding = parsedHolding(value);
    const isListed = listed.some(({ id }) => id === holding?.containerId);
    if (holding?.network === network && !isListed)
      world.model.violations.push(`GC ${network} on ${node} left ${holding.containerId}`);
  }
}

async function inspectOne(world: World, container: SimulatedContainer): Promise<void> {
  const ips = container.addresses.map((code) => `${printCode(code)}/${code.startsWith("4") ? 24 : 64}`);
  const before = recordOf(world, container);
  const outcome = await runCheck(world, container, ips);
  if (outcome === "crash") return;
  const { violations } = world.model;
  const isLive = container.state === "live";
  // A late request may have given the addresses to a superseded container again, until its DEL.
  if (outcome.ok && (before ?? recordOf(world, container)) === undefined)
    violations.push(`CHECK ${container.id}: it passed, though nothing is recorded`);
  if (!outcome.ok && outcome.error.id === "ipam.drift" && isLive) violations.push(outcome.error.msg);
}

function inspect(world: World, busy: Set<string>): Promise<unknown> | undefined {
  const container = among(world, busy, ["live", "superseded"]);
  return container && inspectOne(world, container);
}

/** Repairs a node. A repair that came late could free a container that was attached again, so it needs a quiet moment. */
function repair(world: World, _busy: Set<string>, alone: boolean): Promise<unknown> | undefined {
  return alone && world.cluster.faultRate === 0 ? repairNode(world) : undefined;
}
