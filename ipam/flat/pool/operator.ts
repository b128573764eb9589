import { stableMac } from "../../hash.ts";
import type { Ask } from "../store/drive.ts";
import { answersTo, type Entry, get, readTxn, remove, type Txn } from "../store/store.ts";
import {
  earliestMs,
  type Holding,
  isAttached,
  isExpired,
  isNobody,
  quarantined,
  timesOf,
  withEvent,
} from "./holding.ts";
import type { PoolKeys } from "./keys.ts";
import { asSeen, keysOfHolding, rewrite, type SeenHolding, type Stored, storedOf } from "./stored.ts";

/**
 * A change that an operator makes to a pool by hand. A person has looked and decided. If the record has changed since, the
 * procedure leaves it alone, says so, and does not try again.
 */
export type OperatorChange = Ask<OperatorChange> | { readonly kind: "done" } | { readonly kind: "changed" };

/** Makes one change, unless a compare of its transaction fails. */
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
  /** One of the addresses has an owner. `by` is undefined if its record cannot be read. */
  | { readonly kind: "taken"; readonly code: string; readonly by: Holding | undefined }
  /** The identity has other addresses. `had` is undefined if its record cannot be read. */
  | { readonly kind: "has others"; readonly had: Holding | undefined }
  | { readonly kind: "changed" };

/** Reserves addresses for an identity, or from everybody. It reads first, and its write compares what it has read. */
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
    next: ({ replies, atMs }) => {
      const { own, mac, addresses } = answersTo(ops, replies);
      if (own !== undefined) return keepOwn(request, storedOf(own));
      const taken = addresses.flatMap((entry) => (entry === undefined ? [] : storedOf(entry)));
      const judgedMs = earliestMs(timesOf(request.nowMs, atMs));
      return reserveFree(request, taken, mac !== undefined, judgedMs);
    },
  };
}

/** `judgedMs` is the time up to which holds count as expired. */
function reserveFree(
  request: ReserveRequest,
  taken: readonly Stored[],
  isMacTaken: boolean,
  judgedMs: number,
): Reserve {
  const { keys, pool, identity, codes, nowMs } = request;
  const blocking = taken.find(({ holding }) => holding === undefined || !isExpired(holding, judgedMs));
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
    // If the pod's own MAC address is taken, the pod gets one when it comes.
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

/** Reserves the addresses that the identity has already. Other addresses would have to be released first. */
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

export function isReserved({ state, reserved }: Holding): boolean {
  return state === "reserved" || reserved === true;
}

/** Ends a reservation. A container that uses the address keeps it until its DEL. */
export function unreserve(keys: PoolKeys, { key, modRevision, holding }: SeenHolding): OperatorChange {
  const { reserved: _reserved, ...rest } = holding;
  return changeAsSeen({
    compare: [{ kind: "unchanged", key, modRevision }],
    success: rewrite(keys, [holding], holding.state === "reserved" ? undefined : rest),
    failure: [],
  });
}

/** The risk of freeing an address. */
export type ReleaseRisk =
  | { readonly kind: "none" }
  /** The record cannot be read, so nobody knows who uses the address. */
  | { readonly kind: "unreadable" }
  /** A container uses the address. If its holding is in quarantine, it may use it. */
  | { readonly kind: "used"; readonly holding: Holding };

export function riskOf(holding: Holding | undefined): ReleaseRisk {
  if (holding === undefined) return { kind: "unreadable" };
  return isAttached(holding) ? { kind: "used", holding } : { kind: "none" };
}

/** Puts the address of a container into quarantine. Its DEL, its node's GC, or a second release by an operator frees it. */
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

/** Frees all keys that the transaction of this record wrote. Other keys of the owner belong to another holding. */
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
