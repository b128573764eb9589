import type { Bench, BenchGroup, Findings } from "./bench-group.ts";
import { versionOf } from "./candidates.ts";
import type { Measure } from "./ceilings.ts";
import { type Cost, ratiosOf } from "./cost.ts";
import { crowd } from "./crowd.ts";
import { type BenchPool, fill, type IpamStage, ipamCall, withStage } from "./ipam-stage.ts";
import { type Histogram, histogramLines, histogramOf, requestsServed } from "./ipam-trips.ts";
import { type Contender, medianOf, type Summaries, summariseAll, takeTurns } from "./rounds.ts";
import type { Timer } from "./timed-call.ts";

const addRounds = 60;
const crowdRounds = 5;
const crowdSize = 120;
const atOnce = 20;
const fullRounds = 40;
const tripRounds = 100;

export const ipamGroups: readonly BenchGroup[] = [
  { title: "IPAM: ADD and DEL", run: (bench) => withStage(bench, async (stage) => addGroup(bench, stage)) },
  {
    title: `IPAM: ${atOnce} ADDs at once`,
    run: (bench) => withStage(bench, (stage) => crowdGroup(bench, stage)),
  },
  {
    title: "IPAM: full and large pools",
    run: (bench) => withStage(bench, (stage) => fullGroup(bench, stage)),
  },
];

let calls = 0;

/** A name that is used once in a run: groups are repeated, and a pod that is known already has its address. */
function unique(name: string): string {
  calls += 1;
  return `${name}-${calls}`;
}

/** ADD and DEL of a new pod in each round, or of the same pod in all. */
function attaching(timer: Timer, name: string, pool: BenchPool, pod?: string): Contender {
  return {
    name,
    round: () => {
      const containerId = unique("c");
      const who = pod ?? unique("pod");
      const time = (verb: "ADD" | "DEL") => timer(ipamCall(pool, verb, who, containerId));
      return { [`${name} ADD`]: time("ADD"), [`${name} DEL`]: time("DEL") };
    },
  };
}

const small = { subnet: "10.77.0.0/16", hold: "0" };

function addGroup({ timer, programs, scene, onRound }: Bench, stage: IpamStage): Findings {
  const keeping = { ...small, hold: "24h" };
  const candidates = [
    versionOf(timer, "empty", programs.empty, scene.versionInput),
    attaching(timer, "reference", stage.hostLocal("reference")),
    attaching(timer, "host-local", stage.hostLocal("hawser")),
    attaching(timer, "flat-local", stage.flatLocal(small)),
    attaching(timer, "flat-etcd", stage.flatEtcd(small)),
    attaching(timer, "flat-etcd-known", stage.flatEtcd(keeping), "known"),
  ];
  const summaries = summariseAll(takeTurns(candidates, addRounds, onRound));
  const plugins = ["host-local", "flat-local", "flat-etcd", "flat-etcd-known"];
  const ofVerb = (verb: "ADD" | "DEL", other: string, base: string) =>
    plugins.flatMap((name) =>
      ratios(summaries, `ipam-${verb.toLowerCase()}.${name}/${base}`, `${name} ${verb}`, other),
    );
  return {
    summaries,
    measures: [
      ...ofVerb("ADD", "empty", "empty"),
      ...ofVerb("ADD", "reference ADD", "reference"),
      ...ofVerb("DEL", "reference DEL", "reference"),
    ],
  };
}

/** Measures each ADD while many run at once. The inverse of its time is the throughput. */
async function crowdGroup({ programs, scene, onRound }: Bench, stage: IpamStage): Promise<Findings> {
  const empty: BenchPool = { executable: programs.empty, inputFile: scene.versionInput };
  const candidates: readonly (readonly [string, BenchPool])[] = [
    ["empty", empty],
    ["reference", stage.hostLocal("reference")],
    ["host-local", stage.hostLocal("hawser")],
    ["flat-local", stage.flatLocal(small)],
    ["flat-etcd", stage.flatEtcd(small)],
  ];
  const series = new Map<string, Cost[]>(candidates.map(([name]) => [name, []]));
  for (let round = 0; round <= crowdRounds; round += 1) {
    for (const [name, pool] of candidates) {
      const adds = Array.from({ length: crowdSize }, () => [
        ipamCall(pool, "ADD", unique("pod"), unique("c")),
      ]);
      const cost = await crowd(adds, atOnce);
      // The first round does not count: it makes folders and fills caches.
      if (round > 0) series.get(name)?.push(cost);
    }
    onRound(round, crowdRounds);
  }
  const summaries = summariseAll(series);
  const others = ["host-local", "flat-local", "flat-etcd"];
  return {
    summaries,
    measures: [
      ...others.flatMap((name) => ratios(summaries, `ipam-crowd.${name}/empty`, name, "empty")),
      ...others.flatMap((name) => ratios(summaries, `ipam-crowd.${name}/reference`, name, "reference")),
    ],
    notes: candidates.map(
      ([name]) => `${name.padEnd(10)}  ${(1000 / medianOf(summaries, name).elapsedMs).toFixed(0)} ADD/s`,
    ),
  };
}

