import { posix } from "node:path";
import type { Delegate, DelegateCall } from "../delegates/behaviour.ts";
import type { Machine, MachineLink, MachineRoute, Namespace, PluginCall, PluginEnd } from "../machine.ts";
import type { DelegateEnd, Ground } from "./ground.ts";
import { modelOf, runTestPlugin } from "./test-plugin.ts";

interface Network {
  readonly links: Map<string, MachineLink & { readonly peer: string }>;
  routes: MachineRoute[];
}

/** The state of a machine in memory. */
interface State {
  readonly networks: Map<string, Network>;
  readonly files: Map<string, { text: string; mode: number }>;
  readonly delegates: Map<string, Delegate>;
  /** Executables that are busy, with the number of tries that are refused yet. */
  readonly busy: Map<string, number>;
  readonly calls: DelegateCall[];
  /** Numbers links, and the moments at which calls begin and end. */
  count: number;
  running: number;
}

const node: Namespace = { name: "node", path: "/netns/node" };

/** A machine on which the probes run in memory, against the test plugin: fast enough to try each mutant with all of them. */
export async function makeMemoryMachine(): Promise<Machine> {
  const state: State = {
    networks: new Map(),
    files: new Map(),
    delegates: new Map(),
    busy: new Map(),
    calls: [],
    count: 0,
    running: 0,
  };
  addNetwork(state, node.path);
  return {
    folder: "/machine",
    binDir: "/machine/bin",
    node,
    journal: [],
    addNamespace: async () => {
      const name = `ns${++state.count}`;
      addNetwork(state, `/netns/${name}`);
      return { name, path: `/netns/${name}` };
    },
    removeNamespace: async ({ path }) => {
      for (const name of [...networkOf(state, path).links.keys()]) deleteLink(state, path, name);
      state.networks.delete(path);
    },
    ...networkPart(state),
    ...filePart(state),
    delegateCalls: () => state.calls,
    // No profile of the test plugin has a service.
    serve: async () => undefined,
    run: (call) => run(state, call),
    close: async () => undefined,
  };
}

function addNetwork(state: State, path: string): void {
  const lo: MachineLink & { peer: string } = {
    name: "lo",
    mac: "",
    mtu: 65536,
    up: true,
    addresses: [],
    peer: "",
  };
  state.networks.set(path, { links: new Map([["lo", lo]]), routes: [] });
}

function networkOf(state: State, path: string): Network {
  const network = state.networks.get(path === "" ? node.path : path);
  if (network === undefined) throw new Error(`there is no namespace ${path}`);
  return network;
}

function addLink(state: State, path: string, name: string, nodeEnd: string): void {
  const [inside, outside] = [networkOf(state, path), networkOf(state, "")];
  if (inside.links.has(name) || outside.links.has(nodeEnd)) throw new Error(`${name} or ${nodeEnd} exists`);
  const mac = () => `02:00:00:00:00:${(++state.count % 256).toString(16).padStart(2, "0")}`;
  const common = { mtu: 1500, up: true, addresses: [] };
  inside.links.set(name, { ...common, name, mac: mac(), peer: nodeEnd });
  outside.links.set(nodeEnd, { ...common, name: nodeEnd, mac: mac(), peer: "" });
}

function deleteLink(state: State, path: string, name: string): void {
  const network = networkOf(state, path);
  const link = network.links.get(name);
  network.links.delete(name);
  network.routes = network.routes.filter((route) => route.link !== name);
  if (link !== undefined && link.peer !== "") networkOf(state, "").links.delete(link.peer);
}

function changeLink(
  state: State,
  path: string,
  name: string,
  change: (link: MachineLink) => Partial<MachineLink>,
): void {
  const { links } = networkOf(state, path);
  const link = links.get(name);
  if (link === undefined) throw new Error(`there is no ${name}`);
  links.set(name, { ...link, ...change(link) });
}

function addAddress(state: State, path: string, name: string, address: string): void {
  changeLink(state, path, name, ({ addresses }) => ({ addresses: [...addresses, address] }));
}

function deleteAddress(state: State, path: string, name: string, address: string): void {
  changeLink(state, path, name, ({ addresses }) => {
    if (!addresses.includes(address)) throw new Error(`${name} has no ${address}`);
    return { addresses: addresses.filter((each) => each !== address) };
  });
}

function addRoute(state: State, path: string, route: Omit<MachineRoute, "automatic">): void {
  const network = networkOf(state, path);
  const link =
    route.link ?? [...network.links.values()].find(({ addresses }) => addresses.length > 0)?.name ?? "";
  network.routes.push({ ...route, link, automatic: false });
}

type NetworkPart = Pick<
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
>;

function networkPart(state: State): NetworkPart {
  return {
    addLink: async ({ path }, name, nodeEnd) => addLink(state, path, name, nodeEnd),
    deleteLink: async ({ path }, name) => deleteLink(state, path, name),
    addAddress: async ({ path }, link, address) => addAddress(state, path, link, address),
    deleteAddress: async ({ path }, link, address) => deleteAddress(state, path, link, address),
    addRoute: async ({ path }, route) => addRoute(state, path, route),
    deleteRoute: async ({ path }, dst) => {
      const network = networkOf(state, path);
      const left = network.routes.filter((route) => route.dst !== dst);
      if (left.length === network.routes.length) throw new Error(`there is no route to ${dst}`);
      network.routes = left;
    },
    links: async ({ path }) => linksOf(state, path),
    routes: async ({ path }) => [...networkOf(state, path).routes],
    inode: async ({ path }) => path,
  };
}

