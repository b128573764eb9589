import { describe, expect, test } from "vitest";
import type { MemoryStore } from "../store/memory-store.ts";
import { answersTo, get, readTxn, remove } from "../store/store.ts";
import { auditEntries } from "./audit.ts";
import { claim } from "./claim.ts";
import { type Holding, nobody } from "./holding.ts";
import { heldFor, putBatch, putOver } from "./import.ts";
import {
  changeAsSeen,
  type OperatorChange,
  quarantineLive,
  type Reserve,
  releaseSeen,
  reserve,
  riskOf,
  unreserve,
} from "./operator.ts";
import {
  type Actor,
  type AnyStep,
  claimOf,
  contradictions,
  type EndedRun,
  entryAt,
  finish,
  holdingOf,
  inEveryOrder,
  ip,
  keys,
  nowMs,
  pool,
  spaceFrom,
  storeWith,
  tell,
} from "./pool-testing.ts";
import { release } from "./release.ts";
import { storedOf } from "./stored.ts";

/** Only two addresses, 10.0.0.2 and 10.0.0.3, so that the procedures compete for them. */
const tiny = spaceFrom(2, 3);
const hourMs = 3_600_000;
const live = holdingOf(2);
const held = holdingOf(3, { state: "held", node: "n1", heldUntilMs: nowMs + hourMs });
const expired = holdingOf(3, { state: "held", heldUntilMs: nowMs - 1 });
const waiting = holdingOf(3, { state: "quarantine" });

const add = (number: number, containerId?: string): Actor => ({
  name: `ADD ${containerId ?? `c${number}`}`,
  start: () => claim(claimOf(number, tiny, containerId)),
});

const del = (number: number, holdMs = 0): Actor => ({
  name: `DEL c${number}`,
  start: () => release({ keys, node: "n1", containerId: `c${number}`, ifname: "eth0", holdMs, nowMs }),
});

const reserving = (last: number, identity = nobody(`10.0.0.${last}`)): Actor => ({
  name: `reserve ${last} for ${identity}`,
  start: () => reserve({ keys, pool, identity, codes: [ip(last)], nowMs }),
});

/** Does what the command does: reads the address, and goes on by its record. */
function lookingAt(name: string, last: number, next: (seen: ReturnType<typeof storedOf>) => AnyStep): Actor {
  const ops = { entry: get(keys.ip(ip(last))) };
  return {
    name: `${name} ${last}`,
    start: () => ({
      kind: "ask",
      txn: readTxn(ops),
      next: ({ replies }) => {
        const { entry } = answersTo(ops, replies);
        return entry === undefined ? { kind: "nothing there" } : next(storedOf(entry));
      },
    }),
  };
}

const releasing = (last: number, force = true): Actor =>
  lookingAt("release", last, (seen) => {
    const risk = riskOf(seen.holding);
    if (risk.kind !== "none" && !force) return { kind: "refused" };
    return risk.kind === "used" && risk.holding.state === "live"
      ? quarantineLive(keys, { ...seen, holding: risk.holding }, { node: "n9", nowMs })
      : releaseSeen(keys, seen);
  });

const unreserving = (last: number): Actor =>
  lookingAt("unreserve", last, ({ holding, ...seen }) =>
    holding === undefined ? { kind: "refused" } : unreserve(keys, { ...seen, holding }),
  );

/** Puts the owners in one request, then each one that was refused. */
function importing(...owners: readonly Holding[]): Actor {
  const planned = owners.map((holding) => ({ holding, verdict: "new" }) as const);
  const over = (rest: readonly { readonly holding: Holding }[]): AnyStep => {
    const [first, ...others] = rest;
    return first === undefined
      ? { kind: "imported" }
      : after(putOver(keys, first.holding, nowMs), () => over(others));
  };
  return {
    name: "import",
    start: () => after(putBatch(keys, planned), (end) => over("refused" in end ? end.refused : [])),
  };
}

type Batch = ReturnType<typeof putBatch>;

