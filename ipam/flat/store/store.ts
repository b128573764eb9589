import type { Outcome } from "../../../sys/outcome.ts";

/**
 * What flat IPAM needs of a datastore: transactions over text keys, fenced by revisions. It is etcd's algebra, so that one
 * algorithm serves every store and one contract suite proves each.
 */
export interface Store {
  /** For people: `etcd at https://10.0.0.1:2379`. */
  readonly label: string;
  /** All or nothing. A transaction without compares is a read. */
  txn(txn: Txn): Promise<Outcome<TxnReply, StoreFault>>;
  /** Whether it takes writes, as far as that is told without one. It answers reads. */
  health(): Promise<Outcome<void, StoreFault>>;
  /** Requests sent so far. */
  roundTrips(): number;
}

export interface Txn {
  /** All must hold for `success`. */
  readonly compare: readonly Compare[];
  readonly success: readonly Op[];
  /** The evidence for the next try comes in the same round trip; it may be another transaction. */
  readonly failure: readonly Op[];
}

export type Compare =
  | { readonly kind: "absent"; readonly key: string }
  | { readonly kind: "present"; readonly key: string }
  | { readonly kind: "unchanged"; readonly key: string; readonly modRevision: string };

export type Op =
  | { readonly kind: "put"; readonly key: string; readonly value: string }
  | { readonly kind: "delete"; readonly key: string }
  | { readonly kind: "get"; readonly key: string }
  /** `from` included, `to` not, in key order. Of `keysOnly` entries the value is empty, and the revision may be. */
  | {
      readonly kind: "range";
      readonly from: string;
      readonly to: string;
      readonly limit: number;
      readonly keysOnly?: boolean;
    }
  | { readonly kind: "count"; readonly from: string; readonly to: string }
  | { readonly kind: "txn"; readonly txn: Txn };

export interface Entry {
  readonly key: string;
  /** Empty when only keys were asked for. */
  readonly value: string;
  /** An int64 as text. Every key that one transaction wrote has the same. */
  readonly modRevision: string;
}

/** One for each op of the branch that was taken, in order. */
export type Reply =
  | { readonly kind: "done" }
  | { readonly kind: "entries"; readonly entries: readonly Entry[] }
  | { readonly kind: "count"; readonly count: number }
  | { readonly kind: "txn"; readonly reply: TxnReply };

export interface TxnReply {
  readonly succeeded: boolean;
  readonly replies: readonly Reply[];
  /** What time it is where the store is, in milliseconds since 1970, to the second; undefined where that is here. */
  readonly atMs?: number;
}

export interface StoreFault {
  /**
   * `unreachable`: nothing was done. `unknown`: it may have been done, and has to be read before it is tried again.
   * `refused`: the store answered and will not do it.
   */
  readonly kind: "unreachable" | "unknown" | "refused";
  readonly msg: string;
  /** Why, and what to do. */
  readonly details: string;
}
