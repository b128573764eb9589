import type { RangeSet } from "../../range.ts";
import type { Compare, Entry, Op, Txn } from "../store/store.ts";
import { groupBy } from "./group.ts";
import { type Holding, isNobody, printHolding } from "./holding.ts";
import type { Keys } from "./keys.ts";
import { addressOfCode, printCode } from "./keys.ts";
import { keysOfHolding, type Stored, storedOf } from "./stored.ts";
import { unusable } from "./tally.ts";

/** Something that is not as it should be. */
export interface AuditFinding {
  readonly severity: "problem" | "warning";
  readonly kind: string;
  /** Whom or what it is about. */
  readonly subject: string;
  readonly what: string;
  /** For people: what helps. */
  readonly advice: string;
  /** What to read again, in one go, to see whether it still is so; what several reads found may never have been. */
  readonly keys: readonly string[];
  /** What `--repair` does; it changes nothing when anything it was judged by has changed meanwhile. */
  readonly repair?: { readonly what: string; readonly txn: Txn };
}

/**
 * A pool's store against itself: all keys of an owner are written by one transaction, with the same value, so they agree
 * unless something other than hawser wrote, lost or restored some of them. Pure: the caller read the entries.
 */
export function auditEntries(keys: Keys, entries: readonly Entry[]): AuditFinding[] {
  const stored = entries.map(storedOf);
  const byKey = new Map(stored.map((each) => [each.key, each]));
  const readable = stored.flatMap((each): Readable[] =>
    each.holding === undefined ? [] : [{ ...each, holding: each.holding }],
  );
  const owners = groupBy(readable, ({ holding }) => holding.identity);
  const explained = new Set<string>();
  const findings = [...owners].flatMap(([identity, group]) => {
    const found = auditOwner(keys, byKey, identity, group);
    for (const key of found.explains) explained.add(key);
    return found.finding ?? [];
  });
  const unreadable = stored.filter(({ key, holding }) => holding === undefined && !explained.has(key));
  return [...findings, ...unreadable.map(({ key }) => unreadableKey(key))];
}

type Readable = Stored & { readonly holding: Holding };
type ByKey = ReadonlyMap<string, Stored>;

interface Audited {
  readonly finding?: AuditFinding;
  /** Keys that are no further finding of their own. */
  readonly explains: readonly string[];
}

function auditOwner(keys: Keys, byKey: ByKey, identity: string, group: readonly Readable[]): Audited {
  const leader = leaderOf(keys, identity, group);
  const expected = keysOfHolding(keys, leader.holding);
  const foreign = expected.filter((key) => isForeign(byKey.get(key), identity));
  if (foreign.length > 0) return { finding: conflict(keys, leader.holding, foreign, byKey), explains: [] };
  const missing = expected.filter((key) => !byKey.has(key));
  const damaged = expected.filter((key) => byKey.has(key) && byKey.get(key)?.holding === undefined);
  const different = group.filter(
    (each) => expected.includes(each.key) && each.modRevision !== leader.modRevision,
  );
  const leftover = group.filter(({ key }) => !expected.includes(key));
  const wrong = [
    ...say("missing", missing),
    ...say("unreadable", damaged),
    ...say(
      "of another revision",
      different.map(({ key }) => key),
    ),
    ...say(
      "left over",
      leftover.map(({ key }) => key),
    ),
  ];
  if (wrong.length === 0) return { explains: [] };
  const finding = disagreement(keys, byKey, leader, group, { expected, wrong });
  return { finding, explains: damaged };
}

/** The owner's own record; without one, what was written last. */
function leaderOf(keys: Keys, identity: string, group: readonly Readable[]): Readable {
  const own = group.find(({ key }) => key === keys.own(identity));
  const [last] = group.toSorted((one, other) => (isLater(one, other) ? -1 : 1));
  const leader = own ?? last;
  if (leader === undefined) throw new RangeError("a group has members");
  return leader;
}

function isLater(one: Stored, other: Stored): boolean {
  return BigInt(one.modRevision) > BigInt(other.modRevision);
}

function isForeign(stored: Stored | undefined, identity: string): boolean {
  return stored?.holding !== undefined && stored.holding.identity !== identity;
}

