import * as fs from "node:fs";
import { dirname, join } from "node:path";
import type { Delegate, DelegateCall } from "../delegates/behaviour.ts";
import { readDelegateCalls } from "../delegates/log.ts";
import { gateFile, scriptOf } from "../delegates/script.ts";
import type { Machine, MachineRoute, Namespace, PluginCall, PluginEnd } from "../machine.ts";
import { assignments, commandLine, quote, withStdin } from "../shell.ts";
import {
  forgetNamespace,
  freshName,
  holdNamespace,
  makeFolder,
  namespaceFolder,
  removeFolder,
} from "./cleanup.ts";
import { parseLinks, parseRoutes } from "./kernel.ts";
import { runProcess, startService } from "./run.ts";

/** PATH as a runtime gives it to plugins: some of them run iptables or tc. */
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** A machine made of network namespaces. Its node is one, too, so no bridge and no rule touches the real node. */
export async function makeLinuxMachine(): Promise<Machine> {
  const folder = makeFolder();
  const journal: string[] = [];
  const bench: Bench = { folder, journal, namespaces: new Set(), services: [] };
  for (const name of ["bin", "log", "state"]) fs.mkdirSync(join(folder, name));
  journal.push(`mkdir -p ${["bin", "log", "state"].map((name) => join(folder, name)).join(" ")}`);
  const node = await addNamespace(bench);
  await ip(bench, ["-n", node.name, "link", "set", "lo", "up"]);
  return {
    folder,
    journal,
    node,
    binDir: join(folder, "bin"),
    addNamespace: () => addNamespace(bench),
    removeNamespace: (namespace) => removeNamespace(bench, namespace),
    ...networkOf(bench, node),
    ...filesOf(bench),
    run: (call) => runPlugin(bench, node, call),
    serve: (argv, ready) => serve(bench, node, argv, ready),
    close: async () => {
      for (const end of bench.services) end();
      // One that could not be made cannot be removed, and has ended its case already.
      const made = [...bench.namespaces].filter((name) => fs.existsSync(join(namespaceFolder, name)));
      await Promise.all(made.map((name) => removeNamespace(bench, { name, path: "" })));
      removeFolder(folder);
    },
  };
}

interface Bench {
  readonly folder: string;
  readonly journal: string[];
  readonly namespaces: Set<string>;
  /** Functions that end the services of the profile. */
  readonly services: (() => void)[];
}

async function execute(argv: readonly string[]): Promise<PluginEnd> {
  return runProcess({ argv, env: { PATH: searchPath }, stdin: "" });
}

/** Runs `ip` for the suite itself. Its failure is no fault of the plugin, and ends the case. */
async function ip(bench: Bench, args: readonly string[]): Promise<string> {
  const argv = ["ip", ...args];
  const ended = await execute(argv);
  if (ended.exitCode !== 0) throw new Error(`${commandLine(argv)}: ${ended.stderr.trim()}`);
  if (!args.includes("-j")) bench.journal.push(commandLine(argv));
  return ended.stdout;
}

async function addNamespace(bench: Bench): Promise<Namespace> {
  const name = freshName();
  holdNamespace(name);
  bench.namespaces.add(name);
  await ip(bench, ["netns", "add", name]);
  return { name, path: join(namespaceFolder, name) };
}

async function removeNamespace(bench: Bench, { name }: Namespace): Promise<void> {
  bench.namespaces.delete(name);
  await ip(bench, ["netns", "del", name]);
  forgetNamespace(name);
}

type Network = Pick<
  Machine,
  | "addLink"
  | "deleteLink"
  | "addAddress"
  | "deleteAddress"
  | "addRoute"
  | "deleteRoute"
  | "links"
  | "routes"
  | "inode"
  | "command"
>;

function networkOf(bench: Bench, node: Namespace): Network {
  const run = async (namespace: Namespace, ...args: string[]): Promise<void> => {
    await ip(bench, ["-n", namespace.name, ...args]);
  };
  return {
    addLink: async (namespace, name, nodeEnd) => {
      await run(node, "link", "add", nodeEnd, "type", "veth", "peer", "name", name, "netns", namespace.name);
      await run(node, "link", "set", nodeEnd, "up");
      await run(namespace, "link", "set", name, "up");
    },
    deleteLink: (namespace, name) => run(namespace, "link", "del", name),
    addAddress: (namespace, link, address) => run(namespace, "addr", "add", address, "dev", link, "nodad"),
    deleteAddress: (namespace, link, address) => run(namespace, "addr", "del", address, "dev", link),
    addRoute: (namespace, { dst, gateway, link }) =>
      run(namespace, "route", "add", dst, ...pair("via", gateway), ...pair("dev", link)),
    deleteRoute: (namespace, dst) => run(namespace, "route", "del", dst),
    links: async (namespace) => parseLinks(await ip(bench, ["-n", namespace.name, "-j", "addr"])),
    routes: (namespace) => readRoutes(bench, namespace),
    inode: async ({ path }) => `net:[${fs.statSync(path).ino}]`,
    command: async (namespace, argv) => {
      const entered = ["nsenter", `--net=${namespace.path}`, ...argv];
      bench.journal.push(commandLine(entered));
      return (await execute(entered)).exitCode === 0;
    },
  };
}

