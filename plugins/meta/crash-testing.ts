import type { CniError } from "../../cni/errors.ts";
import { Crash, type FakeMachine, type FakeProcess } from "../../sys/fake.ts";
import type { Outcome } from "../../sys/outcome.ts";
import { callVerb, invocationFrom, type PluginVerb } from "./meta-testing.ts";

/** One call of the meta-plugin, in a process that a test may fail or stop at any effect. */
export interface TestedCall {
  readonly verb: PluginVerb;
  readonly containerId: string;
  readonly config: object;
  /** Variables of the environment that differ from the usual ones. */
  readonly variables?: Readonly<Record<string, string>>;
}

export function callIn(
  { sys }: Pick<FakeProcess, "sys">,
  { verb, containerId, config, variables = {} }: TestedCall,
): Promise<Outcome<unknown, CniError>> {
  const usual = { CNI_COMMAND: verb, CNI_CONTAINERID: containerId, CNI_NETNS: "/ns", CNI_IFNAME: "eth0" };
  return callVerb(sys, verb, invocationFrom({ ...usual, CNI_PATH: "/bin/cni", ...variables }, config));
}

/** Runs the call. Returns its value, or that its process has died. A process ends with its verb. */
export async function outcomeIn(
  machine: FakeMachine,
  process: FakeProcess,
  call: TestedCall,
): Promise<Outcome<unknown, CniError> | "crash"> {
  try {
    const outcome = await callIn(process, call);
    machine.kill(process.pid);
    return outcome;
  } catch (error) {
    if (error instanceof Crash) return "crash";
    throw error;
  }
}

export async function endOf(
  machine: FakeMachine,
  process: FakeProcess,
  call: TestedCall,
): Promise<"ok" | "error" | "crash"> {
  const outcome = await outcomeIn(machine, process, call);
  if (outcome === "crash") return outcome;
  return outcome.ok ? "ok" : "error";
}

/** What there is of a container: what delegates have made for it, and its records. */
export function heldBy(
  containerId: string,
  { world, machine }: { readonly world: Iterable<string>; readonly machine: FakeMachine },
  records: string,
): string[] {
  const names = machine.disk.list(records);
  const files = names.ok ? names.value.filter((name) => name.includes(`${containerId}@`)) : [];
  return [...[...world].filter((made) => made.includes(`/${containerId}/`)), ...files].sort();
}
