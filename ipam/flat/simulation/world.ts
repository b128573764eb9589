import { parseCidr } from "../../../cni/address.ts";
import type { CniError } from "../../../cni/errors.ts";
import type { CniResult } from "../../../cni/types.ts";
import { Crash, createMachine, type FakeMachine, type FakeProcess } from "../../../sys/fake.ts";
import { createChance } from "../../../sys/fake-clock.ts";
import type { Outcome } from "../../../sys/outcome.ts";
import { must } from "../../../sys/outcome-testing.ts";
import { add } from "../add.ts";
import { check } from "../check.ts";
import { type FlatConfig, parseFlatConfig } from "../config.ts";
import { del } from "../del.ts";
import { type FlatCall, invocationOf } from "../flat-testing.ts";
import { gc } from "../gc.ts";
import { codeOfAddress, keysOf } from "../pool/keys.ts";
import { holdingAt } from "../pool/pool-testing.ts";
import { type Caller, type Cluster, createCluster } from "./cluster.ts";
import { type ClusterModel, judgeAdd, judgeChange, pool, type SimulatedContainer } from "./model.ts";

/** How a node's configuration of the pool is written. Nodes may have different versions of it for a while. */
export interface PoolVersion {
  readonly ranges: readonly unknown[];
  readonly hold: string;
}

export interface World {
  readonly model: ClusterModel;
  readonly cluster: Cluster;
  readonly machines: ReadonlyMap<string, FakeMachine>;
  readonly versions: Map<string, PoolVersion>;
  readonly chance: () => number;
  readonly pick: <T>(list: readonly T[]) => T;
  /** Errors by id, with how often they were seen. */
  readonly seen: Map<string, number>;
}

export const nodes = ["n1", "n2", "n3"] as const;
export const networks = ["blue", "green"] as const;

export function createWorld(seed: number, policy: ClusterModel["policy"], version: PoolVersion): World {
  const chance = createChance(seed);
  const model: ClusterModel = { containers: new Map(), policy, violations: [] };
  const machines = new Map(
    nodes.map((node, at) => [node, createMachine({ seed: seed + at, files: identityOf(at) })]),
  );
  const startMs = machines.get(nodes[0])?.clock.nowMs() ?? 0;
  const cluster = createCluster(chance, startMs, (asker, before, after, nowMs) =>
    judgeChange(model, asker, { before, after, nowMs }),
  );
  // The clock of one node is behind and that of another is ahead, by more than most holds.
  machines.get(nodes[1])?.clock.advance(-skewMs);
  machines.get(nodes[2])?.clock.advance(skewMs);
  return {
    model,
    cluster,
    machines,
    versions: new Map(nodes.map((node) => [node, version])),
    chance,
    pick: (list) => {
      const one = list[Math.floor(chance() * list.length)];
      if (one === undefined) throw new Error("there is nothing to pick from");
      return one;
    },
    seen: new Map(),
  };
}

const skewMs = 7_200_000;

/** The configuration of the pool as a node has it now. */
export function configOf(world: World, node: string): FlatConfig {
  const machine = world.machines.get(node);
  if (machine === undefined) throw new Error(`there is no node ${node}`);
  const ipam = { ...world.versions.get(node), node, pool };
  const { config } = invocationOf({ verb: "STATUS", containerId: "", ipam });
  return must(parseFlatConfig(machine.spawn().sys, config));
}

function identityOf(at: number): Readonly<Record<string, string>> {
  return { "/etc/machine-id": `${String(at).repeat(32)}\n` };
}

/** Reboots a node: all its sandboxes are gone. Its runtime may have lost some of its files. */
export function reboot({ machines, model, seen }: World, node: string): void {
  machines.get(node)?.crash({ lose: "some" });
  for (const container of model.containers.values()) if (container.node === node) container.state = "dead";
  seen.set("reboot", (seen.get("reboot") ?? 0) + 1);
}

/** One call of the plugin by the runtime of a node. */
async function call<T>(
  world: World,
  asker: Caller,
  verb: (...args: Parameters<typeof add>) => Promise<Outcome<T, CniError>>,
  what: FlatCall,
): Promise<Outcome<T, CniError> | "crash"> {
  const { node } = asker;
  const machine = world.machines.get(node);
  const version = world.versions.get(node);
  if (machine === undefined) throw new Error(`there is no node ${node}`);
  const process: FakeProcess = machine.spawn();
  const ipam = { ...version, pool, node, onLiveElsewhere: world.model.policy, ...what.ipam };
  try {
    const outcome = await verb(process.sys, invocationOf({ ...what, ipam }), async () =>
      world.cluster.connect(asker),
    );
    const id = outcome.ok ? `${what.verb} ok` : outcome.error.id;
    world.seen.set(id, (world.seen.get(id) ?? 0) + 1);
    return outcome;
  } catch (error) {
    if (error instanceof Crash) return "crash";
    throw error;
  } finally {
    machine.kill(process.pid);
  }
}

