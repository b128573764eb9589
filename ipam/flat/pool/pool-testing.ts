import type { Ask } from "../store/drive.ts";
import { createMemoryStore, type MemoryStore } from "../store/memory-store.ts";
import { type Entry, get, put, readTxn, type Txn, type TxnReply } from "../store/store.ts";
import type { ClaimRequest } from "./claim.ts";
import { type Holding, parseHolding, printHolding } from "./holding.ts";
import { codeOf, isInKeyRange, keysOf } from "./keys.ts";
import { newSpace, type Space } from "./space.ts";
import { keysOfHolding } from "./stored.ts";

/** The name of the pool in tests of the pool's procedures. */
export const pool = "p";
export const keys = keysOf(pool);
export const nowMs = 1_700_000_000_000;
const base = 0x0a000000n;

/** The code of 10.0.0.`last`. */
export const ip = (last: number): string => codeOf("4", base + BigInt(last));

/** 10.0.0.`first` to 10.0.0.`last`. */
export function spaceFrom(first: number, last: number): Space {
  return newSpace("4", [{ first: base + BigInt(first), last: base + BigInt(last) }]);
}

/** The holding of a pod's sandbox. `number` makes its container, MAC and address differ from others'. */
export function holdingOf(number: number, change: Partial<Holding> = {}): Holding {
  return {
    identity: `ns/pod${number}/eth0`,
    state: "live",
    containerId: `c${number}`,
    ifname: "eth0",
    node: "n1",
    network: "net",
    addresses: [ip(number)],
    mac: `02:00:00:00:00:${String(number).padStart(2, "0")}`,
    generation: 1,
    sinceMs: nowMs - 1000,
    history: [],
    ...change,
  };
}

export function claimOf(number: number, space: Space, containerId = `c${number}`): ClaimRequest {
  const identity = `ns/pod${number}/eth0`;
  return {
    keys,
    claimant: { pool, network: "net", identity, containerId, ifname: "eth0", node: "n1", nowMs },
    definition: { hash: "d", value: "{}" },
    spaces: [space],
    onLiveElsewhere: "wait",
    requested: [undefined],
  };
}

/** A store with these holdings, as claims would have written them, and the pool's definition. */
export async function storeWith(...holdings: readonly Holding[]): Promise<MemoryStore> {
  const store = createMemoryStore();
  await tell(store, { compare: [], success: [put(keys.def("d"), "{}")], failure: [] });
  for (const holding of holdings) {
    const puts = keysOfHolding(keys, holding).map((key) => put(key, printHolding(holding)));
    await tell(store, { compare: [], success: puts, failure: [] });
  }
  return store;
}

export async function tell(store: MemoryStore, txn: Txn): Promise<TxnReply> {
  const reply = await store.txn(txn);
  if (!reply.ok) throw new Error(reply.error.msg);
  return reply.value;
}

export async function entryAt(store: MemoryStore, key: string): Promise<Entry | undefined> {
  const { replies } = await tell(store, readTxn({ entry: get(key) }));
  const [first] = replies;
  return first?.kind === "entries" ? first.entries[0] : undefined;
}

/** Asks until the procedure ends. */
export async function finish<Step extends { readonly kind: string }>(
  store: MemoryStore,
  start: Step | Ask<Step>,
): Promise<Exclude<Step, { readonly kind: "ask" }>> {
  let step = start;
  while (isAsk(step)) step = step.next(await tell(store, step.txn));
  return step as Exclude<Step, { readonly kind: "ask" }>;
}

export function isAsk<Step extends { readonly kind: string }>(step: Step | Ask<Step>): step is Ask<Step> {
  return step.kind === "ask";
}

const parsed = new Map<string, Holding | undefined>();

/** Does what `parseHolding` does, and remembers each value: the simulation reads the same ones again and again. */
export function parsedHolding(value: string): Holding | undefined {
  if (!parsed.has(value)) parsed.set(value, parseHolding(value));
  return parsed.get(value);
}

