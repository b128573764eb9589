import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createChance } from "../../sys/fake-clock.ts";
import { must } from "../../sys/outcome-testing.ts";
import { subtract } from "../range.ts";
import { type Claim, type ClaimRequest, claim } from "./pool/claim.ts";
import { keysOf } from "./pool/keys.ts";
import { audit } from "./pool/pool-testing.ts";
import { type Release, release } from "./pool/release.ts";
import { newSpace, type Space } from "./pool/space.ts";
import { createMemoryStore, type MemoryStore } from "./store/memory-store.ts";
import type { Txn, TxnReply } from "./store/store.ts";

const keys = keysOf("p");
const nowMs = 1_700_000_000_000;

function request(n: number, spaces: readonly Space[]): ClaimRequest {
  const identity = `ns/pod${n}/eth0`;
  const node = `n${n % 5}`;
  return {
    keys,
    claimant: { pool: "p", network: "net", identity, containerId: `c${n}`, ifname: "eth0", node, nowMs },
    definition: { hash: "d", value: "{}" },
    spaces,
    onLiveElsewhere: "wait",
    requested: spaces.map(() => undefined),
  };
}

async function ask(store: MemoryStore, txn: Txn): Promise<TxnReply> {
  return must(await store.txn(txn));
}

type Running = { readonly n: number; step: Claim };

/** Answers the questions of all procedures one by one, in an order that chance decides. */
async function interleave(store: MemoryStore, running: Running[], chance: () => number): Promise<void> {
  const open = [...running];
  while (open.length > 0) {
    const at = Math.floor(chance() * open.length);
    const one = open[at];
    if (one?.step.kind === "ask") one.step = one.step.next(await ask(store, one.step.txn));
    else open.splice(at, 1);
  }
}

const spacesOf = (sizes: readonly number[]): Space[] =>
  sizes.map((size, set) => {
    const first = set === 0 ? 0x0a000000n : 0xfdn << 120n;
    // A hole in the middle, as a gateway or an exclusion makes one.
    const hole = first + BigInt(Math.floor(size / 2));
    return newSpace(
      set === 0 ? "4" : "6",
      subtract({ first, last: first + BigInt(size) }, [{ first: hole, last: hole }]),
    );
  });

test("a pool of N gives exactly N, each once, to a hundred at once", async () => {
  const sizes = fc.oneof(
    fc.tuple(fc.integer({ min: 1, max: 100 })),
    fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 })),
  );
  const property = fc.asyncProperty(sizes, fc.integer(), async (given, seed) => {
    const store = createMemoryStore();
    const spaces = spacesOf(given);
    const running = Array.from(
      { length: 100 },
      (_each, n): Running => ({ n, step: claim(request(n, spaces)) }),
    );
    await interleave(store, running, createChance(seed));
    const holdings = running.flatMap(({ step }) => (step.kind === "claimed" ? [step.holding] : []));
    const expected = Math.min(100, ...given);
    expect(holdings).toHaveLength(expected);
    expect(running.filter(({ step }) => step.kind === "exhausted")).toHaveLength(100 - expected);
    const addresses = holdings.flatMap((holding) => holding.addresses);
    expect(new Set(addresses).size).toBe(expected * given.length);
    expect(new Set(holdings.map(({ mac }) => mac)).size).toBe(expected);
    expect(audit("p", store.entries())).toEqual([]);
  });
  await fc.assert(property, { numRuns: 30 });
});

test("a pool that is emptied and filled at once loses nothing", async () => {
  const property = fc.asyncProperty(fc.integer({ min: 4, max: 30 }), fc.integer(), async (size, seed) => {
    const store = createMemoryStore();
    const spaces = spacesOf([size]);
    const chance = createChance(seed);
    const first = Array.from(
      { length: size },
      (_each, n): Running => ({ n, step: claim(request(n, spaces)) }),
    );
    await interleave(store, first, chance);
    const leaving = first.map(({ n }) =>
      release({ keys, node: `n${n % 5}`, containerId: `c${n}`, ifname: "eth0", holdMs: 0, nowMs }),
    );
    const coming = Array.from(
      { length: size },
      (_each, n): Running => ({ n: n + size, step: claim(request(n + size, spaces)) }),
    );
    const steps: (Claim | Release)[] = [...leaving, ...coming.map(({ step }) => step)];
    let left = steps.length;
    while (left > 0) {
      const at = Math.floor(chance() * steps.length);
      const step = steps[at];
      if (step?.kind === "ask") {
        const next = step.next(await ask(store, step.txn));
        steps[at] = next;
        if (next.kind !== "ask") left -= 1;
      }
    }
    expect(steps.slice(0, size).every(({ kind }) => kind === "released")).toBe(true);
    const live = steps.filter(({ kind }) => kind === "claimed").length;
    expect(store.entries().filter(({ key }) => key.startsWith("ip/"))).toHaveLength(live);
    expect(audit("p", store.entries())).toEqual([]);
    // A claim that failed too early may try again, and finds the addresses that are left.
    const again = Array.from(
      { length: size - live },
      (_each, n): Running => ({ n: 1000 + n, step: claim(request(1000 + n, spaces)) }),
    );
    await interleave(store, again, chance);
    expect(again.every(({ step }) => step.kind === "claimed")).toBe(true);
  });
  await fc.assert(property, { numRuns: 40 });
});

describe("a lost answer", () => {
  /** Runs a claim that starts over after question number `lost`. The store has done that question or not. */
  async function claimLosing(store: MemoryStore, one: ClaimRequest, lost: number, done: boolean) {
    let step = claim(one);
    let asked = 0;
    while (step.kind === "ask") {
      if (asked++ !== lost) step = step.next(await ask(store, step.txn));
      else {
        if (done) await ask(store, step.txn);
        step = claim(one);
      }
    }
    return { step, asked };
  }

  test.each([true, false])("of a request that was done: %s. The claim is done once", async (done) => {
    for (let lost = 0; lost < 4; lost++) {
      const store = createMemoryStore();
      // All candidates of the identity are taken: the longest way.
      const spaces = spacesOf([5]);
      for (const n of [1, 2, 3]) await interleave(store, [{ n, step: claim(request(n, spaces)) }], () => 0);
      const { step } = await claimLosing(store, request(9, spaces), lost, done);
      expect(step.kind, `lost ${lost}`).toBe("claimed");
      expect(store.entries().filter(({ key }) => key.startsWith("ip/"))).toHaveLength(4);
      expect(audit("p", store.entries())).toEqual([]);
      expect(step.kind === "claimed" && step.holding.generation).toBe(1);
    }
  });
});
