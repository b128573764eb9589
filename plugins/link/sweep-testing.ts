import { expect } from "vitest";
import { parseNetworkConfig } from "../../cni/config.ts";
import { parseEnvironment } from "../../cni/environment.ts";
import type { CniError } from "../../cni/errors.ts";
import { printJson } from "../../cni/json.ts";
import type { Invocation, Plugin } from "../../cni/plugin.ts";
import type { CniResult } from "../../cni/types.ts";
import { listAddresses } from "../../net/addresses.ts";
import type { Disturbance, KernelOptions } from "../../net/simulation/kernel-model.ts";
import type { KernelView } from "../../net/simulation/kernel-snapshot.ts";
import { createKernel, homePath, type SimulatedKernel } from "../../net/simulation/simulated-kernel.ts";
import { talk } from "../../net/talk.ts";
import {
  Crash,
  createMachine,
  exited,
  type FakeMachine,
  type FakeProcess,
  type Handler,
} from "../../sys/fake.ts";
import type { Outcome } from "../../sys/outcome.ts";
import { must } from "../../sys/outcome-testing.ts";

/** A node in memory on which a plugin is stopped or fails at every single effect. */

/** One configuration of a plugin, and what lies on the node before. */
export interface SweepCase {
  readonly plugin: Plugin;
  /** Without name, type and version. An `ipam` of type `honest` gives addresses, and knows who has them. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Prepares the node's own namespace and the container's, before anything else. */
  readonly prepare?: (place: SweepPlace) => Promise<void>;
  /** What a chained plugin gets of the one before it. */
  readonly prevResult?: (containerId: string) => CniResult;
  readonly options?: KernelOptions;
  /** Links of the node that an attachment may leave, like a bridge. */
  readonly stays?: RegExp;
  /** Leaves out what DEL may leave in the container, since its interface or its namespace goes. A failed ADD leaves nothing. */
  readonly afterDel?: (left: NodeLeft) => NodeLeft;
  readonly executables?: Readonly<Record<string, Handler>>;
  readonly files?: Readonly<Record<string, string>>;
  /** GC cannot tell for sure what is left, and leaves it to DEL or the next ADD. */
  readonly needsDel?: boolean;
  /** Whether two containers can be attached at once: some devices are only one. */
  readonly isLonely?: boolean;
}

export interface SweepPlace {
  readonly kernel: SimulatedKernel;
  readonly netns: string;
  readonly containerId: string;
}

export interface SweepNode {
  readonly machine: FakeMachine;
  readonly kernel: SimulatedKernel;
  /** `container/interface address`, of all that are given. */
  readonly given: Map<string, string>;
  readonly swept: SweepCase;
  /** Spoils the answer to a change of this number, counted from the moment that it is set. */
  spoil(at: number, how: Disturbance): void;
  /** How many changes were answered since the last `spoil`. */
  changes(): number;
}

export type SweepVerb = "ADD" | "DEL" | "CHECK" | "GC" | "STATUS";

export const victim = "victim";
export const neighbour = "neighbour";
export const netnsOf = (containerId: string): string => `/var/run/netns/${containerId}`;

export async function makeNode(swept: SweepCase): Promise<SweepNode> {
  const given = new Map<string, string>();
  let changes = 0;
  let spoiled: { at: number; how: Disturbance } | undefined;
  const kernel = createKernel({
    looks: 0,
    ...swept.options,
    disturb: (_answer, isDump, isChange) => {
      if (isDump || !isChange) return undefined;
      const number = changes++;
      return spoiled?.at === number ? spoiled.how : undefined;
    },
  });
  const machine = createMachine({
    network: kernel,
    executables: { "/bin/cni/honest": honestIpam(given), ...swept.executables },
    files: swept.files ?? {},
  });
  const node: SweepNode = {
    machine,
    kernel,
    given,
    swept,
    spoil: (at, how) => {
      spoiled = { at, how };
      changes = 0;
    },
    changes: () => changes,
  };
  for (const containerId of swept.isLonely === true ? [victim] : [victim, neighbour]) {
    await addContainer(node, containerId);
  }
  return node;
}

export async function addContainer({ kernel, swept }: SweepNode, containerId: string): Promise<void> {
  const netns = netnsOf(containerId);
  kernel.addNamespace(netns);
  await swept.prepare?.({ kernel, netns, containerId });
}

/** Gives addresses in order, and refuses to give one twice. */
function honestIpam(given: Map<string, string>): Handler {
  return ({ env, stdin }) => {
    const { CNI_COMMAND: verb, CNI_CONTAINERID: id, CNI_IFNAME: ifname } = env;
    const key = `${id}/${ifname}`;
    const refuse = (msg: string) => exited(1, printJson({ cniVersion: "1.1.0", code: 999, msg }));
    const config = JSON.parse(stdin) as Record<string, unknown> & {
      ipam?: { families?: string[]; routes?: unknown };
    };
    if (verb === "DEL") given.delete(key);
    if (verb === "GC") {
      const valid = (config["cni.dev/valid-attachments"] ?? []) as { containerID: string; ifname: string }[];
      const kept = new Set(valid.map((each) => `${each.containerID}/${each.ifname}`));
      for (const each of [...given.keys()]) if (!kept.has(each)) given.delete(each);
    }
    if (verb === "CHECK" && !given.has(key)) return refuse("it has no address");
    if (verb !== "ADD") return exited(0, "");
    if (given.has(key)) return refuse("it has an address");
    const taken = [...given.values()];
    let host = 2;
    while (taken.includes(`${host}`)) host++;
    given.set(key, `${host}`);
    const { families = ["4"], routes = [{ dst: "0.0.0.0/0" }] } = config.ipam ?? {};
    const ips = families.map((family) =>
      family === "4"
        ? { address: `10.1.0.${host}/24`, gateway: "10.1.0.1" }
        : { address: `fd00:1::${host}/64`, gateway: "fd00:1::1" },
    );
    return exited(0, printJson({ cniVersion: "1.1.0", ips, routes }));
  };
}