/** ADDs in pools on etcd that are more or less full, and their round trips. */
async function fullGroup(bench: Bench, stage: IpamStage): Promise<Findings> {
  const { timer, onRound } = bench;
  const pools = fullPools(bench, stage);
  const candidates = [...pools].map(([name, pool]) => attaching(timer, name, pool));
  const summaries = summariseAll(takeTurns(candidates, fullRounds, onRound));
  const trips = await tripsOf(bench, stage, pools);
  const against = (name: string, other: string) =>
    ratios(summaries, `ipam-pool.${name}/${other}`, `${name} ADD`, `${other} ADD`);
  const most = (name: string): Measure => {
    return { name: `ipam-trips.${name}`, value: Math.max(...(trips.get(name)?.keys() ?? [])), unit: "trips" };
  };
  return {
    summaries,
    measures: [
      ...against("50%", "0%"),
      ...against("99%", "0%"),
      ...against("v4-8", "v4-24"),
      ...against("v6-64", "v4-24"),
      ...["new", "known", "50%", "99%"].map(most),
    ],
    notes: ["round trips of an ADD", ...histogramLines(trips)],
  };
}

function fullPools(bench: Bench, { flatEtcd }: IpamStage): ReadonlyMap<string, BenchPool> {
  const pool = (subnet: string) => flatEtcd({ subnet, hold: "0" });
  const half = pool("10.61.0.0/16");
  const nearlyAll = pool("10.62.0.0/16");
  bench.onRound(0, fullRounds);
  fill(bench, half, 61, (index) => index % 2 === 0);
  fill(bench, nearlyAll, 62, (index) => index % 100 !== 0);
  return new Map([
    ["v4-24", pool("10.59.0.0/24")],
    ["v4-8", pool("11.0.0.0/8")],
    ["v6-64", pool("fd00:60::/64")],
    ["0%", pool("10.60.0.0/16")],
    ["50%", half],
    ["99%", nearlyAll],
  ]);
}

/** `new`: a pod that has never been, whose preferred address is free. `known`: a pod whose address is held for it. */
async function tripsOf(
  { timer }: Bench,
  { etcd, flatEtcd }: IpamStage,
  pools: ReadonlyMap<string, BenchPool>,
): Promise<ReadonlyMap<string, Histogram>> {
  const [endpoint = ""] = etcd.endpoints;
  const count = async (pool: BenchPool, pod?: string): Promise<Histogram> => {
    const trips: number[] = [];
    for (let round = 0; round <= tripRounds; round += 1) {
      const [who, containerId] = [pod ?? unique("pod"), unique("c")];
      const before = await requestsServed(endpoint);
      timer(ipamCall(pool, "ADD", who, containerId));
      // The first ADD of a pool does not count: it records the pool, and looks for what a reboot has left.
      if (round > 0) trips.push((await requestsServed(endpoint)) - before);
      timer(ipamCall(pool, "DEL", who, containerId));
    }
    return histogramOf(trips);
  };
  const keeping = flatEtcd({ subnet: "10.63.0.0/16", hold: "24h" });
  const of = (name: string): BenchPool => {
    const pool = pools.get(name);
    if (pool === undefined) throw new Error(`there is no pool ${name}`);
    return pool;
  };
  return new Map([
    ["new", await count(of("0%"))],
    ["known", await count(keeping, "known")],
    ["50%", await count(of("50%"))],
    ["99%", await count(of("99%"))],
  ]);
}

function ratios(summaries: Summaries, name: string, value: string, unit: string): Measure[] {
  return ratiosOf(name, medianOf(summaries, value), medianOf(summaries, unit));
}
