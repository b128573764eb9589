import type { Compare, Entry, Op, Reply, Txn, TxnReply } from "./store.ts";

/** The content of a store of our own, as a transaction sees it before its first write. */
export interface View {
  readonly get: (key: string) => Entry | undefined;
  /** In key order. With `keysOnly`, values and revisions may be empty. */
  readonly range: (from: string, to: string, limit: number, keysOnly: boolean) => readonly Entry[];
  readonly count: (from: string, to: string) => number;
}

export interface Evaluation {
  readonly reply: TxnReply;
  /** New values by key. Undefined removes the key. */
  readonly writes: ReadonlyMap<string, string | undefined>;
}

interface State {
  readonly view: View;
  /** The revision of everything that this transaction writes. */
  readonly revision: string;
  readonly writes: Map<string, string | undefined>;
}

/**
 * Evaluates a transaction as etcd does. All compares, also those of nested transactions, come before the first write. A read
 * sees the writes before it. Throws if the transaction puts a key twice, because etcd would refuse that.
 */
export function evaluate(view: View, txn: Txn, revision: string): Evaluation {
  const writes = new Map<string, string | undefined>();
  return { reply: run({ view, revision, writes }, txn), writes };
}

function run(state: State, txn: Txn): TxnReply {
  const succeeded = txn.compare.every((compare) => holdsIn(state.view, compare));
  const ops = succeeded ? txn.success : txn.failure;
  return { succeeded, replies: ops.map((op) => runOp(state, op)) };
}

function holdsIn(view: View, compare: Compare): boolean {
  const entry = view.get(compare.key);
  switch (compare.kind) {
    case "absent":
      return entry === undefined;
    case "present":
      return entry !== undefined;
    case "unchanged":
      return entry?.modRevision === compare.modRevision;
  }
}

function runOp(state: State, op: Op): Reply {
  switch (op.kind) {
    case "put":
      if (state.writes.has(op.key)) throw new Error(`a transaction writes ${op.key} twice`);
      state.writes.set(op.key, op.value);
      return { kind: "done" };
    case "delete":
      if (state.writes.get(op.key) !== undefined) throw new Error(`a transaction writes ${op.key} twice`);
      state.writes.set(op.key, undefined);
      return { kind: "done" };
    case "get": {
      const entry = read(state, op.key);
      return { kind: "entries", entries: entry === undefined ? [] : [entry] };
    }
    case "range":
      return { kind: "entries", entries: range(state, op.from, op.to, op.limit, op.keysOnly === true) };
    case "count":
      return { kind: "count", count: count(state, op.from, op.to) };
    case "txn":
      return { kind: "txn", reply: run(state, op.txn) };
  }
}

function read({ view, writes, revision }: State, key: string): Entry | undefined {
  if (!writes.has(key)) return view.get(key);
  const value = writes.get(key);
  return value === undefined ? undefined : { key, value, modRevision: revision };
}

function range(state: State, from: string, to: string, limit: number, keysOnly: boolean): Entry[] {
  const written = [...state.writes.keys()].filter((key) => key >= from && key < to);
  // The view still holds the keys that this transaction has removed.
  const before = state.view.range(from, to, limit + written.length, keysOnly);
  const kept = before.filter(({ key }) => !state.writes.has(key));
  const put = written.flatMap((key) => read(state, key) ?? []);
  const all = [...kept, ...put].sort((one, other) => (one.key < other.key ? -1 : 1)).slice(0, limit);
  return keysOnly ? all.map((entry) => ({ ...entry, value: "" })) : all;
}

function count({ view, writes }: State, from: string, to: string): number {
  const written = [...writes].filter(([key]) => key >= from && key < to);
  const change = written.map(
    ([key, value]) => Number(value !== undefined) - Number(view.get(key) !== undefined),
  );
  return change.reduce((sum, each) => sum + each, view.count(from, to));
}
