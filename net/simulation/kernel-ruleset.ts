import type { Attribute } from "../message.ts";

/** nf_tables: keeps what it is given as it is given, and knows what refers to what. It filters nothing. */
export interface Ruleset {
  tables: RuleTable[];
  lastHandle: number;
}

export interface RuleTable {
  readonly family: number;
  readonly name: string;
  readonly entry: RuleEntry;
  readonly chains: RuleChain[];
  readonly sets: RuleSet[];
}

export interface RuleChain {
  readonly name: string;
  readonly entry: RuleEntry;
  readonly rules: RuleEntry[];
}

export interface RuleSet {
  readonly name: string;
  readonly entry: RuleEntry;
  readonly elements: Uint8Array[];
}

/** What was said of something, without its handle. */
export interface RuleEntry {
  readonly handle: number;
  readonly attributes: readonly Attribute[];
}

export function emptyRuleset(): Ruleset {
  return { tables: [], lastHandle: 0 };
}
