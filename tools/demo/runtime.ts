import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { annotationsCapability, network, type Pod, places } from "./demo-node.ts";
import { DemoFailure, must, type Ran, run } from "./programs.ts";

/** The part of a container runtime that calls CNI plugins. */
export interface Runtime {
  readonly name: string;
  /** The command that a person would type for this verb. */
  commandLine(verb: PodVerb, pod: Pod): string;
  call(verb: PodVerb, pod: Pod): Ran;
  /** Calls GC as containerd and CRI-O do, with the attachments that they still know. */
  gc(valid: readonly Pod[]): Ran;
}

export type PodVerb = "add" | "check" | "del" | "status";

export interface DemoPrograms {
  readonly hawser: string;
  readonly pluginsDir: string;
  /** Undefined if it could not be built. */
  readonly cnitool: string | undefined;
}

/** Finds the programs that `make build` has made, or says which one is missing. */
export function findPrograms(root: string): DemoPrograms {
  const hawser = join(root, "dist", "hawser");
  const pluginsDir = join(root, "build", "plugins");
  const needed = [
    hawser,
    ...["bridge", "macvlan", "host-local", "static"].map((name) => join(pluginsDir, name)),
  ];
  const missing = needed.filter((path) => !existsSync(path));
  if (missing.length > 0) {
    throw new DemoFailure(`missing: ${missing.join(", ")}\nRun "make setup build" first ("make demo" does).`);
  }
  const cnitool = join(pluginsDir, "cnitool");
  return { hawser, pluginsDir, cnitool: existsSync(cnitool) ? cnitool : undefined };
}

/** The highest version of the specification that an installed plugin speaks. */
export function highestVersion(plugin: string): string {
  const answer: { supportedVersions?: string[] } = JSON.parse(
    must([plugin], { env: { CNI_COMMAND: "VERSION" }, input: '{"cniVersion":"1.0.0"}' }),
  );
  const versions = (answer.supportedVersions ?? []).toSorted((a, b) =>
    a.localeCompare(b, "en", { numeric: true }),
  );
  return versions.at(-1) ?? "1.0.0";
}

export function makeRuntime(programs: DemoPrograms): Runtime {
  const cniPath = [join(programs.hawser, ".."), programs.pluginsDir].join(delimiter);
  const direct = directRuntime(programs.hawser, cniPath);
  return programs.cnitool === undefined ? direct : withCnitool(programs.cnitool, cniPath, direct);
}

function cniArgs(pod: Pod): string {
  return `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${pod.name}`;
}

/**
 * Calls the plugin through cnitool, the reference's own command line over libcni. cnitool passes no list to GC, so GC calls the
 * plugin directly.
 */
function withCnitool(cnitool: string, cniPath: string, direct: Runtime): Runtime {
  return {
    name: "cnitool",
    commandLine: (verb, pod) => `cnitool ${verb} ${network} ${pod.netns}`,
    call: (verb, pod) => {
      const env = {
        NETCONFPATH: places.confDir,
        CNI_PATH: cniPath,
        CNI_ARGS: cniArgs(pod),
        CAP_ARGS: JSON.stringify({ [annotationsCapability]: pod.annotations }),
      };
      return run([cnitool, verb, network, pod.netns], { env });
    },
    gc: direct.gc,
  };
}

/** Calls the plugin as the specification says, without libcni. */
function directRuntime(hawser: string, cniPath: string): Runtime {
  const results = new Map<string, unknown>();
  const plugin = (more: Record<string, unknown>) => {
    const list = JSON.parse(readFileSync(places.confFile, "utf8"));
    const { capabilities: _kept, ...config } = list.plugins[0];
    return JSON.stringify({ cniVersion: list.cniVersion, name: list.name, ...config, ...more });
  };
  const call = (verb: PodVerb, pod: Pod) => {
    const prevResult = verb === "add" ? undefined : results.get(pod.name);
    const input = plugin({ runtimeConfig: { [annotationsCapability]: pod.annotations }, prevResult });
    const env = {
      CNI_COMMAND: verb.toUpperCase(),
      CNI_CONTAINERID: containerId(pod),
      CNI_NETNS: pod.netns,
      CNI_IFNAME: "eth0",
      CNI_ARGS: cniArgs(pod),
      CNI_PATH: cniPath,
    };
    const ran = run([hawser], { env, input });
    if (verb === "add" && ran.code === 0) results.set(pod.name, JSON.parse(ran.stdout));
    return ran;
  };
  const gc = (valid: readonly Pod[]) => {
    const list = valid.map((pod) => ({ containerID: containerId(pod), ifname: "eth0" }));
    const env = { CNI_COMMAND: "GC", CNI_PATH: cniPath };
    return run([hawser], { env, input: plugin({ "cni.dev/valid-attachments": list }) });
  };
  return {
    name: "the plugin itself (there is no cnitool here)",
    commandLine: (verb, pod) => `CNI_COMMAND=${verb.toUpperCase()} CNI_NETNS=${pod.netns} ... hawser`,
    call,
    gc,
  };
}

/**
 * The container ID that cnitool makes from a namespace's path. We make the same one, so that both ways of calling can be mixed.
 */
export function containerId({ netns }: Pod): string {
  return `cnitool-${createHash("sha512").update(netns).digest("hex").slice(0, 20)}`;
}
