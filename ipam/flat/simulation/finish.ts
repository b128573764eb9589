import type { ErrorId } from "../../../cni/error-ids.ts";
import type { FakeMachine } from "../../../sys/fake.ts";
import { isInKeyRange, keysOf } from "../pool/keys.ts";
import { pool, type SimulatedContainer } from "./model.ts";
import { unreserveAll } from "./operators.ts";
import {
  configOf,
  networks,
  nodes,
  type PoolVersion,
  recordOf,
  runAdd,
  runDel,
  runGc,
  together,
  type World,
} from "./world.ts";

/** Ends all faults. Then DEL and GC free all addresses, and the pool gives exactly as many as it has. */
export async function finish(world: World, version: PoolVersion): Promise<void> {
  const { cluster, model, machines } = world;
  cluster.cut.clear();
  cluster.faultRate = 0;
  cluster.isFull = false;
  while (await cluster.deliverLate());
  for (const node of nodes) world.versions.set(node, version);
  await replayAll(world);
  for (const container of model.containers.values()) {
    await together(world, [mustSucceed(world, `DEL ${container.id}`, runDel(world, container))]);
  }
  for (const node of nodes) {
    for (const network of networks) {
      const collected = runGc(world, node, network).then(({ outcome }) => outcome);
      await together(world, [mustSucceed(world, `GC ${network} on ${node}`, collected)]);
    }
  }
  await together(world, [unreserveAll(world)]);
  const left = cluster.entries().filter(({ key }) => isInKeyRange(keysOf(pool).all.att, key));
  for (const { key } of left) model.violations.push(`${key} is left when all containers are gone`);
  for (const path of [...machines.values()].flatMap(journals))
    model.violations.push(`${path} is left when all is replayed`);
  for (const machine of machines.values()) machine.clock.advance(100_000_000_000);
  cluster.nowMs += 100_000_000_000;
  await fill(world);
}

/** Lets each node do an unrelated DEL until its journal is empty. */
async function replayAll(world: World): Promise<void> {
  const { model, machines } = world;
  for (const node of nodes) {
    const id = `stranger-${node}`;
    const stranger: SimulatedContainer = {
      ...{ id, node, network: "blue", ifname: "eth0", pod: "last/x" },
      ...unknown,
    };
    while (journals(machines.get(node)).length > 0)
      await together(world, [mustSucceed(world, `DEL ${id}`, runDel(world, stranger))]);
  }
  for (const container of model.containers.values()) {
    const recorded = recordOf(world, container);
    if (recorded !== undefined && recorded.sinceMs <= (container.journalledMs ?? 0))
      model.violations.push(`${container.id} is not released, though its DEL was journalled`);
  }
}

const unknown = { identity: "last/x/eth0", state: "adding", addresses: [] } as const;

function journals(machine: FakeMachine | undefined): string[] {
  return (machine?.disk.paths() ?? []).filter((path) => path.endsWith(".json"));
}

async function mustSucceed(
  { model }: World,
  what: string,
  outcome: Promise<{ readonly ok: boolean } | "crash">,
): Promise<void> {
  const ended = await outcome;
  if (ended === "crash" || !ended.ok) model.violations.push(`${what} failed when everything works`);
}

/** More pods than there are addresses, all at once. */
async function fill(world: World): Promise<void> {
  const { model } = world;
  const size = configOf(world, nodes[0]).spaces.reduce(
    (least, { size: each }) => Math.min(least, Number(each)),
    1000,
  );
  const fresh = Array.from({ length: size + 5 }, (_each, n): SimulatedContainer => {
    const id = `last${n}`;
    const pod = `last/${id}`;
    const node = nodes[n % nodes.length] ?? "";
    return {
      id,
      node,
      network: "blue",
      ifname: "eth0",
      pod,
      identity: `${pod}/eth0`,
      state: "adding",
      addresses: [],
    };
  });
  for (const container of fresh) model.containers.set(container.id, container);
  const outcomes: (ErrorId | "ok" | "crash")[] = [];
  await together(
    world,
    fresh.map(async (container) => {
      const outcome = await runAdd(world, container);
      outcomes.push(outcome === "crash" ? outcome : outcome.ok ? "ok" : outcome.error.id);
    }),
  );
  const given = outcomes.filter((each) => each === "ok").length;
  const refused = outcomes.filter((each) => each === "ipam.pool-exhausted").length;
  if (given !== size || refused !== 5)
    model.violations.push(`of a pool of ${size}, ${given} were given and ${refused} refused`);
}