/** Says what in a store contradicts itself: each key of a holding has it, all at one revision, and no other key has it. */
export function audit(name: string, entries: readonly Entry[]): string[] {
  const keysOfPool = keysOf(name);
  const byKey = new Map(entries.map((entry) => [entry.key, entry]));
  return entries.flatMap((entry) => {
    if (isInKeyRange(keysOfPool.all.def, entry.key)) return [];
    const holding = parsedHolding(entry.value);
    if (holding === undefined) return [`${entry.key} cannot be understood`];
    const all = keysOfHolding(keysOfPool, holding);
    const problems = all.includes(entry.key) ? [] : [`${entry.key} does not belong to ${holding.identity}`];
    for (const key of all) {
      const other = byKey.get(key);
      if (other?.modRevision !== entry.modRevision || other.value !== entry.value)
        problems.push(`${entry.key} and ${key} of ${holding.identity} differ`);
    }
    return problems;
  });
}

export function holdingAt(entries: readonly Entry[], key: string): Holding | undefined {
  const entry = entries.find((each) => each.key === key);
  return entry === undefined ? undefined : parsedHolding(entry.value);
}

export function contradictions(store: MemoryStore): string[] {
  return audit(pool, store.entries());
}

/** A procedure with a name for schedules. It is killed after `mostAsks` questions. */
export interface Actor {
  readonly name: string;
  readonly start: () => AnyStep;
  readonly mostAsks?: number;
}

export type AnyStep = Ask<AnyStep> | { readonly kind: string };

export interface EndedRun {
  readonly store: MemoryStore;
  /** How each procedure ended. Undefined if it was killed. */
  readonly ends: Readonly<Record<string, { readonly kind: string } | undefined>>;
  readonly schedule: string;
}

/** Runs the procedures side by side in every order in which their questions can reach the store. */
export async function inEveryOrder(
  makeStore: () => Promise<MemoryStore>,
  actors: readonly Actor[],
  judge: {
    readonly step: (store: MemoryStore, schedule: string) => void;
    readonly end: (ended: EndedRun) => Promise<void>;
  },
): Promise<number> {
  let count = 0;
  const todo: number[][] = [[]];
  for (let prefix = todo.pop(); prefix !== undefined; prefix = todo.pop()) {
    const { branches, ended } = await runOne(await makeStore(), actors, prefix, judge.step);
    todo.push(...branches);
    await judge.end(ended);
    count += 1;
  }
  return count;
}

/** Follows a schedule, and then always the first procedure that can go on. Returns the schedules that branch off. */
async function runOne(
  store: MemoryStore,
  actors: readonly Actor[],
  prefix: readonly number[],
  judge: (store: MemoryStore, schedule: string) => void,
): Promise<{ branches: number[][]; ended: EndedRun }> {
  const running = actors.map(({ start, mostAsks = Number.POSITIVE_INFINITY }) => ({
    step: start(),
    left: mostAsks,
  }));
  const taken: number[] = [];
  const branches: number[][] = [];
  const nameOf = (at: number): string => actors[at]?.name ?? "";
  for (;;) {
    const open = [...running.keys()].filter((at) => {
      const one = running[at];
      return one !== undefined && one.left > 0 && isAsk(one.step);
    });
    const at = prefix[taken.length] ?? open[0];
    const one = at === undefined ? undefined : running[at];
    if (at === undefined || one === undefined || !isAsk(one.step)) break;
    if (taken.length >= prefix.length) branches.push(...open.slice(1).map((other) => [...taken, other]));
    taken.push(at);
    one.step = one.step.next(await tell(store, one.step.txn));
    one.left -= 1;
    judge(store, taken.map(nameOf).join(", "));
  }
  const ends = Object.fromEntries(
    running.map(({ step }, at) => [nameOf(at), isAsk(step) ? undefined : step]),
  );
  return { branches, ended: { store, ends, schedule: taken.map(nameOf).join(", ") } };
}
