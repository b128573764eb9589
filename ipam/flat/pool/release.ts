import type { Ask } from "../store/drive.ts";
import {
  answersTo,
  get,
  nested,
  opsOf,
  range,
  readTxn,
  remove,
  type Txn,
  type TxnReply,
} from "../store/store.ts";
import { earliestMs, type Holding, isExpired, isOf, latestMs, type Times, withEvent } from "./holding.ts";
import type { PoolKeys } from "./keys.ts";
import { type Known, keysOfHolding, known, rewrite } from "./stored.ts";

export interface ReleaseRequest extends Times {
  readonly keys: PoolKeys;
  readonly node: string;
  readonly containerId: string;
  readonly ifname: string;
  /** The identities that its addresses may be recorded for. So they are found although the node had another name then. */
  readonly identities?: readonly string[];
  /** How long its addresses wait for their identity; undefined: for ever. */
  readonly holdMs: number | undefined;
  /** Frees only a claim up to this time, in milliseconds since 1970. Undefined: a claim of any time. */
  readonly claimedUntilMs?: number;
  /** Frees only the claim of this time. */
  readonly claimedAtMs?: number;
  /** Frees only the record of this revision, which the caller has judged. */
  readonly revision?: string;
}

/** The next step of a release. Pure, like `Claim`. */
export type Release =
  | Ask<Release>
  | { readonly kind: "released"; readonly holding: Holding }
  /** The container has nothing: it was released before, or others have taken over what it had. */
  | { readonly kind: "nothing" }
  /** Others changed the record before each of our tries. */
  | { readonly kind: "contended" };

/** How many expired holds one release removes. */
const sweptHolds = 4;
const maxTries = 100;

/** Starts a release. It frees only the records of this very container, whatever the configuration says now. */
export function release(request: ReleaseRequest): Release {
  return look(request, 0);
}

/** Starts the release of a record that the caller has read and judged (GC). It is freed only if it has not changed. */
export function releaseKnown(request: ReleaseRequest, attachment: Known): Release {
  return decide({ ...request, revision: attachment.modRevision }, 0, attachment, []);
}

function look(request: ReleaseRequest, tries: number): Release {
  if (tries >= maxTries) return { kind: "contended" };
  const { keys, node, containerId, ifname, identities = [], nowMs } = request;
  const ops = {
    att: get(keys.att(node, containerId, ifname)),
    holds: range(keys.holdsUntil(nowMs), sweptHolds),
    owns: identities.map((identity) => get(keys.own(identity))),
  };
  return {
    kind: "ask",
    txn: readTxn(ops),
    next: (reply) => {
      const told = withTime(request, reply);
      const { att, holds, owns } = answersTo(ops, reply.replies);
      const expired = holds.flatMap((entry) => known(entry) ?? []);
      const found = known(att);
      if (found !== undefined) return decide(told, tries, found, expired);
      const own = owns.flatMap((entry) => known(entry) ?? []).find(({ holding }) => isOf(holding, request));
      return decide({ ...told, node: own?.holding.node ?? node }, tries, own, expired);
    },
  };
}

function withTime<T extends Times>(request: T, { atMs }: TxnReply): T {
  return atMs === undefined ? request : { ...request, storeMs: atMs };
}

function decide(
  request: ReleaseRequest,
  tries: number,
  attachment: Known | undefined,
  expired: readonly Known[],
): Release {
  if (attachment === undefined || !isMeant(request, attachment)) return { kind: "nothing" };
  const { holding } = attachment;
  if (holding.containerId !== request.containerId) {
    return dismantle(request, tries, attachment, [attKey(request)]);
  }
  const swept = expired.filter((each) => isExpired(each.holding, earliestMs(request)));
  const evidence = { all: keysOf(request, holding).map(get) };
  return {
    kind: "ask",
    txn: { ...releaseTxn(request, attachment, swept), failure: opsOf(evidence) },
    next: (reply) => {
      if (reply.succeeded) return { kind: "released", holding };
      const same = answersTo(evidence, reply.replies)
        .all.flatMap((entry) => entry ?? [])
        .filter(({ modRevision }) => modRevision === attachment.modRevision)
        .map(({ key }) => key);
      // The container's record has not changed, so the other keys do not belong to it.
      if (same.includes(attKey(request))) return dismantle(request, tries, attachment, same);
      return look(request, tries + 1);
    },
  };
}

function isMeant(request: ReleaseRequest, { modRevision, holding }: Known): boolean {
  const { revision, claimedAtMs, claimedUntilMs } = request;
  if (revision !== undefined && modRevision !== revision) return false;
  if (claimedAtMs !== undefined && holding.sinceMs !== claimedAtMs) return false;
  // A later claim means that the container was attached anew after its DEL was journalled.
  return claimedUntilMs === undefined || holding.sinceMs <= claimedUntilMs;
}

function releaseTxn(
  request: ReleaseRequest,
  attachment: Known,
  expired: readonly Known[],
): Omit<Txn, "failure"> {
  const { keys } = request;
  const { holding, modRevision } = attachment;
  return {
    // One compare would be enough if no other program wrote to the store.
    compare: keysOf(request, holding).map((key) => ({ kind: "unchanged", key, modRevision })),
    success: [
      ...rewrite(keys, [holding], released(request, holding)),
      ...expired.map((each) => nested(sweepTxn(keys, each))),
    ],
  };
}

/** The container's own key comes first. */
function keysOf(request: ReleaseRequest, holding: Holding): string[] {
  const own = attKey(request);
  return [own, ...keysOfHolding(request.keys, holding).filter((key) => key !== own)];
}

function attKey({ keys, node, containerId, ifname }: ReleaseRequest): string {
  return keys.att(node, containerId, ifname);
}

/** The holding after its release. Undefined if its addresses become free at once. */
function released(request: ReleaseRequest, holding: Holding): Holding | undefined {
  const { holdMs, nowMs } = request;
  const { identity, containerId, node } = holding;
  const { uid: _uid, boot: _boot, reserved: isReserved, heldUntilMs: _heldUntilMs, ...had } = holding;
  const { macAsked = false, ...kept } = had;
  const history = withEvent(holding.history, { what: "released", identity, containerId, node, atMs: nowMs });
  const next = { ...kept, ...(macAsked && { mac: "" }), sinceMs: nowMs, history };
  if (isReserved === true) return { ...next, state: "reserved" };
  // A container never comes back.
  if (holdMs === 0 || identity.startsWith("container:")) return undefined;
  return {
    ...next,
    state: "held",
    ...(holdMs === undefined ? {} : { heldUntilMs: latestMs(request) + holdMs }),
  };
}

function sweepTxn(keys: PoolKeys, { holding, modRevision }: Known): Txn {
  const [first = ""] = keysOfHolding(keys, holding);
  return {
    compare: [{ kind: "unchanged", key: first, modRevision }],
    success: rewrite(keys, [holding], undefined),
    failure: [],
  };
}

/** Frees those keys of a damaged holding that are its own, and keeps nothing of it. */
function dismantle(
  request: ReleaseRequest,
  tries: number,
  attachment: Known,
  own: readonly string[],
): Release {
  const { holding, modRevision } = attachment;
  return {
    kind: "ask",
    txn: {
      compare: own.map((key) => ({ kind: "unchanged", key, modRevision })),
      success: own.map(remove),
      failure: [],
    },
    next: (reply) => (reply.succeeded ? { kind: "released", holding } : look(request, tries + 1)),
  };
}
