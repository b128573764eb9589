import { spawn } from "node:child_process";
import { expect } from "vitest";
import type { Verb } from "../../cni/version.ts";
import { type Bed, bedVariable } from "./bed.ts";
import type { Executable } from "./executables.ts";

/** One call of a plugin by a runtime. */
export interface Operation {
  readonly verb: Verb;
  /** The configuration. A text is sent as it is. */
  readonly config: object | string;
  /** `c1` unless given. STATUS, GC and VERSION are called without a container and without an interface. */
  readonly containerId?: string;
  readonly netns?: string;
  /** `eth0` unless given. */
  readonly ifname?: string;
  readonly args?: string;
  readonly path?: string;
  /** Variables that replace the usual ones. Undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface Ended {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  kill(signal: "SIGKILL" | "SIGTERM"): void;
}

/** Calls the executable as a runtime does, in the bed's node. */
export function call(bed: Bed, executable: Executable, operation: Operation): Promise<Ended> {
  return start(bed, executable, operation).ended;
}

export function start(bed: Bed, executable: Executable, operation: Operation): Running {
  const { config } = operation;
  const stdin = typeof config === "string" ? config : JSON.stringify(config);
  return startProgram(bed, [executable.path], variables(bed, operation), stdin);
}

/** Starts any program in the bed's node. nsenter becomes the program, so the process ID is the program's own. */
export function startProgram(
  bed: Bed,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  stdin: string,
): Running {
  const [file = "", ...args] = [...enterNode(bed.node), ...argv];
  const child = spawn(file, args, { env: { PATH: process.env.PATH, [bedVariable]: bed.root, ...env } });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${file} could not be started`);
  const said = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said.stderr += text;
  });
  // A plugin may end without reading its stdin.
  child.stdin.on("error", () => undefined).end(stdin);
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (exitCode, signal) => resolve({ exitCode, signal, ...said }));
  });
  return { pid, ended, kill: (signal) => void child.kill(signal) };
}

/** The words before a command that make it run in the node's namespace. None if there is no node. */
export function enterNode(node: string | undefined): string[] {
  return node === undefined ? [] : ["nsenter", `--net=/var/run/netns/${node}`];
}

function variables(bed: Bed, operation: Operation): Record<string, string> {
  const { verb, containerId, netns, ifname, args, path, env } = operation;
  const hasContainer = verb === "ADD" || verb === "DEL" || verb === "CHECK";
  const given: Record<string, string | undefined> = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: containerId ?? (hasContainer ? "c1" : undefined),
    CNI_NETNS: netns ?? (hasContainer ? "/var/run/netns/none" : undefined),
    CNI_IFNAME: ifname ?? (hasContainer ? "eth0" : undefined),
    CNI_ARGS: args,
    CNI_PATH: path ?? bed.path,
    ...env,
  };
  const set = Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(set);
}

export interface PluginError {
  readonly cniVersion: string;
  readonly code: number;
  readonly msg: string;
  readonly details: string;
}

/** The error of a failed operation. stdout must hold exactly one document (CNI 1.1.0, section 5, "Error"). */
export function errorOf(ended: Ended): PluginError {
  expect(ended, "the operation was to fail").toMatchObject({ exitCode: 1, signal: null });
  const document = JSON.parse(ended.stdout) as PluginError;
  expect(document).toEqual({
    cniVersion: expect.any(String),
    code: expect.any(Number),
    msg: expect.any(String),
    details: expect.any(String),
  });
  return document;
}

/** The document that an operation has printed. It must have succeeded. */
export function answerOf<T>(ended: Ended): T {
  expect(ended, "the operation was to succeed").toMatchObject({ exitCode: 0, signal: null });
  return JSON.parse(ended.stdout) as T;
}

/** Expects that an operation has succeeded and printed nothing on stdout. That holds for all verbs but ADD and VERSION. */
export function expectSilence(ended: Ended): void {
  expect(ended, "the operation was to succeed").toMatchObject({ exitCode: 0, signal: null, stdout: "" });
}
