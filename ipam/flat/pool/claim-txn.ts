import { stableMac } from "../../hash.ts";
import {
  answersTo,
  type Compare,
  get,
  keyRange,
  nested,
  type Op,
  opsOf,
  put,
  type Txn,
  type TxnReply,
} from "../store/store.ts";
import { type Holding, withEvent } from "./holding.ts";
import type { PoolKeys } from "./keys.ts";
import { fenced, type Known, known, rewrite } from "./stored.ts";

/** One possible answer to a claim: an address of every range set, and expired holds that stand in its way. */
export interface Choice {
  readonly addresses: readonly string[];
  readonly steals: readonly Known[];
}

export interface Claimant {
  readonly pool: string;
  readonly network: string;
  readonly identity: string;
  readonly containerId: string;
  readonly ifname: string;
  readonly node: string;
  readonly uid?: string;
  readonly boot?: string;
  /** The MAC address that is asked for, in the kernel's spelling. */
  readonly mac?: string;
  readonly nowMs: number;
}

/** Everything that one try of a claim depends on. */
export interface Try {
  readonly keys: PoolKeys;
  readonly claimant: Claimant;
  /** The pool's definition as we have it; `isNew` when the store has not seen it. */
  readonly definition: { readonly hash: string; readonly value: string; readonly isNew: boolean };
  readonly macAttempt: number;
  /** The holding that the identity has already. It is compared, and replaced. */
  readonly former: Known | undefined;
  /** The best first. */
  readonly choices: readonly Choice[];
}

export interface ClaimedHolding {
  readonly kind: "claimed";
  readonly holding: Holding;
  /** How many definitions of the pool are in use, up to two. */
  readonly definitions: number;
}

/** The result of a try: the claimed holding, or the evidence why no choice could be had. */
export type FoundEvidence =
  | ClaimedHolding
  | {
      readonly kind: "evidence";
      readonly own: Known | undefined;
      readonly att: Known | undefined;
      readonly definitionKnown: boolean;
      readonly macOwner: string | undefined;
      /** For each choice, the holding at each of its addresses. */
      readonly taken: readonly (readonly (Known | undefined)[])[];
    };

function holdingOf(attempt: Try, choice: Choice): Holding {
  const { claimant, former } = attempt;
  const { network, identity, containerId, ifname, node, uid, boot, nowMs } = claimant;
  const before = former?.holding ?? choice.steals[0]?.holding;
  const what = former === undefined ? "claimed" : "taken over";
  return {
    identity,
    state: "live",
    containerId,
    ifname,
    node,
    network,
    ...(uid === undefined ? {} : { uid }),
    ...(boot === undefined ? {} : { boot }),
    addresses: choice.addresses,
    mac: macOf(attempt),
    ...(isMacAsked(claimant) ? { macAsked: true } : {}),
    generation: (former?.holding.generation ?? 0) + 1,
    sinceMs: nowMs,
    ...(isReservation(former?.holding, choice) ? { reserved: true } : {}),
    history: withEvent(before?.history ?? [], { what, identity, containerId, node, atMs: nowMs }),
  };
}

/** A reservation is for its addresses: who asks for others gives it up. */
function isReservation(former: Holding | undefined, { addresses }: Choice): boolean {
  if (former === undefined || (former.state !== "reserved" && former.reserved !== true)) return false;
  return (
    addresses.length === former.addresses.length && addresses.every((code) => former.addresses.includes(code))
  );
}

/** The MAC address of a try: the requested one, else the one that the identity has, else the one derived from it. */
export function macOf({ claimant, former, macAttempt }: Omit<Try, "choices">): string {
  const { pool, identity, mac } = claimant;
  if (mac !== undefined && isMacAsked(claimant)) return mac;
  const { mac: had = "", macAsked = false } = former?.holding ?? {};
  return had === "" || macAsked ? stableMac(pool, identity, macAttempt) : had;
}

/** Whether the sandbox asks for a MAC address. One that repeats its own, as `tellMac` told it, asks for nothing. */
export function isMacAsked({ pool, identity, mac }: Claimant): boolean {
  return mac !== undefined && mac !== stableMac(pool, identity, 0);
}

/** The transaction of a try: the first choice, else within it the second, and so on; at last the evidence. */
export function claimTxn(attempt: Try): Txn {
  const { choice, others } = firstOf(attempt.choices);
  return txnFor(attempt, choice, opsOf({ ...evidenceOf(attempt), ...levelOf(attempt, choice, others) }));
}

/** The reads of a failed try that do not depend on its choices. */
function evidenceOf({ keys, claimant, definition, ...attempt }: Try) {
  return {
    own: get(keys.own(claimant.identity)),
    att: get(keys.att(claimant.node, claimant.containerId, claimant.ifname)),
    definition: get(keys.def(definition.hash)),
    mac: get(keys.mac(macOf({ keys, claimant, definition, ...attempt }))),
  };
}

