import type { Outcome } from "../../../sys/outcome.ts";

/**
 * What flat IPAM needs of a datastore: transactions over text keys, fenced by revisions. It is etcd's algebra, so that one
 * algorithm serves every store and one contract suite proves each.
 */
export interface Store {
  /** For people: `etcd at https://10.0.0.1:2379`. */
  readonly label: string;
  /** Does all of the transaction, or nothing. A transaction without compares is a read. */
  txn(txn: Txn): Promise<Outcome<TxnReply, StoreFault>>;
  /** Whether the store takes writes, as far as it says so without a write. It answers reads. */
  health(): Promise<Outcome<void, StoreFault>>;
  /** Requests sent so far. */
  roundTrips(): number;
}

export interface Txn {
  /** `success` is done if all of them hold, else `failure`. */
  readonly compare: readonly Compare[];
  readonly success: readonly Op[];
  /** Mostly reads: the evidence for the next try comes in the same round trip. It may nest another transaction. */
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
  /** The keys from `from` on and before `to`, in key order. With `keysOnly` there is no value, and perhaps no revision. */
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
  /** Empty if only keys were asked for. */
  readonly value: string;
  /** An int64 as text. Every key that one transaction wrote has the same. */
  readonly modRevision: string;
}

/** The answer to one operation of the branch that was taken. They are in the order of the operations. */
export type Reply =
  | { readonly kind: "done" }
  | { readonly kind: "entries"; readonly entries: readonly Entry[] }
  | { readonly kind: "count"; readonly count: number }
  | { readonly kind: "txn"; readonly reply: TxnReply };

export interface TxnReply {
  readonly succeeded: boolean;
  readonly replies: readonly Reply[];
  /** The store's time in milliseconds since 1970, exact to the second. Undefined if the store is on this node. */
  readonly atMs?: number;
}

export interface StoreFault {
  /**
   * `unreachable`: nothing was done. `unknown`: it may have been done, so the caller has to read before it tries again.
   * `refused`: the store has answered that it does not do it.
   */
  readonly kind: "unreachable" | "unknown" | "refused";
  readonly msg: string;
  /** Why, and what to do. */
  readonly details: string;
}

type OpOf<Kind extends Op["kind"]> = Extract<Op, { readonly kind: Kind }>;

export function get(key: string): OpOf<"get"> {
  return { kind: "get", key };
}

export function range(
  { from, to }: { readonly from: string; readonly to: string },
  limit: number,
): OpOf<"range"> {
  return { kind: "range", from, to, limit };
}

/** Reads the keys of a range without their values. */
export function keyRange(span: { readonly from: string; readonly to: string }, limit: number): OpOf<"range"> {
  return { ...range(span, limit), keysOnly: true };
}

export function count({ from, to }: { readonly from: string; readonly to: string }): OpOf<"count"> {
  return { kind: "count", from, to };
}

export function put(key: string, value: string): OpOf<"put"> {
  return { kind: "put", key, value };
}

export function remove(key: string): OpOf<"delete"> {
  return { kind: "delete", key };
}

export function nested(txn: Txn): OpOf<"txn"> {
  return { kind: "txn", txn };
}

/** The operations of one branch of a transaction, by name; a name may stand for a list, or for more names. */
export interface Ops {
  readonly [name: string]: OpTree;
}

type OpTree = Op | Ops | readonly OpTree[];

/** The store's answers, under the names of their operations. */
export type Answers<Tree> = Tree extends readonly (infer Each)[]
  ? readonly Answers<Each>[]
  : Tree extends OpOf<"get">
    ? Entry | undefined
    : Tree extends OpOf<"range">
      ? readonly Entry[]
      : Tree extends OpOf<"count">
        ? number
        : Tree extends OpOf<"txn">
          ? TxnReply
          : Tree extends Op
            ? undefined
            : { readonly [Name in keyof Tree]: Answers<Tree[Name]> };

/** The operations as a list, in the order of their names. */
export function opsOf(tree: OpTree): Op[] {
  if (isList(tree)) return tree.flatMap(opsOf);
  return isOp(tree) ? [tree] : Object.values(tree).flatMap(opsOf);
}

function isList(tree: OpTree): tree is readonly OpTree[] {
  return Array.isArray(tree);
}

function isOp(tree: Op | Ops): tree is Op {
  return typeof tree.kind === "string";
}

export function readTxn(ops: Ops): Txn {
  return { compare: [], success: opsOf(ops), failure: [] };
}

/** Whether the transaction changes nothing, whichever branch is taken: it may be sent twice. */
export function isRead({ success, failure }: Txn): boolean {
  return [...success, ...failure].every((op) =>
    op.kind === "txn" ? isRead(op.txn) : op.kind !== "put" && op.kind !== "delete",
  );
}

/** Pairs the replies of a branch with the operations that `opsOf` made it of. */
export function answersTo<Named extends Ops>(ops: Named, replies: readonly Reply[]): Answers<Named> {
  const rest = [...replies];
  const answers = answerTo(ops, rest);
  if (rest.length > 0) throw new Error(`${rest.length} replies too many is a bug: of another branch`);
  return answers as Answers<Named>;
}

/** Takes its replies from the beginning of `rest`. */
function answerTo(tree: OpTree, rest: Reply[]): unknown {
  if (isList(tree)) return tree.map((each) => answerTo(each, rest));
  if (isOp(tree)) return answerOf(tree, rest.shift());
  return Object.fromEntries(Object.entries(tree).map(([name, each]) => [name, answerTo(each, rest)]));
}

function answerOf({ kind }: Op, reply: Reply | undefined): unknown {
  if (reply?.kind !== replyKinds[kind]) {
    throw new Error(`${reply?.kind ?? "no reply"} to ${kind} is a bug: of another branch`);
  }
  switch (reply.kind) {
    case "done":
      return undefined;
    case "entries":
      return kind === "get" ? reply.entries[0] : reply.entries;
    case "count":
      return reply.count;
    case "txn":
      return reply.reply;
  }
}

const replyKinds = {
  put: "done",
  delete: "done",
  get: "entries",
  range: "entries",
  count: "count",
  txn: "txn",
} as const;
