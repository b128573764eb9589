import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BenchFailure } from "./timed-call.ts";

/** Where the bench finds what it compares. */
export interface BenchPrograms {
  readonly hawser: string;
  /** The same bundle as a Node executable; undefined when `make build-pkg` was not run. */
  readonly hawserNode: string | undefined;
  /** The empty program: what the engine alone costs. */
  readonly empty: string;
  readonly pluginsDir: string;
}

/** The stage of one run: sandboxes, and configurations as files. */
export interface BenchScene {
  /** Paths of network namespaces that are empty between calls. */
  readonly sandboxes: readonly string[];
  /** Files of the delegates' configurations, in the order of attachment: the primary, n1, n2, ... */
  readonly delegates: readonly string[];
  /** A file with what VERSION has on stdin. */
  readonly versionInput: string;
  /** A file with hawser's configuration for such a pod. */
  hawserConfig(shape: Shape): string;
}

/** How a pod is attached. */
export interface Shape {
  readonly networks: number;
  /** True: all networks are secondaries of another plugin's primary. False: the first is hawser's own primary. */
  readonly chained: boolean;
  readonly parallel: boolean;
  /** Whether hawser makes the networks itself, or runs the reference plugins. */
  readonly native: boolean;
  /** Who gives the addresses. host-local if it is left out. */
  readonly ipam?: BenchIpam;
}

/** An IPAM plugin by the name that the measures have, and its `ipam` for each network by the network's number. */
export interface BenchIpam {
  readonly name: string;
  readonly config: (index: number) => object;
}

export const mostNetworks = 5;
/** As many pods are attached at once. */
export const sandboxCount = 20;

/** Runs in network and mount namespaces of the bench: what is made outside of `folder` vanishes with the process. */
export function makeScene(folder: string): BenchScene {
  ip("link", "set", "lo", "up");
  showAddresses(join(folder, "addresses"));
  const sandboxes = Array.from({ length: sandboxCount }, (_, index) => makeSandbox(`bench${index}`));
  const configs = configsWith(hostLocal);
  return {
    sandboxes,
    delegates: configs.map((config) => writeJson(join(folder, "direct"), `${config.name}.json`, config)),
    versionInput: writeJson(folder, "version.json", { cniVersion: "1.1.0" }),
    hawserConfig: (shape) => hawserConfig(folder, shape),
  };
}

/** The folder of host-local's documentation: a definition in the API may name this one and the default, no other. */
const addressesPlace = "/run/my-orchestrator/container-ipam-state";

/** The addresses lie on the disk, as in production. Only the path to them is in memory. */
function showAddresses(folder: string): void {
  mkdirSync(folder, { recursive: true });
  mkdirSync(addressesPlace, { recursive: true });
  command("mount", "--bind", folder, addressesPlace);
}

interface DelegateConfig {
  readonly name: string;
  readonly [key: string]: unknown;
}

/** CNI 1.0.0, so that the bench runs with Debian's plugins as well. */
const cniVersion = "1.0.0";

const hostLocal: BenchIpam = {
  name: "host-local",
  config: (index) => ({
    type: "host-local",
    dataDir: addressesPlace,
    ranges: [[{ subnet: `10.77.${index}.0/24` }]],
  }),
};

function configsWith({ config }: BenchIpam): DelegateConfig[] {
  return Array.from({ length: mostNetworks }, (_each, index) => {
    const own = { name: `n${index}`, type: "bridge", bridge: `hwbench${index}` };
    return { cniVersion, ...own, ipam: config(index) };
  });
}

/** Definitions on disk, chosen by annotation, as a runtime would ask for them. */
function hawserConfig(folder: string, shape: Shape): string {
  const { networks, chained, parallel, native, ipam = hostLocal } = shape;
  const [first, ...others] = configsWith(ipam);
  const definitionsDir = join(folder, `net.d-${ipam.name}`);
  for (const config of others) writeJson(join(definitionsDir, "default"), `${config.name}.json`, config);
  const secondaries = chained ? networks : networks - 1;
  const chosen = Array.from({ length: secondaries }, (_, index) => `n${index + 1}`).join(",");
  const annotations = { "k8s.v1.cni.cncf.io/networks": chosen };
  const prevResult = { cniVersion, ips: [{ address: "10.76.0.2/24" }] };
  const config = {
    cniVersion,
    name: "bench",
    type: "hawser",
    ...(chained ? { prevResult } : { delegate: first }),
    definitionsDir,
    stateDir: join(folder, "state"),
    confDir: join(folder, "conf"),
    parallel,
    native: native ? "prefer" : "off",
    runtimeConfig: { "io.kubernetes.cri.pod-annotations": annotations },
  };
  const marks = [chained ? "-chained" : "", parallel ? "-parallel" : "", native ? "-native" : ""].join("");
  return writeJson(folder, `hawser-${networks}${marks}-${ipam.name}.json`, config);
}

function makeSandbox(name: string): string {
  ip("netns", "add", name);
  ip("-n", name, "link", "set", "lo", "up");
  return `/var/run/netns/${name}`;
}

/** Mounts a file system in memory over /run, where `ip` mounts namespaces: they are not seen outside, and go with us. */
export function hideRun(): void {
  command("mount", "-t", "tmpfs", "hawser-bench", "/run");
}

function ip(...args: string[]): void {
  command("ip", ...args);
}

function command(program: string, ...args: string[]): void {
  const { status, error, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status === 0) return;
  throw new BenchFailure(`${program} ${args.join(" ")}: ${error?.message ?? stderr.trim()}`);
}

function writeJson(folder: string, name: string, content: unknown): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  writeFileSync(path, `${JSON.stringify(content)}\n`);
  return path;
}