/** The reads when a choice cannot be had: the entries at its addresses, and the next choice. */
function levelOf(attempt: Try, choice: Choice, others: readonly Choice[]) {
  return {
    taken: choice.addresses.map((code) => get(attempt.keys.ip(code))),
    next: others.length === 0 ? [] : [nested(nest(attempt, others))],
  };
}

function nest(attempt: Try, choices: readonly Choice[]): Txn {
  const { choice, others } = firstOf(choices);
  return txnFor(attempt, choice, opsOf(levelOf(attempt, choice, others)));
}

function firstOf([choice, ...others]: readonly Choice[]): { choice: Choice; others: readonly Choice[] } {
  if (choice === undefined) throw new RangeError("a try needs a choice");
  return { choice, others };
}

function txnFor(attempt: Try, choice: Choice, failure: readonly Op[]): Txn {
  const compare = [...comparesOf(attempt), ...addressCompares(attempt, choice)];
  const txn = { compare, success: opsOf(thenOf(attempt, choice)), failure };
  return fenced(attempt.keys, txn, replacedBy(attempt, choice));
}

/** Whether the try takes a MAC address that the identity does not have yet. */
export function takesMac(attempt: Omit<Try, "choices">): boolean {
  return attempt.former?.holding.mac !== macOf(attempt);
}

function comparesOf(attempt: Try): Compare[] {
  const { keys, claimant, definition, former } = attempt;
  const own = keys.own(claimant.identity);
  const att = keys.att(claimant.node, claimant.containerId, claimant.ifname);
  return [
    former === undefined
      ? { kind: "absent", key: own }
      : { kind: "unchanged", key: own, modRevision: former.modRevision },
    { kind: "absent", key: att },
    ...(definition.isNew ? [] : [{ kind: "present" as const, key: keys.def(definition.hash) }]),
    ...(takesMac(attempt) ? [{ kind: "absent" as const, key: keys.mac(macOf(attempt)) }] : []),
  ];
}

/**
 * The compares of a choice's addresses. An address of the former holding needs none: the compare of its owner's key covers it.
 * An address of an expired hold must be as it was judged. Every other address must be free.
 */
function addressCompares({ keys, former }: Try, { addresses, steals }: Choice): Compare[] {
  return addresses
    .filter((code) => former === undefined || !former.holding.addresses.includes(code))
    .map((code): Compare => {
      const key = keys.ip(code);
      const steal = steals.find((each) => each.holding.addresses.includes(code));
      return steal === undefined
        ? { kind: "absent", key }
        : { kind: "unchanged", key, modRevision: steal.modRevision };
    });
}

function replacedBy({ former }: Try, { steals }: Choice): Known[] {
  return [...steals, ...(former === undefined ? [] : [former])];
}

function thenOf(attempt: Try, choice: Choice) {
  const { keys, definition } = attempt;
  const replaced = replacedBy(attempt, choice).map(({ holding }) => holding);
  return {
    define: definition.isNew ? [put(keys.def(definition.hash), definition.value)] : [],
    record: rewrite(keys, replaced, holdingOf(attempt, choice)),
    // If there is more than one definition, nodes disagree about the pool, and the caller warns.
    definitions: keyRange(keys.all.def, 2),
  };
}

/** Reads the reply to `claimTxn(attempt)`. */
export function readFound(attempt: Try, reply: TxnReply): FoundEvidence {
  const { choice, others } = firstOf(attempt.choices);
  if (reply.succeeded) return claimedBy(attempt, choice, reply);
  const ops = { ...evidenceOf(attempt), ...levelOf(attempt, choice, others) };
  const { own, att, definition, mac, taken, next } = answersTo(ops, reply.replies);
  const rest = readLevels(attempt, others, next[0]);
  if (rest.kind === "claimed") return rest;
  return {
    kind: "evidence",
    own: known(own),
    att: known(att),
    definitionKnown: definition !== undefined,
    macOwner: known(mac)?.holding.identity,
    taken: [taken.map(known), ...rest.taken],
  };
}

function claimedBy(attempt: Try, choice: Choice, { replies }: TxnReply): ClaimedHolding {
  const { definitions } = answersTo(thenOf(attempt, choice), replies);
  return { kind: "claimed", holding: holdingOf(attempt, choice), definitions: definitions.length };
}

type Levels =
  | ClaimedHolding
  | { readonly kind: "taken"; readonly taken: readonly (readonly (Known | undefined)[])[] };

/** Reads the reply of a nested choice, and of the choices nested in it. */
function readLevels(attempt: Try, choices: readonly Choice[], reply: TxnReply | undefined): Levels {
  if (reply === undefined) return { kind: "taken", taken: [] };
  const { choice, others } = firstOf(choices);
  if (reply.succeeded) return claimedBy(attempt, choice, reply);
  const { taken, next } = answersTo(levelOf(attempt, choice, others), reply.replies);
  const rest = readLevels(attempt, others, next[0]);
  return rest.kind === "claimed" ? rest : { kind: "taken", taken: [taken.map(known), ...rest.taken] };
}
