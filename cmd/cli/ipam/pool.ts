import type { PoolDefinition } from "../../../ipam/flat/pool/audit.ts";
import type { PoolKeys } from "../../../ipam/flat/pool/keys.ts";
import type { Store } from "../../../ipam/flat/store/store.ts";
import type { RangeSet } from "../../../ipam/range.ts";
import type { FlatNetwork } from "./find.ts";

/** A pool of a store, as a command works on it. */
export interface Pool {
  readonly name: string;
  readonly store: Store;
  readonly keys: PoolKeys;
  /** Of this node, as the plugin names it. */
  readonly node: string;
  /** How long an address waits for its identity, in milliseconds; undefined: for ever. */
  readonly holdMs: number | undefined;
  /** What it gives; empty when neither a configuration nor the store tells. */
  readonly sets: readonly RangeSet[];
  /** The configuration that led to it; undefined when a person named the store. */
  readonly network: FlatNetwork | undefined;
  /** How the pool has been defined by those who claimed from it; more than one when nodes disagree. */
  readonly definitions: readonly PoolDefinition[];
}
