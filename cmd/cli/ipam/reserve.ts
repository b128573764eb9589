import { type CniError, cniError } from "../../../cni/errors.ts";
import { conditionOf, type Holding, isExpired, nobody, withEvent } from "../../../ipam/flat/pool/holding.ts";
import { entriesAt, keysOfHolding, rewrite, type Stored, storedOf } from "../../../ipam/flat/pool/stored.ts";
import type { Compare, Txn } from "../../../ipam/flat/store/store.ts";
import { stableMac } from "../../../ipam/hash.ts";
import { rangeWith } from "../../../ipam/range.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { printFailure } from "../failure.ts";
import { plain, printDocument, type Terminal } from "../terminal.ts";
import { type Named, readIdentity, readNamed, whyNever } from "./address.ts";
import { apply, changedMeanwhile } from "./change.ts";
import { holdingDocument } from "./list.ts";
import type { ReserveOptions } from "./options.ts";
import type { Pool } from "./pool.ts";
import { readOnce } from "./read.ts";
import { findPool } from "./target.ts";
import { printCodes, printOwner } from "./words.ts";

/** What is to be reserved for whom, together. */
interface Reservation {
  readonly identity: string;
  readonly named: readonly Named[];
}

/** `hawser ipam reserve`: keeps addresses for a pod's interface, or from everybody. */
export async function reserveAddresses(
  sys: Sys,
  terminal: Terminal,
  options: ReserveOptions,
): Promise<number> {
  const pool = await findPool(sys, options);
  if (!pool.ok) return printFailure(terminal, pool.error, options.json);
  const reservations = readReservations(pool.value, options);
  if (!reservations.ok) return printFailure(terminal, reservations.error, options.json);
  const nowMs = sys.clock.nowMs();
  const done: Holding[] = [];
  for (const reservation of reservations.value) {
    const reserved = await reserve(pool.value, reservation, nowMs);
    if (!reserved.ok) return printFailure(terminal, reserved.error, options.json);
    done.push(reserved.value);
    if (options.json) continue;
    const { addresses, state } = reserved.value;
    const still = state === "live" ? ", which uses it now" : "";
    terminal.print(plain(`Reserved ${printCodes(addresses)} for ${printOwner(reservation)}${still}.`));
  }
  if (options.json) {
    printDocument(terminal, {
      pool: pool.value.name,
      reserved: done.map((each) => holdingDocument(each, nowMs)),
    });
  }
  return 0;
}

/** Errors: `cli.address`, `cli.identity`, `cli.never`, `cli.one-of-each`. */
function readReservations(pool: Pool, options: ReserveOptions): Outcome<Reservation[], CniError> {
  const named: Named[] = [];
  for (const text of options.addresses) {
    const one = readNamed(pool, text);
    if (!one.ok) return one;
    const never = whyNever(pool, one.value);
    if (never !== undefined) {
      return fail(
        cniError("ipam", "cli.never", `reserve ${one.value.text}: ${never}`, "Nobody is given it anyway."),
      );
    }
    named.push(one.value);
  }
  if (options.for === undefined) {
    return ok(named.map((each) => ({ identity: nobody(each.text), named: [each] })));
  }
  const identity = readIdentity(options.for);
  if (!identity.ok) return identity;
  const ordered = bySets(pool, named);
  if (ordered !== undefined) return ok([{ identity: identity.value, named: ordered }]);
  const doing = `reserve for ${identity.value}`;
  const why = `the pool gives ${pool.sets.length} addresses to each pod, and reserves them together`;
  const hint = "Name one address of each range set; hawser ipam predict tells which the pod would prefer.";
  return fail(cniError("ipam", "cli.one-of-each", `${doing}: ${why}`, hint));
}

/** One address of each set, in their order; undefined when it is not that. */
function bySets({ sets }: Pool, named: readonly Named[]): Named[] | undefined {
  if (sets.length === 0) return [...named];
  const ordered = sets.flatMap(
    (set) => named.find(({ address }) => rangeWith(set, address) !== undefined) ?? [],
  );
  return ordered.length === sets.length && named.length === sets.length ? ordered : undefined;
}

/** Keeps an address from everybody. Errors: `cli.taken`, `cli.changed` and the store's. */
export function reserveFromAll(pool: Pool, code: string, nowMs: number): Promise<Outcome<Holding, CniError>> {
  const text = printCodes([code]);
  const named = readNamed(pool, text);
  if (!named.ok) throw new Error(`${code} is a bug: it is no code of an address`);
  return reserve(pool, { identity: nobody(text), named: [named.value] }, nowMs);
}

