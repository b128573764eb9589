import { stableMac } from "../../hash.ts";
import type { Ask } from "../store/drive.ts";
import { answersTo, type Entry, get, readTxn, remove, type Txn } from "../store/store.ts";
import { type Holding, isAttached, isExpired, isNobody, quarantined, withEvent } from "./holding.ts";
import type { PoolKeys } from "./keys.ts";
import { asSeen, keysOfHolding, rewrite, type Stored, storedOf } from "./stored.ts";

/**
 * What an operator does to a pool by hand. A person has looked and decided, so what has changed since is left alone and
 * told, and nothing is tried again.
 */
export type OperatorChange = Ask<OperatorChange> | { readonly kind: "done" } | { readonly kind: "changed" };

/** Makes one change, unless what it was judged by is another now. */
export function changeAsSeen(txn: Txn): OperatorChange {
  return { kind: "ask", txn, next: ({ succeeded }) => ({ kind: succeeded ? "done" : "changed" }) };
}

export interface ReserveRequest {
  readonly keys: PoolKeys;
  readonly pool: string;
  /** A pod's interface, or `nobody(address)`. */
  readonly identity: string;
  /** One address, or one of each range set, in their order. */
  readonly codes: readonly string[];
  readonly nowMs: number;
}

export type Reserve =
  | Ask<Reserve>
  | { readonly kind: "reserved"; readonly holding: Holding }
  /** One of the addresses is somebody's. `by` is undefined when its record cannot be read. */
  | { readonly kind: "taken"; readonly code: string; readonly by: Holding | undefined }
  /** The identity has other addresses. `had` is undefined when its record cannot be read. */
  | { readonly kind: "has others"; readonly had: Holding | undefined }
  | { readonly kind: "changed" };

/** Keeps addresses for an identity, or from everybody: looks, and changes what it saw. */
export function reserve(request: ReserveRequest): Reserve {
  const { keys, pool, identity, codes } = request;
  const ops = {
    own: get(keys.own(identity)),
    mac: get(keys.mac(stableMac(pool, identity, 0))),
    addresses: codes.map((code) => get(keys.ip(code))),
  };
  return {
    kind: "ask",
    txn: readTxn(ops),
    next: ({ replies }) => {
      const { own, mac, addresses } = answersTo(ops, replies);
      if (own !== undefined) return keepOwn(request, storedOf(own));
      const taken = addresses.flatMap((entry) => (entry === undefined ? [] : storedOf(entry)));
      return reserveFree(request, taken, mac !== undefined);
    },
  };
}

function reserveFree(request: ReserveRequest, taken: readonly Stored[], isMacTaken: boolean): Reserve {
  const { keys, pool, identity, codes, nowMs } = request;
  const blocking = taken.find(({ holding }) => holding === undefined || !isExpired(holding, nowMs));
  if (blocking !== undefined) {
    const code = codes.find((each) => keys.ip(each) === blocking.key) ?? "";
    return { kind: "taken", code, by: blocking.holding };
  }
  const former = taken.flatMap(({ holding }) => holding ?? []);
  const event = { what: "reserved", identity, containerId: "", node: "", atMs: nowMs } as const;
  const holding: Holding = {
    identity,
    state: "reserved",
    containerId: "",
    ifname: "",
    node: "",
    network: "",
    addresses: codes,
    // A pod whose own MAC address is taken now is given one when it comes.
    mac: isNobody(identity) || isMacTaken ? "" : stableMac(pool, identity, 0),
    generation: 0,
    sinceMs: nowMs,
    history: withEvent(former[0]?.history ?? [], event),
  };
  const seen = new Map(taken.map((each) => [each.key, each]));
  return write(holding, {
    compare: asSeen(keysOfHolding(keys, holding), seen),
    success: rewrite(keys, former, holding),
    failure: [],
  });
}

/** The identity has addresses already: these can be made to stay its own, others have to be given up first. */
function keepOwn(
  { keys, identity, codes, nowMs }: ReserveRequest,
  { key, modRevision, holding }: Stored,
): Reserve {
  if (holding === undefined || holding.addresses.join() !== codes.join()) {
    return { kind: "has others", had: holding };
  }
  const { heldUntilMs: _heldUntilMs, ...kept } = holding;
  const { containerId, node } = holding;
  const event = { what: "reserved", identity, containerId, node, atMs: nowMs } as const;
  const history = withEvent(holding.history, event);
  // An address in use becomes reserved with its DEL.
  const next: Holding =
    holding.state === "held" ? { ...kept, state: "reserved", history } : { ...kept, reserved: true, history };
  return write(next, {
    compare: [{ kind: "unchanged", key, modRevision }],
    success: rewrite(keys, [holding], next),
    failure: [],
  });
}

function write(holding: Holding, txn: Txn): Reserve {
  return {
    kind: "ask",
    txn,
    next: ({ succeeded }) => (succeeded ? { kind: "reserved", holding } : { kind: "changed" }),
  };
}

/** A record that was read and judged, and the address by whose key it was found. */
export type SeenHolding = Stored & { readonly holding: Holding };

export function isReserved({ state, reserved }: Holding): boolean {
  return state === "reserved" || reserved === true;
}

/** Takes a reservation back. Whoever uses the address now keeps it until its DEL. */
export function unreserve(keys: PoolKeys, { key, modRevision, holding }: SeenHolding): OperatorChange {
  const { reserved: _reserved, ...rest } = holding;
  return changeAsSeen({
    compare: [{ kind: "unchanged", key, modRevision }],
    success: rewrite(keys, [holding], holding.state === "reserved" ? undefined : rest),
    failure: [],
  });
}

/** Why an operator has to be sure before an address is freed. */
export type ReleaseRisk =
  | { readonly kind: "none" }
  /** Nobody knows who uses it. */
  | { readonly kind: "unreadable" }
  /** A container uses it, or, where its holding is in quarantine, may use it. */
  | { readonly kind: "used"; readonly holding: Holding };

export function riskOf(holding: Holding | undefined): ReleaseRisk {
  if (holding === undefined) return { kind: "unreadable" };
  return isAttached(holding) ? { kind: "used", holding } : { kind: "none" };
}

/** What a container uses is not freed at once: it waits for its DEL, its node's GC, or for an operator who is sure. */
export function quarantineLive(
  keys: PoolKeys,
  { key, modRevision, holding }: SeenHolding,
  by: { readonly node: string; readonly nowMs: number },
): OperatorChange {
  return changeAsSeen({
    compare: [{ kind: "unchanged", key, modRevision }],
    success: rewrite(keys, [holding], quarantined(holding, by.node, by.nowMs)),
    failure: [],
  });
}

/** Frees all keys that the transaction of this record wrote: what else bears the owner's name is another holding's. */
export function releaseSeen(keys: PoolKeys, { key: found, modRevision, holding }: Stored): OperatorChange {
  const all = holding === undefined ? [] : keysOfHolding(keys, holding);
  const ops = { all: [...new Set([found, ...all])].map(get) };
  return {
    kind: "ask",
    txn: readTxn(ops),
    next: ({ replies }) => {
      const entries = answersTo(ops, replies).all.flatMap((entry) => entry ?? []);
      const same = entries.filter((entry) => entry.modRevision === modRevision);
      return same.some(({ key }) => key === found) ? changeAsSeen(freeing(same)) : { kind: "changed" };
    },
  };
}

function freeing(entries: readonly Entry[]): Txn {
  return {
    compare: entries.map(({ key, modRevision }) => ({ kind: "unchanged", key, modRevision })),
    success: entries.map(({ key }) => remove(key)),
    failure: [],
  };
}
