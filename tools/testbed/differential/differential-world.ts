import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { DifferentialCase } from "./differential-case.ts";

/** The two namespaces of one side of a case, and its folder. The machine's own namespace is never touched. */
export interface TrialWorld {
  readonly host: string;
  readonly container: string;
  /** The path of the container's namespace. */
  readonly netns: string;
  readonly folder: string;
}

/** What a plugin's process has printed, and its exit status. */
export interface TriedEnd {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const run = promisify(execFile);
const namespaceFolder = "/var/run/netns";
/** Whoever sweeps leftovers finds the process that made them by this name (`bed.ts`). */
const prefix = `hwt-${process.pid}-d`;
let count = 0;

/** Duplicate address detection takes a second, and its end comes at any time: only cases about it switch it on. */
const quiet = [
  "echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad",
  "echo 0 > /proc/sys/net/ipv6/conf/all/accept_dad",
  "echo 0 > /proc/sys/net/ipv6/conf/default/router_solicitations",
];

export async function makeWorld({ host = [], container = [] }: DifferentialCase): Promise<TrialWorld> {
  const name = `${prefix}${++count}`;
  const world: TrialWorld = {
    host: `${name}h`,
    container: `${name}c`,
    netns: `${namespaceFolder}/${name}c`,
    folder: mkdtempSync(join(tmpdir(), `${prefix}-`)),
  };
  const names = [`H=${world.host}`, `C=${world.container}`];
  const script = [
    "ip netns add $H",
    "ip netns add $C",
    `nsenter --net=${namespaceFolder}/$H sh -ec '${[...quiet, "ip link set lo up", ...host].join("\n")}'`,
    `nsenter --net=${namespaceFolder}/$C sh -ec '${[...quiet, ...container].join("\n")}'`,
  ];
  await run("sh", ["-ec", [...names.map((each) => `export ${each}`), ...script].join("\n")]);
  return world;
}

export async function endWorld({ host, container, folder }: TrialWorld): Promise<void> {
  await run("sh", ["-c", `ip netns del ${container}; ip netns del ${host}`]);
  rmSync(folder, { recursive: true, force: true });
}

/** Runs a command in a namespace, and returns what it prints. */
export async function runIn(namespace: string, script: string): Promise<string> {
  const args = [`--net=${namespaceFolder}/${namespace}`, "sh", "-c", script];
  const { stdout } = await run("nsenter", args, { maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

export interface TriedCall {
  readonly folder: string;
  readonly plugin: string;
  readonly verb: string;
  readonly config: unknown;
  readonly ifname?: string | undefined;
  readonly args?: string | undefined;
}

/** Calls a plugin as a runtime does, on the node of the world. */
export function callPlugin(world: TrialWorld, call: TriedCall): Promise<TriedEnd> {
  const { folder, plugin, verb, config, ifname = "eth0", args = "" } = call;
  const env = {
    PATH: process.env.PATH ?? "",
    CNI_COMMAND: verb,
    CNI_CONTAINERID: "c1",
    CNI_NETNS: world.netns,
    CNI_IFNAME: ifname,
    CNI_PATH: folder,
    ...(args !== "" && { CNI_ARGS: args }),
  };
  const child = spawn("nsenter", [`--net=${namespaceFolder}/${world.host}`, join(folder, plugin)], { env });
  const said = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said.stderr += text;
  });
  child.stdin.on("error", () => undefined).end(filled(config, world));
  return new Promise((resolve) => {
    child.once("close", (exitCode) => resolve({ exitCode, ...said }));
  });
}

/** The text of a configuration with its holes filled. */
function filled(config: unknown, { netns, folder }: TrialWorld): string {
  return JSON.stringify(config).replaceAll("{{netns}}", netns).replaceAll("{{state}}", folder);
}
