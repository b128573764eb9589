import { type RangeSet, type Unusable, unusable } from "../../range.ts";
import type { Ask } from "../store/drive.ts";
import { answersTo, type Entry, get, put, readTxn, remove, type Txn } from "../store/store.ts";
import { type Holding, isNobody, printHolding } from "./holding.ts";
import { addressOfCode, codeOfKey, type KeyKind, type PoolKeys } from "./keys.ts";
import {
  asSeen,
  eachKeyOnce,
  isReadable,
  keysOfHolding,
  type SeenHolding,
  type Stored,
  storedOf,
} from "./stored.ts";

/** What an audit reads of a pool. */
export const auditedKinds = ["own", "ip", "mac", "att", "hold"] as const satisfies readonly KeyKind[];

/** The fields that all kinds of findings have. */
export interface FindingBase {
  /** The subject: an identity, a key, or a container's interface. */
  readonly about: string;
  /** The keys to read again, all at one moment. The finding itself may come from reads at several moments. */
  readonly keys: readonly string[];
  /** The repair. It changes nothing if a key of the finding has changed meanwhile. */
  readonly repair?: Txn;
}

/** Something in a pool's store that is not as it should be. */
export type StoreFinding =
  /** The holding names keys that are another identity's. */
  | (FindingBase & {
      readonly kind: "two-owners";
      readonly holding: Holding;
      readonly foreign: readonly { readonly key: string; readonly identity: string }[];
    })
  | (FindingBase & {
      readonly kind: "keys-disagree";
      readonly wrong: WrongKeys;
      /** The keys are the remains of a held address. The repair removes them. */
      readonly isRemains: boolean;
    })
  /** The value of the key is no holding. If the key is of an address, that address is given to nobody. */
  | (FindingBase & { readonly kind: "unreadable"; readonly key: string; readonly code: string | undefined })
  /** The ranges do not give the address any more. It stays with its owner until the owner's release. */
  | (FindingBase & {
      readonly kind: "outside";
      readonly holding: Holding;
      readonly code: string;
      readonly why: Unusable;
    })
  /** Nodes that define the pool differently could give one address as another's gateway. */
  | (FindingBase & { readonly kind: "definitions"; readonly count: number });

/** The keys of one owner that do not agree with the owner's record. */
export interface WrongKeys {
  readonly missing: readonly string[];
  readonly unreadable: readonly string[];
  readonly ofAnotherRevision: readonly string[];
  readonly leftOver: readonly string[];
}

/**
 * Compares a pool's store with itself. One transaction writes all keys of an owner with the same value. So they agree,
 * unless another program has written, lost or restored some of them. Pure: the caller has read the entries.
 */
export function auditEntries(keys: PoolKeys, entries: readonly Entry[]): StoreFinding[] {
  const stored = entries.map(storedOf);
  const byKey = new Map(stored.map((each) => [each.key, each]));
  const owners = Map.groupBy(stored.filter(isReadable), ({ holding }) => holding.identity);
  const explained = new Set<string>();
  const findings = [...owners].flatMap(([identity, group]) => {
    const found = auditOwner(keys, byKey, identity, group);
    for (const key of found.explains) explained.add(key);
    return found.finding ?? [];
  });
  const unreadable = stored.filter(({ key, holding }) => holding === undefined && !explained.has(key));
  return [
    ...findings,
    ...unreadable.map(({ key }): StoreFinding => {
      return { kind: "unreadable", about: key, keys: [key], key, code: codeOfKey(key) };
    }),
  ];
}

type ByKey = ReadonlyMap<string, Stored>;

interface Audited {
  readonly finding?: StoreFinding;
  /** Unreadable keys that this finding covers, so that they are no findings of their own. */
  readonly explains: readonly string[];
}

function auditOwner(keys: PoolKeys, byKey: ByKey, identity: string, group: readonly SeenHolding[]): Audited {
  const leader = leaderOf(keys, identity, group);
  const expected = keysOfHolding(keys, leader.holding);
  const foreign = expected.flatMap((key) => {
    const owner = byKey.get(key)?.holding?.identity;
    return owner === undefined || owner === identity ? [] : [{ key, identity: owner }];
  });
  if (foreign.length > 0) {
    const { holding } = leader;
    return {
      finding: { kind: "two-owners", about: identity, keys: expected, holding, foreign },
      explains: [],
    };
  }
  const isExpected = ({ key }: Stored): boolean => expected.includes(key);
  const wrong: WrongKeys = {
    missing: expected.filter((key) => !byKey.has(key)),
    unreadable: expected.filter((key) => byKey.has(key) && byKey.get(key)?.holding === undefined),
    ofAnotherRevision: group
      .filter((each) => isExpected(each) && each.modRevision !== leader.modRevision)
      .map(({ key }) => key),
    leftOver: group.filter((each) => !isExpected(each)).map(({ key }) => key),
  };
  if (Object.values(wrong).flat().length === 0) return { explains: [] };
  return { finding: disagreement(keys, byKey, leader, group, wrong), explains: wrong.unreadable };
}

