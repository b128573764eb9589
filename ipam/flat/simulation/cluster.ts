import { Crash } from "../../../sys/fake.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import type { Entry, Store, StoreFault, Txn, TxnReply } from "../store/store.ts";

/** An operation of a process on a node, which asks the store. */
export interface Caller {
  readonly node: string;
  /** For people: `ADD c7`. */
  readonly what: string;
  /** The process dies at its request of this number (from 0 on), before or after the store has done it. */
  readonly crash?: { readonly request: number; readonly when: "before" | "after" };
}

/** Is called after each transaction. */
export type OnChange = (
  asker: Caller,
  before: readonly Entry[],
  after: readonly Entry[],
  nowMs: number,
) => void;

/** One store, and the network between it and the nodes. It is slow and lossy, and chance decides the order of requests. */
export interface Cluster {
  readonly connect: (asker: Caller) => Store;
  readonly entries: () => readonly Entry[];
  /** Lets one request through. False if none waits. */
  readonly step: () => Promise<boolean>;
  /** Delivers a request that its sender has given up. */
  readonly deliverLate: () => Promise<boolean>;
  readonly cut: Set<string>;
  /** How often each kind of fault happens, from 0 to 1. */
  faultRate: number;
  /** The database is full: each transaction with a put is refused before its compares. */
  isFull: boolean;
  /** The store's time. Its clock is right. */
  nowMs: number;
  readonly stats: Map<string, number>;
}

interface Late {
  readonly asker: Caller;
  readonly txn: Txn;
}

export function createCluster(chance: () => number, nowMs: number, onChange: OnChange): Cluster {
  const memory = createMemoryStore();
  const gates: (() => void)[] = [];
  const late: Late[] = [];
  const pick = (length: number): number => Math.floor(chance() * length);
  const apply = async ({ asker, txn }: Late): Promise<Outcome<TxnReply, StoreFault>> => {
    const before = memory.entries();
    const reply = await memory.txn(txn);
    onChange(asker, before, memory.entries(), cluster.nowMs);
    return reply.ok ? ok({ ...reply.value, atMs: Math.trunc(cluster.nowMs / 1000) * 1000 }) : reply;
  };
  const cluster: Cluster = {
    entries: memory.entries,
    cut: new Set(),
    faultRate: 0,
    isFull: false,
    nowMs,
    stats: new Map(),
    step: async () => {
      const [gate] = gates.splice(pick(gates.length), 1);
      gate?.();
      await settle();
      return gate !== undefined;
    },
    deliverLate: async () => {
      const [one] = late.splice(pick(late.length), 1);
      if (one !== undefined) await apply(one);
      return one !== undefined;
    },
    connect: (asker) => {
      let requests = 0;
      return {
        label: "simulated store",
        roundTrips: () => requests,
        health: async () => ok(undefined),
        txn: async (txn) => {
          const number = requests;
          requests += 1;
          await new Promise<void>((open) => void gates.push(open));
          if (asker.crash?.request === number && asker.crash.when === "before") throw new Crash(asker.what);
          const fault = faultFor(asker, txn);
          count(cluster, fault);
          if (fault === "late") late.push({ asker, txn });
          const reached =
            fault === "none" || fault === "lost reply" ? await apply({ asker, txn }) : undefined;
          if (asker.crash?.request === number) throw new Crash(asker.what);
          return fault === "none" && reached !== undefined ? reached : fail(toStoreFault(fault));
        },
      };
    },
  };
  const faultFor = ({ node }: Caller, txn: Txn): Fault => {
    if (cluster.cut.has(node)) return "unreachable";
    if (cluster.isFull && puts(txn)) return "full";
    if (chance() >= cluster.faultRate) return "none";
    // A read whose answer is lost is the same as a read that was not answered.
    if (isRead(txn)) return "unreachable";
    return (["unreachable", "lost request", "lost reply", "late"] as const)[pick(4)] ?? "none";
  };
  return cluster;
}

type Fault = "none" | "full" | "unreachable" | "lost request" | "lost reply" | "late";

function toStoreFault(fault: Fault): StoreFault {
  const kind = fault === "full" ? "refused" : fault === "unreachable" ? "unreachable" : "unknown";
  return { kind, msg: `simulated: ${fault}`, details: "" };
}

function puts({ success, failure }: Txn): boolean {
  return [...success, ...failure].some((op) => op.kind === "put" || (op.kind === "txn" && puts(op.txn)));
}

function isRead({ compare, success }: Txn): boolean {
  return (
    compare.length === 0 &&
    success.every(({ kind }) => kind === "get" || kind === "range" || kind === "count")
  );
}

function count({ stats }: Cluster, what: string): void {
  stats.set(what, (stats.get(what) ?? 0) + 1);
}

/** Lets every operation run until it waits for the store. */
function settle(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}