export interface SweepCall {
  readonly verb: SweepVerb;
  readonly containerId?: string;
  /** Empty: the container's namespace is not named. */
  readonly netns?: string;
  readonly prevResult?: CniResult | undefined;
  /** Who GC spares. */
  readonly valid?: readonly string[];
}

const ifnameOfTests = "eth0";

function invocationOf({ swept }: SweepNode, call: SweepCall): Invocation {
  const { verb, containerId = victim, netns = netnsOf(containerId), prevResult, valid } = call;
  const environment = parseEnvironment({
    CNI_COMMAND: verb,
    CNI_CONTAINERID: containerId,
    CNI_NETNS: netns,
    CNI_IFNAME: ifnameOfTests,
    CNI_PATH: "/bin/cni",
  });
  const config = parseNetworkConfig(
    printJson({
      cniVersion: "1.1.0",
      name: "pods",
      type: "tested",
      ...swept.config,
      ...(prevResult === undefined ? {} : { prevResult: { ...prevResult, cniVersion: "1.1.0" } }),
      ...(valid === undefined
        ? {}
        : {
            "cni.dev/valid-attachments": valid.map((each) => ({ containerID: each, ifname: ifnameOfTests })),
          }),
    } as never),
  );
  return { environment: must(environment), config: must(config) };
}

/** Runs a verb in a process. A chained plugin's ADD gets what came before it. */
export async function callIn(node: SweepNode, process: FakeProcess, call: SweepCall): Promise<SweepEnd> {
  const { plugin, prevResult } = node.swept;
  const chained =
    call.prevResult ?? (call.verb === "ADD" ? prevResult?.(call.containerId ?? victim) : undefined);
  const invocation = invocationOf(node, {
    ...call,
    ...(chained === undefined ? {} : { prevResult: chained }),
  });
  const verbs = {
    ADD: plugin.add,
    DEL: plugin.del,
    CHECK: plugin.check,
    GC: plugin.gc,
    STATUS: plugin.status,
  };
  try {
    const outcome = await verbs[call.verb](process.sys, invocation);
    node.machine.kill(process.pid);
    return outcome;
  } catch (error) {
    if (error instanceof Crash) return "crash";
    throw error;
  } finally {
    // A process has nothing open any more when it is gone.
    node.kernel.reap();
  }
}

export type SweepEnd = Outcome<unknown, CniError> | "crash";

/** Runs a verb that must succeed. */
export async function succeedIn(
  node: SweepNode,
  call: SweepCall,
  where = "",
): Promise<CniResult | undefined> {
  const ended = await callIn(node, node.machine.spawn(), call);
  const said = ended === "crash" || ended.ok ? ended : ended.error;
  expect(said, `${call.verb} of ${call.containerId ?? victim} ${where}`).toMatchObject({ ok: true });
  return ended === "crash" || !ended.ok ? undefined : (ended.value as CniResult | undefined);
}

/** Everything that a plugin may leave: in the kernel, with IPAM, on the disk. */
export interface NodeLeft {
  readonly kernel: KernelView;
  readonly given: readonly string[];
  readonly files: readonly string[];
}

export async function leftIn(node: SweepNode): Promise<NodeLeft> {
  await letTimePass(node.kernel);
  return {
    kernel: node.kernel.state(),
    given: [...node.given.keys()].sort(),
    files: filesIn(node.machine, ""),
  };
}

/** Addresses of IPv6 are tried out by and by. */
async function letTimePass(kernel: SimulatedKernel): Promise<void> {
  for (const path of Object.keys(kernel.state())) {
    const namespace = must(await kernel.open(path));
    const socket = must(namespace.socket("route"));
    for (let look = 0; look < 3; look++) must(talk(socket, listAddresses()));
    namespace.close();
  }
}

function filesIn(machine: FakeMachine, folder: string): string[] {
  const names = machine.disk.list(folder === "" ? "/" : folder);
  if (!names.ok) return [];
  return names.value.flatMap((name) => {
    const path = `${folder}/${name}`;
    const stat = machine.disk.stat(path);
    if (stat.ok && stat.value.kind === "folder") return filesIn(machine, path);
    return [path];
  });
}

/** Leaves out what an attachment may leave on the node: a bridge with its addresses and routes, and forwarding that is on. */
export function withoutStaying(left: NodeLeft, stays: RegExp): NodeLeft {
  const home = left.kernel[homePath];
  if (home === undefined) return left;
  const names = Object.keys(home.links).filter((name) => stays.test(name));
  const links = Object.fromEntries(Object.entries(home.links).filter(([name]) => !names.includes(name)));
  const routes = home.routes.filter((route) => !names.some((name) => route.includes(`dev ${name} `)));
  const settings = Object.fromEntries(
    Object.entries(home.settings).filter(
      ([key]) => !/forward/.test(key) && !names.some((name) => key.includes(`/${name}/`)),
    ),
  );
  return { ...left, kernel: { ...left.kernel, [homePath]: { ...home, links, routes, settings } } };
}

type PartOfView = "settings" | "routes";

/** Leaves out a part of what the containers' namespaces hold. */
export function withoutPart(part: PartOfView): (left: NodeLeft) => NodeLeft {
  return (left) => {
    const kernel = Object.fromEntries(
      Object.entries(left.kernel).map(([path, view]) => [
        path,
        path === homePath ? view : { ...view, [part]: part === "routes" ? [] : {} },
      ]),
    );
    return { ...left, kernel };
  };
}
