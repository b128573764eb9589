import type { PoolDefinition } from "../../../ipam/flat/pool/audit.ts";
import type { PoolKeys } from "../../../ipam/flat/pool/keys.ts";
import type { Store } from "../../../ipam/flat/store/store.ts";
import type { RangeSet } from "../../../ipam/range.ts";
import type { FlatNetwork } from "./find.ts";

/** A pool in its store, as commands use it. */
export interface Pool {
  readonly name: string;
  readonly store: Store;
  readonly keys: PoolKeys;
  /** The name of this node, as the plugin uses it. */
  readonly node: string;
  /** How long an address waits for its identity, in milliseconds. Undefined: for ever. */
  readonly holdMs: number | undefined;
  /** The ranges that the pool gives addresses from. Empty when neither a configuration nor the store tells. */
  readonly sets: readonly RangeSet[];
  /** The configuration with this pool. Undefined when a person named the store. */
  readonly network: FlatNetwork | undefined;
  /** The definitions of the pool by the nodes that claimed from it. There are several when nodes disagree. */
  readonly definitions: readonly PoolDefinition[];
}
