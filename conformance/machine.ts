import type { Delegate, DelegateCall } from "./delegates/behaviour.ts";

/** A link as the kernel shows it. */
export interface MachineLink {
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  /** Addresses with their prefix length, without link-local ones. */
  readonly addresses: readonly string[];
}

export interface MachineRoute {
  /** With prefix length, also where the kernel says `default`. */
  readonly dst: string;
  readonly gateway?: string;
  readonly link?: string;
  readonly mtu?: number;
  readonly priority?: number;
  /** The kernel made it for an address. */
  readonly automatic: boolean;
}

export interface Namespace {
  readonly name: string;
  /** The path that a runtime gives in CNI_NETNS. */
  readonly path: string;
}

/** What a plugin is called with. */
export interface PluginCall {
  readonly plugin: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  /** stdin is something that cannot be read. */
  readonly unreadableStdin?: boolean;
  /** The folder that it runs in; `/` unless given. */
  readonly cwd?: string;
  /** The probe does something else while the plugin runs; the script for people says so. */
  readonly atOnce?: boolean;
}

/** How a plugin's process ended and what it had said. */
export interface PluginEnd {
  readonly exitCode: number | undefined;
  /** The signal that ended it, or `timeout`. */
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Where one case happens: a node with its own network, namespaces for containers, and files. `close` removes all of it.
 * The real one is `linux/linux-machine.ts`. The test of the mutants runs the same probes on one in memory
 * (`mutants/memory-machine.ts`).
 */
export interface Machine {
  /** A folder of the case's own. */
  readonly folder: string;
  /** The first folder of CNI_PATH, for recorders; the folder of the plugins follows. */
  readonly binDir: string;
  /** The namespace that plugins run in. */
  readonly node: Namespace;
  /** Shell lines with which a person can repeat what was done so far. */
  readonly journal: readonly string[];

  addNamespace(): Promise<Namespace>;
  removeNamespace(namespace: Namespace): Promise<void>;
  /** A link in one namespace and its other end in the node, both up. */
  addLink(namespace: Namespace, name: string, nodeEnd: string): Promise<void>;
  deleteLink(namespace: Namespace, name: string): Promise<void>;
  addAddress(namespace: Namespace, link: string, address: string): Promise<void>;
  deleteAddress(namespace: Namespace, link: string, address: string): Promise<void>;
  addRoute(namespace: Namespace, route: { dst: string; gateway?: string; link?: string }): Promise<void>;
  deleteRoute(namespace: Namespace, dst: string): Promise<void>;
  links(namespace: Namespace): Promise<readonly MachineLink[]>;
  routes(namespace: Namespace): Promise<readonly MachineRoute[]>;
  /** What the kernel calls a namespace: `net:[4026531840]`. */
  inode(namespace: Namespace): Promise<string>;

  writeFile(path: string, text: string): void;
  exists(path: string): boolean;
  /** Paths of the files below a folder, with their permission bits. */
  files(folder: string): readonly { path: string; mode: number }[];
  /** Runs a command of a profile in a namespace, and returns whether it succeeded. */
  command(namespace: Namespace, argv: readonly string[]): Promise<boolean>;

  /** Starts a service on the node, and waits until it has created the file. `close` ends it. */
  serve(argv: readonly string[], ready: string): Promise<void>;

  /** A recorder: a plugin that logs what it is given and does what it is told. */
  installDelegate(folder: string, delegate: Delegate): void;
  /** Every call of a recorder, also one that has not ended, in order of their starts. */
  delegateCalls(): readonly DelegateCall[];
  /** Lets recorders go on that wait for this gate. */
  openGate(gate: string): void;
  /**
   * Holds an executable open for writing, so that the kernel refuses to start it (ETXTBSY). Returns the function that
   * closes it, or undefined where the kernel starts it all the same.
   */
  keepBusy(path: string): Promise<(() => void) | undefined>;

  run(call: PluginCall): Promise<PluginEnd>;
  close(): Promise<void>;
}
