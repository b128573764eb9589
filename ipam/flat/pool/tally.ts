import type { Address } from "../../../cni/address.ts";
import {
  countIn,
  isGateway,
  isIn,
  printRangeSet,
  type RangeSet,
  rangeWith,
  usableSpans,
} from "../../range.ts";
import { groupBy } from "./group.ts";
import { type AddressCondition, conditionOf, type Holding, isExpired, namespaceOf } from "./holding.ts";
import { addressOfCode } from "./keys.ts";
import { newSpace, type Space } from "./space.ts";

/** How many of a range set's addresses are in which condition. */
export interface SetTally {
  readonly ranges: string;
  /** What there is to give. */
  readonly size: bigint;
  readonly used: bigint;
  readonly held: bigint;
  readonly reserved: bigint;
  readonly quarantined: bigint;
  /** To be had now: those that nobody has, and expired holds. */
  readonly free: bigint;
  readonly expired: bigint;
  /** In the ranges and never given: exclusions and gateways. */
  readonly excluded: bigint;
}

export interface GroupTally {
  readonly name: string;
  readonly used: number;
  readonly held: number;
  readonly reserved: number;
  readonly quarantined: number;
}

export interface PoolTally {
  readonly sets: readonly SetTally[];
  readonly nodes: readonly GroupTally[];
  readonly namespaces: readonly GroupTally[];
  /** Recorded addresses that are in no range (any more). */
  readonly outside: number;
}

export function tallyOf(sets: readonly RangeSet[], holdings: readonly Holding[], nowMs: number): PoolTally {
  const addresses = holdings.flatMap((holding) =>
    holding.addresses.map((code) => ({
      address: addressOfCode(code),
      condition: conditionOf(holding, nowMs),
    })),
  );
  const inside = (set: RangeSet) => addresses.filter(({ address }) => isUsable(set, address));
  return {
    sets: sets.map((set) =>
      tallyOfSet(
        set,
        inside(set).map(({ condition }) => condition),
      ),
    ),
    nodes: groupsBy(holdings, nowMs, ({ node }) => node || "-"),
    namespaces: groupsBy(holdings, nowMs, ({ identity }) => namespaceOf(identity)),
    outside: addresses.filter(({ address }) => !sets.some((set) => isUsable(set, address))).length,
  };
}

function tallyOfSet(set: RangeSet, conditions: readonly AddressCondition[]): SetTally {
  const count = (condition: AddressCondition) =>
    BigInt(conditions.filter((each) => each === condition).length);
  const size = countIn(usableSpans(set));
  const taken = count("used") + count("held") + count("reserved") + count("quarantined");
  return {
    ranges: printRangeSet(set),
    size,
    used: count("used"),
    held: count("held"),
    reserved: count("reserved"),
    quarantined: count("quarantined"),
    free: size - taken,
    expired: count("expired"),
    excluded: countIn(set) - size,
  };
}

/** The largest first. An expired hold is nobody's any more. */
function groupsBy(
  holdings: readonly Holding[],
  nowMs: number,
  nameOf: (holding: Holding) => string,
): GroupTally[] {
  const groups = groupBy(
    holdings.filter((holding) => !isExpired(holding, nowMs)),
    nameOf,
  );
  return [...groups]
    .map(([name, members]) => groupOf(name, members))
    .sort((one, other) => totalOf(other) - totalOf(one) || (one.name < other.name ? -1 : 1));
}

function groupOf(name: string, holdings: readonly Holding[]): GroupTally {
  const count = (state: Holding["state"]) =>
    holdings
      .filter((holding) => holding.state === state)
      .reduce((sum, { addresses }) => sum + addresses.length, 0);
  return {
    name,
    used: count("live"),
    held: count("held"),
    reserved: count("reserved"),
    quarantined: count("quarantine"),
  };
}

function totalOf({ used, held, reserved, quarantined }: GroupTally): number {
  return used + held + reserved + quarantined;
}

/** What a set has to give, as the plugin indexes it. */
export function spaceOf(set: RangeSet): Space {
  return newSpace(set[0]?.family === "6" ? 6 : 4, usableSpans(set), []);
}

/** Why an address is never given; undefined when it may be. */
export type Unusable = "outside" | "gateway" | "excluded";

export function unusable(sets: readonly RangeSet[], address: Address): Unusable | undefined {
  const set = sets.find((each) => rangeWith(each, address) !== undefined);
  const range = set === undefined ? undefined : rangeWith(set, address);
  if (set === undefined || range === undefined) return "outside";
  if (sets.some((each) => isGateway(each, address))) return "gateway";
  return range.excluded.some((span) => isIn(span, address.value)) ? "excluded" : undefined;
}

function isUsable(set: RangeSet, address: Address): boolean {
  return unusable([set], address) === undefined;
}
