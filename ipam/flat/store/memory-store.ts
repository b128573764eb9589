import { type Outcome, ok } from "../../../sys/outcome.ts";
import { evaluate, type View } from "./evaluate.ts";
import type { Entry, Store, StoreFault, Txn, TxnReply } from "./store.ts";

/** A store that lives as long as its process: for tests and simulations. */
export interface MemoryStore extends Store {
  /** Everything in it, in key order. */
  readonly entries: () => readonly Entry[];
}

export function createMemoryStore(): MemoryStore {
  const held = new Map<string, Entry>();
  let revision = 0;
  let roundTrips = 0;
  const inRange = (from: string, to: string): Entry[] =>
    [...held.values()]
      .filter(({ key }) => key >= from && key < to)
      .sort((one, other) => (one.key < other.key ? -1 : 1));
  const view: View = {
    get: (key) => held.get(key),
    range: (from, to, limit) => inRange(from, to).slice(0, limit),
    count: (from, to) => inRange(from, to).length,
  };
  return {
    label: "memory",
    entries: () => inRange("", "\uffff"),
    roundTrips: () => roundTrips,
    health: async () => ok(undefined),
    txn: async (txn: Txn): Promise<Outcome<TxnReply, StoreFault>> => {
      roundTrips += 1;
      const modRevision = String(revision + 1);
      const { reply, writes } = evaluate(view, txn, modRevision);
      if (writes.size > 0) revision += 1;
      for (const [key, value] of writes) {
        if (value === undefined) held.delete(key);
        else held.set(key, { key, value, modRevision });
      }
      return ok(reply);
    },
  };
}
