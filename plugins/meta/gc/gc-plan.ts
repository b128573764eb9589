import type { AttachmentKey } from "../../../cni/attachments.ts";
import type { Chain } from "../../../cni/chain.ts";
import { type JsonObject, printJson, without } from "../../../cni/json.ts";
import type { ValidAttachment } from "../../../cni/types.ts";
import type { Step } from "../plan/plan.ts";
import type { AttachmentRecord } from "../record/record.ts";

/** A record as it lies on disk; undefined when it cannot be read. */
export interface RecordOnDisk {
  readonly key: AttachmentKey;
  readonly path: string;
  readonly record: AttachmentRecord | undefined;
  /** The file can never be read. A record that is missing here for another reason may be read another time. */
  readonly isTorn: boolean;
}

/** Whether both are the same attachment, and not a later one with the same key. */
export function isSame(one: RecordOnDisk, other: RecordOnDisk): boolean {
  const { network, containerId, ifname } = one.key;
  const { key } = other;
  if (key.network !== network || key.containerId !== containerId || key.ifname !== ifname) return false;
  return (
    one.record === undefined || other.record === undefined || one.record.sinceMs === other.record.sinceMs
  );
}

/** The attachments of this network that the runtime no longer lists. Other networks have their own GC. */
export function stale(
  held: readonly RecordOnDisk[],
  network: string,
  valid: readonly ValidAttachment[],
): RecordOnDisk[] {
  return held.filter(({ key }) => key.network === network && !lists(valid, key));
}

function lists(valid: readonly ValidAttachment[], { containerId, ifname }: AttachmentKey): boolean {
  return valid.some((each) => each.containerID === containerId && each.ifname === ifname);
}

/** One delegate network to be collected, and all that is still valid in it. */
export interface Collection {
  readonly chain: Chain;
  readonly valid: readonly ValidAttachment[];
  /** Only leftovers name this network, so its GC may fail for ever. */
  readonly isLeftOver: boolean;
}

export interface CollectionInput {
  /** The primary's chain; undefined when chained. */
  readonly primary: Chain | undefined;
  /** Chains that every pod gets. */
  readonly everyPods: readonly Chain[];
  /** All networks' records that live on. */
  readonly live: readonly RecordOnDisk[];
  /** This network's records, gone ones included: their delegates may hold more than we recorded. */
  readonly own: readonly RecordOnDisk[];
  /** The left-over attachments of this network. None of them is valid. */
  readonly leftOver?: readonly RecordOnDisk[];
  readonly network: string;
  readonly runtimeList: readonly ValidAttachment[];
}

/**
 * The networks that GC is sent to, each with its valid set. The runtime lists only (container, eth0). So a network's valid set is
 * every attachment that a live record has in it, under whatever interface name. Nobody knows the secondaries of a container
 * without a readable record. As long as there is such a container, GC is sent to the primary alone, whose set the runtime knows.
 */
export function collections(input: CollectionInput): { run: Collection[]; skipped: string[] } {
  const { primary, everyPods, live, own, leftOver = [], network, runtimeList } = input;
  const known = [...(primary === undefined ? [] : [primary]), ...everyPods, ...chainsOf(own)].map(generic);
  const chains = distinct([...known, ...chainsOf(leftOver).map(generic)]);
  const knownKeys = new Set(known.map(keyOf));
  const readable = live.filter((each) => each.key.network === network && each.record !== undefined);
  const allKnown =
    live.every((each) => each.record !== undefined) &&
    runtimeList.every(({ containerID, ifname }) =>
      readable.some(({ key }) => key.containerId === containerID && key.ifname === ifname),
    );
  // The runtime's list is valid in the network that it calls us for, and in the primary's.
  const isRuntimes = (name: string): boolean => name === network || name === primary?.name;
  const run = chains.filter((chain) => allKnown || chain.name === primary?.name);
  return {
    run: run.map((chain) => ({
      chain,
      isLeftOver: !knownKeys.has(keyOf(chain)),
      valid: unique([...validIn(live, chain.name), ...(isRuntimes(chain.name) ? runtimeList : [])]),
    })),
    skipped: chains.filter((chain) => !run.includes(chain)).map((chain) => chain.name),
  };
}

function chainsOf(held: readonly RecordOnDisk[]): Chain[] {
  return held.flatMap(({ record }) => (record?.carried ?? []).map(({ step }) => withoutDevice(step)));
}

function validIn(live: readonly RecordOnDisk[], name: string): ValidAttachment[] {
  return live.flatMap(({ key, record }) =>
    (record?.carried ?? [])
      .filter(({ step }) => step.chain.name === name)
      .map(({ step }) => ({ containerID: key.containerId, ifname: step.ifname })),
  );
}

/** The chain without what one pod asked for: two pods' attachments to one network are one network. */
function generic(chain: Chain): Chain {
  return {
    ...chain,
    plugins: chain.plugins.map((plugin): JsonObject => without(plugin, "runtimeConfig", "args")),
  };
}

/** The plugin without the device that it was given: another device is not another network. */
function withoutDevice({ chain, device }: Step): Chain {
  if (device === undefined) return chain;
  return { ...chain, plugins: chain.plugins.map((plugin) => without(plugin, "deviceID", "pciBusID")) };
}

/**
 * A key by the plugins alone: a recorded chain has its keys in another order, and whoever attached a pod, its network is one
 * network.
 */
export function keyOf({ name, cniVersion, plugins }: Chain): string {
  return printJson([name, cniVersion, plugins]);
}

function distinct(chains: readonly Chain[]): Chain[] {
  const byKey = new Map<string, Chain>();
  // The first is how the network is configured now.
  for (const chain of chains) if (!byKey.has(keyOf(chain))) byKey.set(keyOf(chain), chain);
  return [...byKey.values()];
}

function unique(list: readonly ValidAttachment[]): ValidAttachment[] {
  return [...new Map(list.map((each) => [`${each.containerID}@${each.ifname}`, each])).values()];
}