export type CrashPlan = Caller["crash"];

function askerOf({ node, id }: SimulatedContainer, verb: string, crash: CrashPlan): Caller {
  return { node, what: `${verb} ${id}`, ...(crash === undefined ? {} : { crash }) };
}

function callOf({ id, ifname, pod, network }: SimulatedContainer): Omit<FlatCall, "verb"> {
  return { containerId: id, ifname, pod, network };
}

export async function runAdd(
  world: World,
  container: SimulatedContainer,
  options: { readonly crash?: CrashPlan; readonly request?: string } = {},
): Promise<Outcome<CniResult, CniError> | "crash"> {
  const former = container.state === "live" ? container.addresses : undefined;
  if (container.state === "dead") container.state = "adding";
  const { request } = options;
  const more = request === undefined ? {} : { more: { runtimeConfig: { ips: [request] } } };
  const asker = askerOf(container, "ADD", options.crash);
  const outcome = await call(world, asker, add, { verb: "ADD", ...callOf(container), ...more });
  if (outcome === "crash" || !outcome.ok) return outcome;
  if (container.state === "superseded") return outcome;
  container.addresses = (outcome.value.ips ?? []).flatMap(({ address }) => {
    const cidr = parseCidr(address);
    return cidr === undefined ? [] : [codeOfAddress(cidr.address)];
  });
  if (former !== undefined && former.join() !== container.addresses.join())
    world.model.violations.push(
      `(d) repeated ADD of ${container.id}: ${former.join()}, then ${container.addresses.join()}`,
    );
  container.state = "live";
  judgeAdd(world.model, container, recordOf(world, container));
  return outcome;
}

export function recordOf({ cluster }: World, { node, id, ifname }: SimulatedContainer) {
  return holdingAt(cluster.entries(), keysOf(pool).att(node, id, ifname));
}

export async function runDel(world: World, container: SimulatedContainer, crash?: CrashPlan) {
  // A runtime that has called DEL takes the addresses for free, even if DEL fails.
  container.state = "dead";
  const calledMs = world.machines.get(container.node)?.clock.nowMs() ?? 0;
  const outcome = await call(world, askerOf(container, "DEL", crash), del, {
    verb: "DEL",
    ...callOf(container),
  });
  container.isDelKilled = outcome === "crash";
  if (outcome !== "crash" && !outcome.ok) container.journalledMs = calledMs;
  return outcome;
}

/** Calls GC with the containers that the runtime takes for running. */
export async function runGc(world: World, node: string, network: string, crash?: CrashPlan) {
  const own = [...world.model.containers.values()].filter(
    (each) => each.node === node && each.network === network,
  );
  const listed = own.filter(({ state }) => state === "live" || state === "adding");
  const valid = listed.map(({ id, ifname }) => ({ containerID: id, ifname }));
  for (const each of own) if (!listed.includes(each)) each.state = "dead";
  const asker: Caller = { node, what: `GC ${network}`, ...(crash === undefined ? {} : { crash }) };
  const more = { "cni.dev/valid-attachments": valid };
  const outcome = await call(world, asker, gc, { verb: "GC", containerId: "", network, more });
  return { outcome, listed };
}

export async function runCheck(world: World, container: SimulatedContainer, ips: readonly string[]) {
  const prevResult = { cniVersion: "1.1.0", ips: ips.map((address) => ({ address })) };
  const asker = askerOf(container, "CHECK", undefined);
  return await call(world, asker, check, { verb: "CHECK", ...callOf(container), more: { prevResult } });
}

/** Lets operations run side by side, their requests reaching the store in an order that chance decides. */
export async function together(world: World, operations: readonly Promise<unknown>[]): Promise<void> {
  let done = false;
  const all = Promise.all(operations).finally(() => {
    done = true;
  });
  // A failure is thrown below. Until then it may not count as unhandled.
  all.catch(() => {});
  for (let idle = 0; !done; ) {
    idle = (await world.cluster.step()) ? 0 : idle + 1;
    if (idle > 1000) throw new Error("operations wait for something that does not come");
  }
  await all;
}
