import type { MachineLink, MachineRoute, PluginEnd } from "../machine.ts";

/** What the test plugin needs of a machine; one is in memory (`memory-machine.ts`), one is real (`real-ground.ts`). */
export interface Ground {
  /** The path of the namespace that the plugin runs in. */
  readonly ownNetns: string;
  /** How many other calls of plugins are under way. */
  readonly others: number;
  hasNamespace(path: string): boolean;
  /** `""`: the node's. */
  links(netns: string): readonly MachineLink[];
  /** A link in the container, and its other end in the node. */
  addLink(netns: string, name: string, nodeEnd: string): void;
  setDown(netns: string, name: string): void;
  deleteLink(netns: string, name: string): void;
  addAddress(netns: string, link: string, address: string): void;
  deleteAddress(netns: string, link: string, address: string): void;
  routes(netns: string): readonly MachineRoute[];
  addRoute(netns: string, dst: string, gateway: string): void;
  read(path: string): string | undefined;
  write(path: string, text: string, mode?: number): void;
  remove(path: string): void;
  /** Names in a folder. */
  list(folder: string): readonly string[];
  isFile(path: string): boolean;
  /** The working folder; a mutant takes it for a part of CNI_PATH. */
  readonly cwd: string;
  /** In the plugin's own namespace unless `netns` is given. */
  run(path: string, env: Readonly<Record<string, string>>, stdin: string, netns?: string): DelegateEnd;
  /** Waits until nobody else holds the lock, takes it, and returns the function that releases it. */
  lock(path: string): () => void;
  /** Waits a moment between two tries. */
  pause(): void;
}

export interface DelegateEnd extends PluginEnd {
  /** How many seconds it ran; a mutant does not wait long. */
  readonly tookS: number;
  /** The executable could not be started, since its file is open for writing. */
  readonly busy?: boolean;
}

export interface PluginInput {
  readonly env: Readonly<Record<string, string>>;
  /** Undefined: it cannot be read. */
  readonly stdin: string | undefined;
}
