import { expect, test } from "vitest";
import { finish } from "./simulation/finish.ts";
import type { ClusterModel } from "./simulation/model.ts";
import { step } from "./simulation/steps.ts";
import { createWorld, type PoolVersion } from "./simulation/world.ts";

/**
 * A cluster with restarts, late and repeated DELs, repeated ADDs, partitions, lost and late requests, crashes, reboots, edits
 * of the pool, GC, and operators who reserve, release, import, audit and repair. A seed decides the order. After every change
 * of the store its content is compared with itself and with the knowledge of the runtimes. HAWSER_SEED=<number> repeats a
 * run.
 */
const seed = Number(process.env.HAWSER_SEED ?? Date.now() % 1_000_000);
const steps = Number(process.env.HAWSER_STEPS ?? 700);

const small = [
  [{ subnet: "10.0.0.0/24", rangeStart: "10.0.0.2", rangeEnd: "10.0.0.11", gateway: "10.0.0.4" }],
];
const excluding = [[{ ...small[0]?.[0], exclude: ["10.0.0.6", "10.0.0.8/31"] }]];
const two = [[...(small[0] ?? []), { subnet: "10.0.1.0/24", rangeEnd: "10.0.1.5" }]];
const dual = [...small, [{ subnet: "fd00::/64", rangeEnd: "fd00::9" }]];

const runs: readonly [ClusterModel["policy"], readonly PoolVersion[]][] = [
  ["wait", [{ ranges: small, hold: "10m" }]],
  [
    "wait",
    [
      { ranges: dual, hold: "10m" },
      { ranges: small, hold: "0" },
    ],
  ],
  [
    "new-ip",
    [
      { ranges: two, hold: "10m" },
      { ranges: excluding, hold: "10m" },
    ],
  ],
  [
    "takeover",
    [
      { ranges: two, hold: "24h" },
      { ranges: two, hold: "0" },
    ],
  ],
  [
    "takeover",
    [
      { ranges: small, hold: "1m" },
      { ranges: dual, hold: "10m" },
      { ranges: excluding, hold: "10m" },
    ],
  ],
];

test.each(runs.map(([policy, versions], at) => [seed + at, policy, versions] as const))(
  "HAWSER_SEED=%i, policy %s: every step keeps every promise",
  async (own, policy, versions) => {
    const [first] = versions;
    if (first === undefined) throw new Error("a pool has a version");
    const world = createWorld(own, policy, first);
    for (let at = 0; at < steps; at++) {
      await step(world, versions);
      expect(world.model.violations, `step ${at} of HAWSER_SEED=${own}`).toEqual([]);
    }
    // A simulation in which nothing goes wrong would prove little.
    expect(world.seen.get("reboot"), "reboot").toBeGreaterThan(0);
    const deeds = [...world.seen.keys()].filter((name) =>
      /^operator .*: (reserved|put|looked|done)$/.test(name),
    );
    expect(deeds.length, deeds.join()).toBeGreaterThan(2);
    for (const fault of ["full", "unreachable", "lost request", "lost reply", "late"])
      expect(world.cluster.stats.get(fault), fault).toBeGreaterThan(0);
    if (process.env.HAWSER_VERBOSE)
      process.stderr.write(`${JSON.stringify([...world.seen, ...world.cluster.stats])}\n`);
    await finish(world, first);
    expect(world.model.violations, `the end of HAWSER_SEED=${own}`).toEqual([]);
  },
);
