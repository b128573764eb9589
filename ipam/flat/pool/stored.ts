import type { Entry, Op, TxnReply } from "../store/store.ts";
import { type Holding, isAttached, parseHolding, printHolding } from "./holding.ts";
import { addressOfKey, type Keys } from "./keys.ts";

/** A value of the store with what it says. */
export interface Known {
  readonly modRevision: string;
  readonly holding: Holding;
}

export function ipKey(keys: Keys, code: string): string {
  const { family, address } = addressOfKey(code);
  return keys.ip(family, address);
}

/** The keys under which a holding lies. */
export function keysOfHolding(keys: Keys, holding: Holding): string[] {
  const { identity, addresses, mac, state, node, containerId, ifname, heldUntilMs } = holding;
  // A quarantined sandbox may still run: its own DEL, or its node's GC, is what frees it.
  const attached = isAttached(holding) && containerId !== "";
  return [
    keys.own(identity),
    ...(mac === "" ? [] : [keys.mac(mac)]),
    ...addresses.map((code) => ipKey(keys, code)),
    ...(attached ? [keys.att(node, containerId, ifname)] : []),
    ...(state === "held" && heldUntilMs !== undefined ? [keys.hold(heldUntilMs, identity)] : []),
  ];
}

/** What turns the store from `former` holdings to the new one: everything of them is rewritten or removed. */
export function rewrite(keys: Keys, former: readonly Holding[], next: Holding | undefined): Op[] {
  const written = next === undefined ? [] : keysOfHolding(keys, next);
  const value = next === undefined ? "" : printHolding(next);
  const removed = new Set(former.flatMap((holding) => keysOfHolding(keys, holding)));
  for (const key of written) removed.delete(key);
  return [
    ...written.map((key): Op => ({ kind: "put", key, value })),
    ...[...removed].map((key): Op => ({ kind: "delete", key })),
  ];
}

export function entriesOf(reply: TxnReply, at: number): readonly Entry[] {
  const one = reply.replies.at(at);
  return one?.kind === "entries" ? one.entries : [];
}

/** A value that is no holding is nobody's to give: it counts as a quarantined one, and `ipam check` tells of it. */
export function known(entry: Entry | undefined): Known | undefined {
  if (entry === undefined) return undefined;
  return { modRevision: entry.modRevision, holding: parseHolding(entry.value) ?? unreadable };
}

/** A key of the store with the holding under it; undefined when nobody can read it. */
export interface Stored {
  readonly key: string;
  readonly modRevision: string;
  readonly holding: Holding | undefined;
}

export function storedOf({ key, modRevision, value }: Entry): Stored {
  return { key, modRevision, holding: parseHolding(value) };
}

export function entriesAt(reply: TxnReply, at: number): readonly Entry[] {
  const one = reply.replies[at];
  return one?.kind === "entries" ? one.entries : [];
}

export const unreadable: Holding = {
  identity: "unreadable",
  state: "quarantine",
  containerId: "",
  ifname: "",
  node: "",
  network: "",
  addresses: [],
  mac: "",
  generation: 0,
  sinceMs: 0,
  history: [],
};