function say(what: string, keys: readonly string[]): string[] {
  return keys.length === 0 ? [] : [`${what}: ${keys.join(", ")}`];
}

function conflict(keys: Keys, holding: Holding, foreign: readonly string[], byKey: ByKey): AuditFinding {
  const others = foreign.map((key) => `${key} is ${byKey.get(key)?.holding?.identity ?? "nobody"}'s`);
  return {
    severity: "problem",
    kind: "two-owners",
    subject: holding.identity,
    what: `it has ${holding.addresses.map(printCode).join(", ")} (${holding.state}), but ${others.join(", ")}`,
    advice: "Find out which of the two sandboxes is to go, delete its pod, and release its address.",
    keys: keysOfHolding(keys, holding),
  };
}

/** All keys are written anew from the record that counts, in one transaction: that is what makes them agree. */
function disagreement(
  keys: Keys,
  byKey: ByKey,
  leader: Readable,
  group: readonly Readable[],
  { expected, wrong }: { readonly expected: readonly string[]; readonly wrong: readonly string[] },
): AuditFinding {
  const { holding } = leader;
  const own = keys.own(holding.identity);
  // A hold that has lost its own record and an address is nobody's: rewriting it would take the address from others.
  const isRemains = holding.state === "held" && !byKey.has(own) && expected.some((key) => !byKey.has(key));
  const next = isRemains ? undefined : holding;
  const present = [...new Set([...group.map(({ key }) => key), ...expected])];
  const compare = present.map((key): Compare => {
    const there = byKey.get(key);
    return there === undefined
      ? { kind: "absent", key }
      : { kind: "unchanged", key, modRevision: there.modRevision };
  });
  const written = next === undefined ? [] : expected;
  const value = printHolding(holding);
  const puts = written.map((key): Op => ({ kind: "put", key, value }));
  const deletes = group
    .filter(({ key }) => !written.includes(key))
    .map(({ key }): Op => ({ kind: "delete", key }));
  return {
    severity: "problem",
    kind: "keys-disagree",
    subject: holding.identity,
    what: `its keys do not agree: ${wrong.join("; ")}`,
    advice: "Something else than hawser changed the store, or a backup was restored in part.",
    keys: present,
    repair: {
      what: isRemains
        ? `remove the remains of ${holding.identity}`
        : `write all keys of ${holding.identity} anew`,
      txn: { compare, success: [...puts, ...deletes], failure: [] },
    },
  };
}

function unreadableKey(key: string): AuditFinding {
  const isAddress = key.startsWith("ip/");
  const address = isAddress ? printAddressOf(key) : "";
  return {
    severity: "problem",
    kind: "unreadable",
    subject: isAddress ? address : key,
    what: `the value of ${key} is no record of hawser's; the address is given to nobody`,
    advice: isAddress
      ? `Once you are sure that nobody uses it: hawser ipam release ${address} --force.`
      : "Look at it with the store's own tools.",
    keys: [key],
  };
}

function printAddressOf(key: string): string {
  return printCode(key.slice(key.lastIndexOf("/") + 1));
}

/** Addresses that the ranges do not (any more) give. They stay with their owners until these let go of them. */
export function auditRanges(sets: readonly RangeSet[], holdings: readonly Holding[]): AuditFinding[] {
  return holdings.flatMap((holding) =>
    holding.addresses.flatMap((code): AuditFinding[] => {
      const why = unusable(sets, addressOfCode(code));
      if (why === undefined || (holding.state === "reserved" && isNobody(holding.identity))) return [];
      const what = `${printCode(code)} is ${why === "outside" ? "outside of the ranges" : why === "gateway" ? "a gateway" : "excluded"}`;
      const advice = "It keeps it until its pod is created anew, which then gets another one.";
      return [{ severity: "warning", kind: "outside", subject: holding.identity, what, advice, keys: [] }];
    }),
  );
}

/** A transaction that records a holding where nothing stands in its way. */
export function putNew(keys: Keys, holding: Holding): Txn {
  const all = keysOfHolding(keys, holding);
  const value = printHolding(holding);
  return {
    compare: all.map((key) => ({ kind: "absent", key })),
    success: all.map((key) => ({ kind: "put", key, value })),
    failure: [],
  };
}