/** The owner's own record. If there is none, the record that was written last. */
function leaderOf(keys: PoolKeys, identity: string, group: readonly SeenHolding[]): SeenHolding {
  const own = group.find(({ key }) => key === keys.own(identity));
  const [last] = group.toSorted((one, other) => (isLater(one, other) ? -1 : 1));
  const leader = own ?? last;
  if (leader === undefined) throw new RangeError("a group has members");
  return leader;
}

function isLater(one: Stored, other: Stored): boolean {
  return BigInt(one.modRevision) > BigInt(other.modRevision);
}

/** Makes a finding whose repair writes all keys anew from the owner's record, in one transaction. */
function disagreement(
  keys: PoolKeys,
  byKey: ByKey,
  { holding }: SeenHolding,
  group: readonly SeenHolding[],
  wrong: WrongKeys,
): StoreFinding {
  const { identity } = holding;
  const expected = keysOfHolding(keys, holding);
  // A held record that has lost its own key and an address belongs to nobody any more. To write it anew would take the
  // address from others.
  const isRemains =
    holding.state === "held" && !byKey.has(keys.own(identity)) && expected.some((key) => !byKey.has(key));
  const written = isRemains ? [] : expected;
  const value = printHolding(holding);
  const present = [...new Set([...group.map(({ key }) => key), ...expected])];
  const deleted = group.map(({ key }) => key).filter((key) => !written.includes(key));
  const success = eachKeyOnce([...written.map((key) => put(key, value)), ...deleted.map(remove)]);
  const repair = { compare: asSeen(present, byKey), success, failure: [] };
  return { kind: "keys-disagree", about: identity, keys: present, wrong, isRemains, repair };
}

export function auditRanges(sets: readonly RangeSet[], holdings: readonly Holding[]): StoreFinding[] {
  return holdings.flatMap((holding) =>
    holding.addresses.flatMap((code): StoreFinding[] => {
      const why = unusable(sets, addressOfCode(code));
      if (why === undefined || (holding.state === "reserved" && isNobody(holding.identity))) return [];
      return [{ kind: "outside", about: holding.identity, keys: [], holding, code, why }];
    }),
  );
}

/** One definition of the pool that a claim has recorded. */
export interface PoolDefinition {
  readonly key: string;
  readonly modRevision: string;
  readonly value: string;
  /** Whether it is the definition of the configuration at hand. */
  readonly isOurs: boolean;
}

export function auditDefinitions(pool: string, definitions: readonly PoolDefinition[]): StoreFinding[] {
  if (definitions.length < 2) return [];
  const others = definitions.filter(({ isOurs }) => !isOurs);
  const repair: Txn = {
    compare: others.map(({ key, modRevision }) => ({ kind: "unchanged", key, modRevision })),
    success: others.map(({ key }) => remove(key)),
    failure: [],
  };
  const found = { kind: "definitions", about: pool, keys: [], count: definitions.length } as const;
  return [others.length < definitions.length ? { ...found, repair } : found];
}

/** The second look at a finding. */
export type SecondLook<Finding> =
  | Ask<SecondLook<Finding>>
  | { readonly kind: "looked"; readonly findings: readonly Finding[] };

type AnyFinding = FindingBase & { readonly kind: string };
type Audit<Finding> = (entries: readonly Entry[]) => readonly Finding[];

const mostLooks = 5;

/**
 * Looks at a finding again. The pages of an audit are of different moments, and pods come and go meanwhile. So the keys of a
 * finding are read once more, all at one moment. If the new finding names further keys, these are read with them.
 */
export function lookAgain<Finding extends AnyFinding>(
  finding: Finding,
  audit: Audit<Finding>,
): SecondLook<Finding> {
  return look(finding, audit, finding.keys, 1);
}

function look<Finding extends AnyFinding>(
  finding: Finding,
  audit: Audit<Finding>,
  wanted: readonly string[],
  looks: number,
): SecondLook<Finding> {
  const ops = { all: wanted.map(get) };
  return {
    kind: "ask",
    txn: readTxn(ops),
    next: ({ replies }) => {
      const entries = answersTo(ops, replies).all.flatMap((entry) => entry ?? []);
      const findings = audit(entries).filter(
        ({ about, kind }) => about === finding.about && kind === finding.kind,
      );
      const others = findings.flatMap(({ keys }) => keys).filter((key) => !wanted.includes(key));
      if (others.length === 0 || looks === mostLooks) return { kind: "looked", findings };
      return look(finding, audit, [...wanted, ...new Set(others)], looks + 1);
    },
  };
}