/** Errors: `cli.taken`, `cli.changed` and the store's. */
async function reserve(
  pool: Pool,
  reservation: Reservation,
  nowMs: number,
): Promise<Outcome<Holding, CniError>> {
  const doing = `reserve ${reservation.named.map(({ text }) => text).join(" ")}`;
  const seen = await look(pool, reservation);
  if (!seen.ok) return seen;
  const change = decide(pool, reservation, seen.value, nowMs);
  if (!change.ok) return change;
  const applied = await apply(pool.store, doing, change.value.txn);
  if (!applied.ok) return applied;
  return applied.value ? ok(change.value.next) : fail(changedMeanwhile(doing));
}

interface Seen {
  readonly own: Stored | undefined;
  readonly mac: Stored | undefined;
  readonly addresses: readonly (Stored | undefined)[];
}

async function look(pool: Pool, { identity, named }: Reservation): Promise<Outcome<Seen, CniError>> {
  const { keys, store, name } = pool;
  const wanted = [keys.own(identity), keys.mac(stableMac(name, identity, 0)), ...named.map(({ key }) => key)];
  const reply = await readOnce(
    store,
    wanted.map((key) => ({ kind: "get", key })),
  );
  if (!reply.ok) return reply;
  const [own, mac, ...addresses] = wanted.map((_key, at) => {
    const [entry] = entriesAt(reply.value, at);
    return entry === undefined ? undefined : storedOf(entry);
  });
  return ok({ own, mac, addresses });
}

interface Change {
  readonly next: Holding;
  readonly txn: Txn;
}

/** What a reservation does to what is there. Pure. */
function decide(pool: Pool, reservation: Reservation, seen: Seen, nowMs: number): Outcome<Change, CniError> {
  const { identity, named } = reservation;
  const codes = named.map(({ code }) => code);
  const { own } = seen;
  if (own !== undefined) return decideOwn(pool, reservation, own, nowMs);
  const taken = seen.addresses.flatMap((stored) => stored ?? []);
  const blocking = taken.find(({ holding }) => holding === undefined || !isExpired(holding, nowMs));
  if (blocking !== undefined) return fail(takenBy(named, blocking, nowMs));
  const isForNobody = identity === nobody(named[0]?.text ?? "");
  const event = { what: "reserved", identity, containerId: "", node: "", atMs: nowMs } as const;
  const former = taken.flatMap(({ holding }) => holding ?? []);
  const next: Holding = {
    identity,
    state: "reserved",
    containerId: "",
    ifname: "",
    node: "",
    network: "",
    addresses: codes,
    // Who comes to it is given one when it comes, if its own is not to be had now.
    mac: isForNobody || seen.mac !== undefined ? "" : stableMac(pool.name, identity, 0),
    generation: 0,
    sinceMs: nowMs,
    history: withEvent(former[0]?.history ?? [], event),
  };
  const written = keysOfHolding(pool.keys, next);
  const compare = written.map((key): Compare => {
    const there = taken.find((stored) => stored.key === key);
    return there === undefined
      ? { kind: "absent", key }
      : { kind: "unchanged", key, modRevision: there.modRevision };
  });
  return ok({ next, txn: { compare, success: rewrite(pool.keys, former, next), failure: [] } });
}

/** It has addresses already: these can be made to stay its own, others have to be given up first. */
function decideOwn(
  { keys }: Pool,
  { identity, named }: Reservation,
  { key, modRevision, holding }: Stored,
  nowMs: number,
): Outcome<Change, CniError> {
  const codes = named.map(({ code }) => code);
  if (holding === undefined || holding.addresses.join() !== codes.join()) {
    const has = holding === undefined ? "something unreadable" : printCodes(holding.addresses);
    const doing = `reserve ${printCodes(codes)} for ${printOwner({ identity })}`;
    const hint = `Let go of that first: hawser ipam release ${has.split(" ")[0]}.`;
    return fail(cniError("ipam", "cli.taken", `${doing}: it has ${has} already`, hint));
  }
  const { heldUntilMs: _heldUntilMs, ...kept } = holding;
  const { containerId, node } = holding;
  const event = { what: "reserved", identity, containerId, node, atMs: nowMs } as const;
  const history = withEvent(holding.history, event);
  // What is in use becomes reserved with its DEL.
  const next: Holding =
    holding.state === "held" ? { ...kept, state: "reserved", history } : { ...kept, reserved: true, history };
  return ok({
    next,
    txn: {
      compare: [{ kind: "unchanged", key, modRevision }],
      success: rewrite(keys, [holding], next),
      failure: [],
    },
  });
}

function takenBy(named: readonly Named[], { key, holding }: Stored, nowMs: number): CniError {
  const text = named.find((each) => each.key === key)?.text ?? key;
  const by =
    holding === undefined
      ? "taken by an unreadable record"
      : `${conditionOf(holding, nowMs)} by ${printOwner(holding)}`;
  return cniError("ipam", "cli.taken", `reserve ${text}: it is ${by}`, `hawser ipam why ${text} tells more.`);
}