function pair(word: string, value: string | undefined): string[] {
  return value === undefined ? [] : [word, value];
}

async function readRoutes(bench: Bench, namespace: Namespace): Promise<MachineRoute[]> {
  const ask = (family: 4 | 6) =>
    ip(bench, ["-n", namespace.name, "-j", `-${family}`, "route", "show", "table", "all"]);
  return [...parseRoutes(await ask(4), 4), ...parseRoutes(await ask(6), 6)];
}

type Places = Pick<
  Machine,
  "writeFile" | "exists" | "files" | "installDelegate" | "delegateCalls" | "openGate" | "keepBusy"
>;

function filesOf(bench: Bench): Places {
  const write = (path: string, text: string, mode: number): void => {
    fs.mkdirSync(dirname(path), { recursive: true });
    fs.writeFileSync(path, text, { mode });
    bench.journal.push(`mkdir -p ${quote(dirname(path))}; ${withStdin(`cat >${quote(path)}`, text)}`);
    if (mode === 0o755) bench.journal.push(`chmod 755 ${quote(path)}`);
  };
  const logDir = join(bench.folder, "log");
  return {
    writeFile: (path, text) => write(path, text, 0o644),
    exists: (path) => fs.existsSync(path),
    files: (folder) => filesBelow(folder),
    installDelegate: (folder, delegate: Delegate) =>
      write(join(folder, delegate.name), scriptOf(delegate, logDir), 0o755),
    delegateCalls: (): DelegateCall[] => readDelegateCalls(logDir),
    openGate: (gate) => {
      fs.writeFileSync(gateFile(logDir, gate), "");
      bench.journal.push(`: >${gateFile(logDir, gate)}`, "wait");
    },
    keepBusy: (path) => keepBusy(bench, path),
  };
}

async function keepBusy(bench: Bench, path: string): Promise<(() => void) | undefined> {
  const file = fs.openSync(path, "r+");
  const started = await runProcess({ argv: [path], env: { PATH: searchPath }, stdin: "" });
  if (started.signal !== "not started") {
    fs.closeSync(file);
    return undefined;
  }
  bench.journal.push(`sleep 1 9>>${quote(path)} &`);
  return () => fs.closeSync(file);
}

function filesBelow(folder: string): { path: string; mode: number }[] {
  if (!fs.existsSync(folder)) return [];
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return [{ path, mode: fs.statSync(path).mode & 0o7777 }];
  });
}

function runPlugin(bench: Bench, node: Namespace, call: PluginCall): Promise<PluginEnd> {
  const argv = ["nsenter", `--net=${node.path}`, "--", call.plugin];
  const env = { PATH: searchPath, ...call.env };
  const { cwd = "/" } = call;
  const folder = cwd === "/" ? "" : `-C ${quote(cwd)} `;
  const command = `env -i ${folder}${assignments(env)} ${commandLine(argv)}`;
  const line = call.unreadableStdin === true ? `${command} </` : withStdin(command, call.stdin);
  bench.journal.push(...(call.atOnce === true ? [`${line} &`, "sleep 1"] : [line]));
  return runProcess({ argv, env, stdin: call.stdin, unreadableStdin: call.unreadableStdin ?? false, cwd });
}

/** A service has this long to be ready. */
const readyMs = 10_000;

/** Starts a service, whose process ends with ours, also when ours is killed. */
async function serve(bench: Bench, node: Namespace, argv: readonly string[], ready: string): Promise<void> {
  const entered = ["setpriv", "--pdeathsig", "KILL", "nsenter", `--net=${node.path}`, ...argv];
  bench.journal.push(`${commandLine(entered)} &`, `until [ -e ${quote(ready)} ]; do sleep 0.1; done`);
  bench.services.push(startService({ argv: entered, env: { PATH: searchPath }, stdin: "" }));
  const deadline = performance.now() + readyMs;
  while (!fs.existsSync(ready)) {
    if (performance.now() > deadline) throw new Error(`${commandLine(argv)} does not get ready`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The arguments of `ip link add` for these types. Links of all other types are made on a parent. */
const linkArguments: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(["bridge", "dummy", "ifb", "veth"].map((type) => [type, ["type", type]])),
  vrf: ["type", "vrf", "table", "10"],
  vlan: ["link", "parent0", "type", "vlan", "id", "5"],
};

/** Why the machine's kernel makes no link of this type, in its own words. */
export async function whyNoLink(type: string): Promise<string | undefined> {
  const machine = await makeLinuxMachine();
  const add = (...args: readonly string[]) =>
    execute(["ip", "-n", machine.node.name, "link", "add", ...args]);
  try {
    await add("parent0", "type", "veth", "peer", "name", "parent1");
    const ended = await add("probe0", ...(linkArguments[type] ?? ["link", "parent0", "type", type]));
    return ended.exitCode === 0 ? undefined : ended.stderr.trim().replace(/^Error: (.*?)\.?$/s, "$1");
  } finally {
    await machine.close();
  }
}
