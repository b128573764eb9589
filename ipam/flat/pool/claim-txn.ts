import { stableMac } from "../../hash.ts";
import type { Compare, Entry, Op, Txn, TxnReply } from "../store/store.ts";
import { type Holding, withEvent } from "./holding.ts";
import type { Keys } from "./keys.ts";
import { entriesOf, ipKey, type Known, known, rewrite } from "./stored.ts";

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

/** All that one try depends on. */
export interface Try {
  readonly keys: Keys;
  readonly claimant: Claimant;
  /** The pool's definition as we have it; `isNew` when the store has not seen it. */
  readonly definition: { readonly hash: string; readonly value: string; readonly isNew: boolean };
  readonly macAttempt: number;
  /** What the identity has already, if anything: compared, and replaced. */
  readonly former: Known | undefined;
  /** The best first. */
  readonly choices: readonly Choice[];
}

/** What a try found: a choice that is ours now, or why none is. */
export type FoundEvidence =
  | { readonly kind: "claimed"; readonly holding: Holding; readonly definitions: number }
  | {
      readonly kind: "evidence";
      readonly own: Known | undefined;
      readonly att: Known | undefined;
      readonly definitionKnown: boolean;
      readonly macOwner: string | undefined;
      /** For each choice, what lies at each of its addresses. */
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

/** What is asked for, else what the identity has of its own, else what is derived from it. */
export function macOf({ claimant, former, macAttempt }: Omit<Try, "choices">): string {
  const { pool, identity, mac } = claimant;
  if (mac !== undefined && isMacAsked(claimant)) return mac;
  const { mac: had = "", macAsked = false } = former?.holding ?? {};
  return had === "" || macAsked ? stableMac(pool, identity, macAttempt) : had;
}

/** Who is told its own MAC address (by `tellMac`) asks for nothing by repeating it. */
export function isMacAsked({ pool, identity, mac }: Claimant): boolean {
  return mac !== undefined && mac !== stableMac(pool, identity, 0);
}

/** The transaction of a try: the first choice, else within it the second, and so on; at last the evidence. */
export function claimTxn(attempt: Try): Txn {
  const { keys, claimant, definition } = attempt;
  const { identity, node, containerId, ifname } = claimant;
  const macKey = keys.mac(macOf(attempt));
  const evidence: Op[] = [
    { kind: "get", key: keys.own(identity) },
    { kind: "get", key: keys.att(node, containerId, ifname) },
    { kind: "get", key: keys.def(definition.hash) },
    { kind: "get", key: macKey },
  ];
  return nest(attempt, attempt.choices, evidence, macKey);
}

function nest(attempt: Try, choices: readonly Choice[], evidence: readonly Op[], macKey: string): Txn {
  const [choice, ...others] = choices;
  if (choice === undefined) throw new RangeError("a try needs a choice");
  const { keys } = attempt;
  const gets = choice.addresses.map((code): Op => ({ kind: "get", key: ipKey(keys, code) }));
  const next: Op[] = others.length === 0 ? [] : [{ kind: "txn", txn: nest(attempt, others, [], macKey) }];
  return {
    compare: [...comparesOf(attempt, macKey), ...addressCompares(attempt, choice)],
    success: thenOf(attempt, choice),
    failure: [...evidence, ...gets, ...next],
  };
}

/** Whether the try takes a MAC address that the identity does not have yet. */
export function takesMac(attempt: Omit<Try, "choices">): boolean {
  return attempt.former?.holding.mac !== macOf(attempt);
}

function comparesOf(attempt: Try, macKey: string): Compare[] {
  const { keys, claimant, definition, former } = attempt;
  const own = keys.own(claimant.identity);
  const att = keys.att(claimant.node, claimant.containerId, claimant.ifname);
  return [
    former === undefined
      ? { kind: "absent", key: own }
      : { kind: "unchanged", key: own, modRevision: former.modRevision },
    { kind: "absent", key: att },
    ...(definition.isNew ? [] : [{ kind: "present" as const, key: keys.def(definition.hash) }]),
    ...(takesMac(attempt) ? [{ kind: "absent" as const, key: macKey }] : []),
  ];
}

/** An address is free, or the former holding's own (which its unchanged owner key covers), or an expired hold as judged. */
function addressCompares({ keys, former }: Try, { addresses, steals }: Choice): Compare[] {
  return addresses
    .filter((code) => former === undefined || !former.holding.addresses.includes(code))
    .map((code): Compare => {
      const key = ipKey(keys, code);
      const steal = steals.find((each) => each.holding.addresses.includes(code));
      return steal === undefined
        ? { kind: "absent", key }
        : { kind: "unchanged", key, modRevision: steal.modRevision };
    });
}

function thenOf(attempt: Try, choice: Choice): Op[] {
  const { keys, definition, former } = attempt;
  const replaced = [...choice.steals, ...(former === undefined ? [] : [former])].map(
    ({ holding }) => holding,
  );
  const define: Op[] = definition.isNew
    ? [{ kind: "put", key: keys.def(definition.hash), value: definition.value }]
    : [];
  return [
    ...define,
    ...rewrite(keys, replaced, holdingOf(attempt, choice)),
    // More than one definition in use: nodes disagree about the pool, and are told so.
    { kind: "range", ...keys.defs, limit: 2, keysOnly: true },
  ];
}

/** Reads the reply to `claimTxn(attempt)`. */
export function readFound(attempt: Try, reply: TxnReply): FoundEvidence {
  const claimed = claimedChoice(reply, 4, attempt.choices);
  if (claimed !== undefined) {
    const holding = holdingOf(attempt, claimed.choice);
    return { kind: "claimed", holding, definitions: entriesOf(claimed.reply, -1).length };
  }
  const first = (at: number): Entry | undefined => entriesOf(reply, at)[0];
  return {
    kind: "evidence",
    own: known(first(0)),
    att: known(first(1)),
    definitionKnown: first(2) !== undefined,
    macOwner: known(first(3))?.holding.identity,
    taken: takenOf(reply, 4, attempt.choices),
  };
}

function claimedChoice(
  reply: TxnReply,
  skip: number,
  choices: readonly Choice[],
): { choice: Choice; reply: TxnReply } | undefined {
  const [choice, ...others] = choices;
  if (choice === undefined) return undefined;
  if (reply.succeeded) return { choice, reply };
  const nested = reply.replies[skip + choice.addresses.length];
  return nested?.kind === "txn" ? claimedChoice(nested.reply, 0, others) : undefined;
}

function takenOf(reply: TxnReply, skip: number, choices: readonly Choice[]): (Known | undefined)[][] {
  const [choice, ...others] = choices;
  if (choice === undefined) return [];
  const taken = choice.addresses.map((_code, index) => known(entriesOf(reply, skip + index)[0]));
  const nested = reply.replies[skip + choice.addresses.length];
  return [taken, ...(nested?.kind === "txn" ? takenOf(nested.reply, 0, others) : [])];
}
