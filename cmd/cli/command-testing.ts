import { save } from "../../cni/attachments.ts";
import { printJson } from "../../cni/json.ts";
import { linux } from "../../sys/linux.ts";
import { ok } from "../../sys/outcome.ts";
import { must } from "../../sys/outcome-testing.ts";
import type { FileStat, Sys } from "../../sys/sys.ts";
import { runCommandLine } from "./cli.ts";
import type { Context, Program, Root } from "./command.ts";
import type { Person } from "./person.ts";

/** What a command printed, for tests. */
export interface Printed {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function runCli(
  args: readonly string[],
  changes: ContextChanges & { readonly sys?: Sys; readonly root?: Root } = {},
): Promise<Printed> {
  const { context, warn, printed } = listen(changes);
  const sys = { ...(changes.sys ?? asRoot(linux)), warn };
  return printed(await runCommandLine(sys, args, context, changes.root));
}

interface ContextChanges {
  readonly columns?: number | undefined;
  readonly colours?: boolean | undefined;
  readonly person?: Person;
  readonly program?: Partial<Program>;
}

/**
 * A context for a command, which keeps what is printed. Unless the changes say otherwise, nobody answers questions and
 * stdin is empty.
 */
export function listen(changes: ContextChanges = {}): {
  readonly context: Context;
  readonly warn: (line: string) => void;
  readonly printed: (exitCode: number) => Printed;
} {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const complain = (text: string): void => void stderr.push(`${text}\n`);
  const { columns, colours = false, program } = changes;
  const terminal = { print: (text: string) => void stdout.push(`${text}\n`), complain, columns, colours };
  const nobody = { confirm: async () => undefined, progress: () => undefined };
  return {
    context: {
      terminal,
      person: changes.person ?? nobody,
      program: { executable: "/hawser", variables: {}, readStdin: () => ok(""), ...program },
    },
    warn: complain,
    printed: (exitCode) => ({ exitCode, stdout: stdout.join(""), stderr: stderr.join("") }),
  };
}

/** The same machine, but everything belongs to root. Tests may run as any user. */
export function asRoot(sys: Sys): Sys {
  return withStat(sys, (_path, stat) => ({ ...stat, uid: 0 }));
}

export function withStat(sys: Sys, change: (path: string, stat: FileStat) => FileStat): Sys {
  const stat: Sys["files"]["stat"] = (path) => {
    const found = sys.files.stat(path);
    return found.ok ? { ok: true, value: change(path, found.value) } : found;
  };
  return { ...sys, files: { ...sys.files, stat } };
}

/** Makes a folder for one test, under `base`. `remove` removes it with its content. */
export function temporaryFolder(base: string): { readonly path: string; readonly remove: () => void } {
  const path = `${base}/hawser-cli-${linux.random.hex(12)}`;
  must(linux.files.makeFolder(path, 0o755));
  const locks = `/run/hawser${path}`;
  return { path, remove: () => [path, ...(isFolder(locks) ? [locks] : [])].forEach(removeTree) };
}

function removeTree(path: string): void {
  for (const name of must(linux.files.list(path))) {
    const child = `${path}/${name}`;
    if (isFolder(child)) removeTree(child);
    else must(linux.files.remove(child));
  }
  must(linux.files.removeFolder(path));
}

function isFolder(path: string): boolean {
  const stat = linux.files.stat(path);
  return stat.ok && stat.value.kind === "folder";
}

export function writeFile(file: string, content: unknown, mode = 0o644): void {
  must(linux.files.makeFolder(file.slice(0, file.lastIndexOf("/")), 0o755));
  must(linux.files.write(file, typeof content === "string" ? content : printJson(content), { mode }));
}

/** Writes an executable that leaves a file when it runs. */
export function writePlugin(folder: string, type: string): void {
  writeFile(`${folder}/${type}`, `#!/bin/sh\ntouch ${folder}/was-run\n`, 0o755);
}

/** Reads every file under a folder, so that a test can see that nothing has changed. */
export function snapshot(folder: string): Record<string, string> {
  const entries = must(linux.files.list(folder)).map((name) => `${folder}/${name}`);
  const inside = entries.filter(isFolder).map(snapshot);
  const files = entries.filter((path) => !isFolder(path)).map((path) => [path, must(linux.files.read(path))]);
  return Object.assign(Object.fromEntries(files), ...inside);
}

export const sinceMs = Date.UTC(2026, 7, 1, 12, 0, 0);

/** A record of a bridge (10.1.0.5) and a storage network (10.2.0.5), as an ADD leaves it. */
export function saveRecord(
  stateDir: string,
  containerId: string,
  changes: Record<string, unknown> = {},
  sys: Sys = linux,
): string {
  const key = { network: "pods", containerId, ifname: "eth0" };
  const record = {
    format: 1,
    phase: "committed",
    ...key,
    netns: `/var/run/netns/${containerId}`,
    args: "",
    parallel: false,
    reported: "merged",
    sinceMs,
    pod: { namespace: "default", name: "web" },
    steps: [
      stepOf("primary", "delegate", "eth0", "10.1.0.5/16"),
      stepOf("secondary", "default/storage", "net1", "10.2.0.5/16"),
    ],
    ...changes,
  };
  must(save(sys, stateDir, key, JSON.parse(JSON.stringify(record)), "commit"));
  return `${stateDir}/pods/${containerId}@eth0.json`;
}

function stepOf(role: string, network: string, ifname: string, address: string): Record<string, unknown> {
  const chain = {
    name: "pods",
    cniVersion: "1.1.0",
    plugins: [{ type: "bridge", name: "pods", cniVersion: "1.1.0" }],
  };
  const interfaces = [{ name: "br0" }, { name: ifname, sandbox: "/var/run/netns/x" }];
  const result = { cniVersion: "1.1.0", interfaces, ips: [{ address, interface: 1 }] };
  return { role, network, ifname, chain, result };
}