function after(
  step: Batch | OperatorChange,
  go: (end: Exclude<Batch | OperatorChange, { kind: "ask" }>) => AnyStep,
): AnyStep {
  if (step.kind !== "ask") return go(step);
  return { kind: "ask", txn: step.txn, next: (reply) => after(step.next(reply), go) };
}

/** No holding lacks a key: the audit of the command finds nothing, and neither does that of the tests. */
function isSound(store: MemoryStore, schedule: string): void {
  expect(contradictions(store), schedule).toEqual([]);
  expect(
    auditEntries(
      keys,
      store.entries().filter(({ key }) => key !== keys.def("d")),
    ),
    schedule,
  ).toEqual([]);
}

/** Each container that was given an address and not deleted has it. Then its DEL frees all that it has. */
async function keepsPromises({ store, ends, schedule }: EndedRun): Promise<void> {
  const given = Object.entries(ends).flatMap(([name, end]) => {
    const isGiven = name.startsWith("ADD") && end !== undefined && "holding" in end && end.kind === "claimed";
    const containerId = name.slice("ADD ".length);
    return isGiven && !(`DEL ${containerId}` in ends)
      ? [{ containerId, holding: end.holding as Holding }]
      : [];
  });
  const addresses = given.flatMap(({ holding }) => holding.addresses);
  expect(new Set(addresses).size, schedule).toBe(addresses.length);
  for (const { containerId, holding } of given) {
    for (const code of holding.addresses) {
      const owner = storedOf(
        (await entryAt(store, keys.ip(code))) ?? { key: "", value: "", modRevision: "" },
      );
      expect(owner.holding?.containerId, schedule).toBe(containerId);
    }
  }
  for (const number of [2, 3, 4, 5]) await finish(store, del(number).start());
  expect(
    store.entries().filter(({ key }) => key.startsWith("att/")),
    schedule,
  ).toEqual([]);
  isSound(store, `${schedule}, then every DEL`);
}

const judge = { step: isSound, end: keepsPromises };

const scenes: readonly [string, readonly Holding[], readonly Actor[]][] = [
  [
    "two reserve one address, and a pod wants one",
    [live],
    [reserving(3), reserving(3, "ns/pod5/eth0"), add(4)],
  ],
  [
    "a reservation, the end of its pod, and the next",
    [live, held],
    [reserving(3, "ns/pod3/eth0"), add(3), del(2)],
  ],
  [
    "an expired hold: a reservation, an ADD, and its own pod",
    [live, expired],
    [reserving(3), add(4), add(3)],
  ],
  ["a reservation is taken back, taken, and released", [live], [reserving(3), unreserving(3), add(4)]],
  ["a live one is given up by two, and deleted", [live], [releasing(2), releasing(2), del(2)]],
  ["one is given up while its pod is made anew", [live, held], [releasing(2), add(2, "c4"), del(2)]],
  ["what waits is freed, and its pod comes back", [live, held], [releasing(3), add(3), add(4)]],
  ["a quarantined one is freed, and deleted", [live, waiting], [releasing(3), del(3, hourMs), add(4)]],
  ["two release one, without force", [live, held], [releasing(3, false), releasing(3), add(3)]],
  [
    "a reservation of a pod in use is taken back at its DEL",
    [{ ...live, reserved: true }],
    [unreserving(2), del(2), add(4)],
  ],
  [
    "an import, a pod and a reservation",
    [live],
    [importing(holdingOf(3, { state: "held" })), add(4), reserving(3)],
  ],
  [
    "an import over an expired hold",
    [live, expired],
    [importing(holdingOf(3, { state: "held" })), add(4), add(3)],
  ],
  [
    "two imports of one owner",
    [],
    [importing(holdingOf(2), holdingOf(3)), importing(holdingOf(3)), add(2, "c4")],
  ],
];

