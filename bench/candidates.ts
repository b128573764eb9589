import { join } from "node:path";
import type { BenchScene } from "./bench-scene.ts";
import { sumOf } from "./cost.ts";
import type { Contender } from "./rounds.ts";
import type { TimedCall, Timer } from "./timed-call.ts";

/** A candidate that answers VERSION. */
export function versionOf(timer: Timer, name: string, executable: string, inputFile: string): Contender {
  const env = { CNI_COMMAND: "VERSION" };
  return { name, round: () => ({ [name]: timer({ executable, env, inputFile }) }) };
}

/** The namespace and the container of a candidate's call. No container ID is used twice in one run. */
export interface Seat {
  readonly netns: string;
  readonly containerId: string;
}

export function seat(scene: BenchScene, name: string, index: number): Seat {
  const netns = scene.sandboxes[index % scene.sandboxes.length];
  if (netns === undefined) throw new Error("a scene has sandboxes");
  return { netns, containerId: `${name.replaceAll(/[^a-z0-9-]/g, "-")}-${index}` };
}

export function attachEnv(verb: "ADD" | "DEL", at: Seat, ifname: string, cniPath: string) {
  return {
    PATH: process.env.PATH ?? "",
    CNI_COMMAND: verb,
    CNI_CONTAINERID: at.containerId,
    CNI_NETNS: at.netns,
    CNI_IFNAME: ifname,
    CNI_PATH: cniPath,
    CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=bench",
  };
}

/** One hawser process for all of a pod's networks. */
export function throughHawser(
  timer: Timer,
  scene: BenchScene,
  name: string,
  of: { readonly executable: string; readonly cniPath: string; readonly inputFile: string },
): Contender {
  return {
    name,
    round: (index) => {
      const at = seat(scene, name, index);
      const call = (verb: "ADD" | "DEL"): TimedCall => ({
        ...of,
        env: attachEnv(verb, at, "eth0", of.cniPath),
      });
      return { [`${name} ADD`]: timer(call("ADD")), [`${name} DEL`]: timer(call("DEL")) };
    },
  };
}

interface Delegates {
  readonly networks: number;
  readonly pluginsDir: string;
}

/** The same delegates with the same configurations, one process after the other; DEL in reverse. */
export function directly(timer: Timer, scene: BenchScene, name: string, of: Delegates): Contender {
  return {
    name,
    round: (index) => {
      const at = seat(scene, name, index);
      return {
        [`${name} ADD`]: sumOf(directCalls(scene, of, "ADD", at).map(timer)),
        [`${name} DEL`]: sumOf(directCalls(scene, of, "DEL", at).map(timer)),
      };
    },
  };
}

/** The calls of one pod's delegates, in their order. */
export function directCalls(
  { delegates }: BenchScene,
  { networks, pluginsDir }: Delegates,
  verb: "ADD" | "DEL",
  at: Seat,
): TimedCall[] {
  const executable = join(pluginsDir, "bridge");
  const calls = delegates.slice(0, networks).map((inputFile, n): TimedCall => {
    const ifname = n === 0 ? "eth0" : `net${n}`;
    return { executable, inputFile, env: attachEnv(verb, at, ifname, pluginsDir) };
  });
  return verb === "ADD" ? calls : calls.toReversed();
}