function linksOf(state: State, path: string): MachineLink[] {
  return [...networkOf(state, path).links.values()].map(({ peer: _peer, ...link }) => link);
}

type FilePart = Pick<
  Machine,
  "writeFile" | "exists" | "files" | "command" | "installDelegate" | "openGate" | "keepBusy"
>;

function filePart(state: State): FilePart {
  return {
    writeFile: (path, text) => void state.files.set(path, { text, mode: 0o644 }),
    exists: (path) => state.files.has(path),
    files: (folder) =>
      [...state.files]
        .filter(([path]) => path.startsWith(`${folder}/`))
        .map(([path, { mode }]) => ({ path, mode })),
    // The one command that the test plugin's profiles have.
    command: async (_namespace, [, , folder = ""]) => {
      const below = [...state.files.keys()].filter((path) => path.startsWith(`${folder}/`));
      for (const path of below) state.files.delete(path);
      return below.length > 0;
    },
    installDelegate: (folder, delegate) => void state.delegates.set(`${folder}/${delegate.name}`, delegate),
    // One plugin runs at a time here: nobody waits at a gate.
    openGate: () => undefined,
    keepBusy: async (path) => {
      state.busy.set(path, 2);
      return () => void state.busy.delete(path);
    },
  };
}

async function run(state: State, call: PluginCall): Promise<PluginEnd> {
  state.running++;
  // The other call is under way at the same time.
  await Promise.resolve();
  await Promise.resolve();
  try {
    const stdin = call.unreadableStdin === true ? undefined : call.stdin;
    return runTestPlugin(groundOf(state, call), { env: call.env, stdin }, call.plugin);
  } finally {
    state.running--;
  }
}

function groundOf(state: State, { cwd = "/" }: PluginCall): Ground {
  return {
    ownNetns: node.path,
    others: state.running - 1,
    cwd,
    hasNamespace: (path) => state.networks.has(path),
    links: (netns) => linksOf(state, netns),
    addLink: (netns, name, nodeEnd) => addLink(state, netns, name, nodeEnd),
    setDown: (netns, name) => changeLink(state, netns, name, () => ({ up: false })),
    deleteLink: (netns, name) => deleteLink(state, netns, name),
    addAddress: (netns, link, address) => addAddress(state, netns, link, address),
    deleteAddress: (netns, link, address) => deleteAddress(state, netns, link, address),
    routes: (netns) => networkOf(state, netns).routes,
    addRoute: (netns, dst, gateway) => addRoute(state, netns, { dst, gateway }),
    read: (path) => state.files.get(path)?.text,
    write: (path, text, mode = 0o600) => void state.files.set(path, { text, mode }),
    remove: (path) => void state.files.delete(path),
    list: (folder) => namesIn(state, folder),
    isFile: (path) => state.delegates.has(posix.normalize(path)) || modelOf(path) !== undefined,
    run: (path, env, stdin, netns) => runDelegate(state, posix.normalize(path), env, stdin, netns),
    lock: () => () => undefined,
    pause: () => undefined,
  };
}

function namesIn(state: State, folder: string): string[] {
  const below = [...state.files.keys()].filter((path) => path.startsWith(`${folder}/`));
  return [...new Set(below.map((path) => path.slice(folder.length + 1).split("/")[0] ?? ""))].sort();
}

const notStarted: DelegateEnd = {
  exitCode: undefined,
  signal: undefined,
  stdout: "",
  stderr: "text file busy",
  tookS: 0,
  busy: true,
};

/** A recorder, or the test plugin in another role. */
function runDelegate(
  state: State,
  path: string,
  env: Readonly<Record<string, string>>,
  stdin: string,
  netns = node.path,
): DelegateEnd {
  const busy = state.busy.get(path) ?? 0;
  if (busy > 0) {
    state.busy.set(path, busy - 1);
    return notStarted;
  }
  const delegate = state.delegates.get(path);
  if (delegate === undefined && modelOf(path) !== undefined) {
    return {
      ...runTestPlugin(groundOf(state, { plugin: path, env, stdin }), { env, stdin }, path),
      tookS: 0,
    };
  }
  const verb = env.CNI_COMMAND ?? "";
  const [startNs, endNs] = [BigInt(++state.count), BigInt(++state.count)];
  state.calls.push({ delegate: delegate?.name ?? "a folder", verb, env, stdin, netns, startNs, endNs });
  const {
    stdout = "",
    stderr = "",
    exitCode = 0,
    killed,
    flood = 0,
    delayS = 0,
  } = delegate?.verbs[verb as keyof Delegate["verbs"]] ?? {};
  if (killed === true) return { exitCode: undefined, signal: "SIGKILL", stdout: "", stderr: "", tookS: 0 };
  const filled = stdout.replaceAll(/\$(CNI_\w+)/g, (_all, name: string) => env[name] ?? "");
  return { exitCode, signal: undefined, stdout: "x".repeat(flood) + filled, stderr, tookS: delayS };
}
