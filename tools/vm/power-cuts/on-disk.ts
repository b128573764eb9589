import type { Acknowledged, WorkAttachment } from "./events.ts";

/** What the disk says: whose each address is, in each store, and the meta-plugin's records. */
export interface OnDisk {
  readonly hostLocal: readonly Owned[];
  readonly flat: readonly Owned[];
  readonly records: readonly DiskRecord[];
}

export interface Owned {
  readonly id: string;
  readonly address: string;
}

export interface DiskRecord {
  readonly id: string;
  readonly state: string;
  readonly addresses: readonly string[];
}

const unreadable = ["corrupt", "unread", "newer", "moved aside", "left over"];

/** What no power cut may do to what was acknowledged. */
export function losses(acknowledged: Acknowledged, disk: OnDisk): string[] {
  const owned = [...disk.hostLocal, ...disk.flat];
  const held = [...acknowledged.values()].filter(({ state }) => state === "held");
  return [
    ...twice(owned),
    ...held.flatMap((each) => missing(each, owned, disk.records)),
    ...disk.records
      .filter(({ state }) => unreadable.includes(state))
      .map(({ id, state }) => `the record of ${id} is ${state}`),
  ];
}

/**
 * What is there although it was deleted. A power cut may bring back what DEL has removed, because DEL does not wait for the
 * disk. GC must remove it.
 */
export function remains(acknowledged: Acknowledged, disk: OnDisk): string[] {
  return [
    ...[...disk.hostLocal, ...disk.flat]
      .filter(({ id }) => !acknowledged.has(id))
      .map(({ id, address }) => `${address} is still ${id}'s, which was deleted`),
    ...disk.records
      .filter(({ id }) => !acknowledged.has(id))
      .map(({ id }) => `${id} has a record, and was deleted`),
  ];
}

function twice(owned: readonly Owned[]): string[] {
  const owners = new Map<string, string>();
  return owned.flatMap(({ id, address }) => {
    const other = owners.get(address);
    owners.set(address, id);
    return other === undefined ? [] : [`${address} is both ${other}'s and ${id}'s`];
  });
}

function missing(
  { id, network, addresses }: WorkAttachment,
  owned: readonly Owned[],
  records: readonly DiskRecord[],
): string[] {
  const lost = addresses
    .filter((address) => !owned.some((each) => each.id === id && each.address === address))
    .map((address) => `${id} has lost ${address}`);
  if (network !== "pods") return lost;
  const record = records.find((each) => each.id === id);
  if (record === undefined) return [...lost, `${id} has lost its record`];
  // The version from before the delegates ran names everything that is to be undone, too.
  if (record.state === "interrupted") return lost;
  const differs = record.state !== "attached" || addresses.some((each) => !record.addresses.includes(each));
  return differs
    ? [...lost, `the record of ${id} is ${record.state}, with ${record.addresses.join(", ")}`]
    : lost;
}
