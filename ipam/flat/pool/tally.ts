import { countIn, type RangeSet, unusable, usableSpans } from "../../range.ts";
import { type AddressCondition, conditionOf, type Holding, isExpired } from "./holding.ts";
import { addressOfCode } from "./keys.ts";

/** How many of a range set's addresses are in which condition. */
export interface SetTally {
  readonly set: RangeSet;
  /** All addresses that the set may give. */
  readonly size: bigint;
  readonly used: bigint;
  readonly held: bigint;
  readonly reserved: bigint;
  readonly quarantined: bigint;
  /** Addresses without an owner, and expired holds. */
  readonly free: bigint;
  readonly expired: bigint;
  /** Exclusions and gateways: in the ranges, and never given. */
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
  const inside = (set: RangeSet) => addresses.filter(({ address }) => unusable([set], address) === undefined);
  return {
    sets: sets.map((set) =>
      tallyOfSet(
        set,
        inside(set).map(({ condition }) => condition),
      ),
    ),
    outside: addresses.filter(({ address }) => sets.every((set) => unusable([set], address) !== undefined))
      .length,
  };
}

function tallyOfSet(set: RangeSet, conditions: readonly AddressCondition[]): SetTally {
  const count = (condition: AddressCondition) =>
    BigInt(conditions.filter((each) => each === condition).length);
  const size = countIn(usableSpans(set));
  const taken = count("used") + count("held") + count("reserved") + count("quarantined");
  return {
    set,
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

/** Counts addresses by groups of owners, the largest group first. Expired holds do not count. */
export function groupsBy(
  holdings: readonly Holding[],
  nowMs: number,
  nameOf: (holding: Holding) => string,
): GroupTally[] {
  const kept = holdings.filter((holding) => !isExpired(holding, nowMs));
  const groups = Map.groupBy(kept, nameOf);
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