describe.each(scenes)("%s", (_name, holdings, actors) => {
  test("in every order", async () => {
    const count = await inEveryOrder(() => storeWith(...holdings), actors, judge);
    expect(count).toBeGreaterThan(5);
  });

  test.each(actors.map(({ name }, at) => [name, at] as const))(
    "%s is killed at each of its requests",
    async (_actor, victim) => {
      for (const mostAsks of [0, 1, 2, 3]) {
        const some = actors.map((actor, at) => (at === victim ? { ...actor, mostAsks } : actor));
        await inEveryOrder(() => storeWith(...holdings), some, judge);
      }
    },
  );
});

describe("a repair", () => {
  const lost = live.addresses.map(keys.ip);
  const damaged = async (): Promise<MemoryStore> => {
    const store = await storeWith(live);
    await tell(store, { compare: [], success: lost.map(remove), failure: [] });
    return store;
  };
  const repairing: Actor = {
    name: "repair",
    start: () => {
      const ops = {
        all: [keys.own(live.identity), keys.att("n1", "c2", "eth0"), keys.mac(live.mac), ...lost].map(get),
      };
      return {
        kind: "ask",
        txn: readTxn(ops),
        next: ({ replies }) => {
          const [finding] = auditEntries(
            keys,
            answersTo(ops, replies).all.flatMap((entry) => entry ?? []),
          );
          return finding?.repair === undefined ? { kind: "nothing wrong" } : changeAsSeen(finding.repair);
        },
      };
    },
  };

  test.each([0, 1, 2, undefined])("beside a DEL and an ADD, killed after %s requests", async (mostAsks) => {
    const one = mostAsks === undefined ? repairing : { ...repairing, mostAsks };
    const end = async ({ store, ends, schedule }: EndedRun): Promise<void> => {
      const given = Object.values(ends).flatMap((each) =>
        each !== undefined && "holding" in each ? [each] : [],
      );
      expect(given.length, schedule).toBeGreaterThan(0);
      for (let round = 0; round < 3; round++) await finish(store, repairing.start());
      const entries = store.entries().filter(({ key }) => key !== keys.def("d"));
      // The lost address has a former owner and a new one. A person has to decide, so nothing is overwritten.
      const left = auditEntries(keys, entries).filter(({ kind }) => kind !== "two-owners");
      expect(left, schedule).toEqual([]);
    };
    const count = await inEveryOrder(damaged, [one, add(4), del(2)], { step: () => {}, end });
    expect(count).toBeGreaterThan(2);
  });
});

describe("reserve", () => {
  async function reserved(store: MemoryStore, identity: string, last: number) {
    return await finish<Reserve>(store, reserve({ keys, pool, identity, codes: [ip(last)], nowMs }));
  }

  test("what somebody has is told with its holding", async () => {
    const store = await storeWith(live);
    expect(await reserved(store, "ns/other/eth0", 2)).toEqual({ kind: "taken", code: ip(2), by: live });
    expect(await reserved(store, live.identity, 3)).toEqual({ kind: "has others", had: live });
  });

  test("what changes between the look and the change is left alone", async () => {
    const store = await storeWith();
    const step = reserve({ keys, pool, identity: nobody("10.0.0.3"), codes: [ip(3)], nowMs });
    if (step.kind !== "ask") throw new Error("it asks first");
    const next = step.next(await tell(store, step.txn));
    await finish(store, claim(claimOf(5, spaceFrom(3, 3))));
    const before = store.entries();
    expect(await finish<Reserve>(store, next)).toEqual({ kind: "changed" });
    expect(store.entries()).toEqual(before);
  });
});

test("an import's claims of one pod are one holding, in the order of the sets", () => {
  const claimed = (last: number) => ({
    address: { family: "4", value: BigInt(last) } as const,
    identity: "ns/a/eth0",
    containerId: "c",
    ifname: "eth0",
  });
  const [one, ...more] = heldFor({ name: pool, keys, sets: [] }, [claimed(7), claimed(8)], undefined, {
    nowMs,
  });
  expect(more).toEqual([]);
  expect(one).toMatchObject({ state: "held", addresses: ["400000007", "400000008"] });
  expect(one).not.toHaveProperty("heldUntilMs");
});
