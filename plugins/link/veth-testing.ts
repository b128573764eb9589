import { expect } from "vitest";
import { parseNetworkConfig } from "../../cni/config.ts";
import { parseEnvironment } from "../../cni/environment.ts";
import type { CniError } from "../../cni/errors.ts";
import { parseJson } from "../../cni/json.ts";
import type { Invocation, Plugin } from "../../cni/plugin.ts";
import type { CniResult } from "../../cni/types.ts";
import type { KernelOptions } from "../../net/simulation/kernel-model.ts";
import { createKernel, homePath, type SimulatedKernel } from "../../net/simulation/simulated-kernel.ts";
import { createMachine, type FakeMachine, type FakeProcess } from "../../sys/fake.ts";
import { Crash } from "../../sys/fake-children.ts";
import type { Outcome } from "../../sys/outcome.ts";
import type { RunRequest } from "../../sys/sys.ts";

/** The namespace of container c1. */
export const podPath = "/run/netns/c1";
const binDir = "/opt/cni/bin";

/** A node with a container, and an IPAM plugin `test-ipam`, which gives what the configuration says. */
export interface TestNode {
  readonly kernel: SimulatedKernel;
  readonly machine: FakeMachine;
  /** The verbs that the IPAM plugin was called with. */
  readonly ipamCalls: string[];
  /** How many addresses are allocated. */
  allocated(): number;
}

export function createNode(options: KernelOptions = {}): TestNode {
  const kernel = createKernel(options);
  kernel.addNamespace(podPath);
  const ipamCalls: string[] = [];
  const held = new Set<string>();
  const machine = createMachine({
    network: kernel,
    executables: { [`${binDir}/test-ipam`]: (request) => answerIpam(request, ipamCalls, held) },
  });
  return { kernel, machine, ipamCalls, allocated: () => held.size };
}

function answerIpam({ env, stdin }: RunRequest, calls: string[], held: Set<string>) {
  const { CNI_COMMAND: verb = "", CNI_CONTAINERID: id = "" } = env;
  calls.push(verb);
  const config = parseJson(stdin);
  if (!config.ok) throw new Error("the configuration is no JSON");
  const { ipam } = config.value as { ipam: { gives: object; fails?: string[] } };
  const isRefused = ipam.fails?.includes(verb) === true;
  if (verb === "ADD") held.add(id);
  if (verb === "DEL") held.delete(id);
  const refusal = { cniVersion: "1.1.0", code: 11, msg: "no addresses left" };
  const answer = isRefused ? refusal : verb === "ADD" ? { cniVersion: "1.1.0", ...ipam.gives } : undefined;
  return {
    end: { kind: "exited", code: isRefused ? 1 : 0 },
    stdout: answer === undefined ? "" : JSON.stringify(answer),
    stderr: "",
  } as const;
}

/** A call for container c1 (eth0). */
export function callOf(command: string, config: object, variables: Record<string, string> = {}): Invocation {
  const environment = parseEnvironment({
    CNI_COMMAND: command,
    CNI_CONTAINERID: "c1",
    CNI_NETNS: podPath,
    CNI_IFNAME: "eth0",
    CNI_PATH: binDir,
    ...variables,
  });
  const parsed = parseNetworkConfig(
    JSON.stringify({ cniVersion: "1.1.0", name: "n", type: "test", ...config }),
  );
  if (!environment.ok || !parsed.ok) throw new Error("the test's own call is wrong");
  return { environment: environment.value, config: parsed.value };
}

export function mustAdd(outcome: Outcome<CniResult, CniError>): CniResult {
  if (!outcome.ok) expect.unreachable(`ADD failed: ${outcome.error.msg}; ${outcome.error.details}`);
  return outcome.value;
}

export function errorOf(outcome: Outcome<unknown, CniError>): CniError {
  if (outcome.ok) expect.unreachable("it succeeded");
  return outcome.error;
}

/** What is left on the node and in the container, by names; settings aside. */
export function leftovers({ kernel, allocated }: TestNode): object {
  const state = kernel.state();
  const shown = [homePath, podPath].map((path) => {
    const { links = {}, routes = [], rules = [], tables = [] } = state[path] ?? {};
    return { path, links: Object.keys(links).sort(), routes, rules, tables };
  });
  return { shown, allocated: allocated() };
}

interface Attempted {
  readonly effects: readonly string[];
  readonly outcome: Outcome<CniResult, CniError> | "crash";
}

async function attempt(
  node: TestNode,
  plugin: Plugin,
  config: object,
  prepare: (process: FakeProcess) => void,
): Promise<Attempted> {
  const process = node.machine.spawn();
  prepare(process);
  try {
    const outcome = await plugin.add(process.sys, callOf("ADD", config));
    return { effects: process.effects(), outcome };
  } catch (error) {
    if (!(error instanceof Crash)) throw error;
    return { effects: process.effects(), outcome: "crash" };
  } finally {
    node.kernel.reap();
  }
}

/**
 * Fails and stops an ADD at each of its effects. A failed ADD leaves what `settled` says; a stopped one leaves no more after a DEL;
 * and an ADD after it succeeds.
 */
export async function tryEveryEffect(
  plugin: Plugin,
  config: object,
  settled: (node: TestNode) => void,
): Promise<number> {
  const { effects } = await attempt(createNode(), plugin, config, () => undefined);
  for (let effect = 0; effect < effects.length; effect++) {
    for (const how of ["fault", "before", "after"] as const) {
      const node = createNode();
      const { outcome } = await attempt(node, plugin, config, (process) => {
        if (how === "fault") process.failAt(effect, "EPERM");
        else process.crashAt(effect, how);
      });
      const where = `${how} at ${effects[effect]}`;
      if (how === "fault") {
        // Some effects an ADD can do without.
        if (outcome !== "crash" && outcome.ok) continue;
      } else {
        expect(outcome, where).toBe("crash");
        const deleted = await plugin.del(node.machine.spawn().sys, callOf("DEL", config));
        expect(deleted, where).toEqual({ ok: true, value: undefined });
      }
      try {
        settled(node);
      } catch (error) {
        throw new Error(`${where}: ${String(error)}`);
      }
      const again = await plugin.add(node.machine.spawn().sys, callOf("ADD", config));
      expect(again.ok ? "" : `${where}: ${again.error.msg}`).toBe("");
    }
  }
  return effects.length;
}
