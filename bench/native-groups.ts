import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Bench, BenchGroup, Findings } from "./bench-group.ts";
import { type BenchIpam, type Shape, sandboxCount } from "./bench-scene.ts";
import { attachEnv, directCalls, directly, type Seat, seat, throughHawser, versionOf } from "./candidates.ts";
import { type Cost, ratiosOf } from "./cost.ts";
import { type CallSeries, crowd } from "./crowd.ts";
import { type IpamStage, withStage } from "./ipam-stage.ts";
import { type Contender, medianOf, summariseAll, takeTurns } from "./rounds.ts";
import type { TimedCall } from "./timed-call.ts";

const attachRounds = 40;
const crowdRounds = 8;
const networks = 3;

/** Networks that hawser makes itself, beside the reference plugins that are called directly with the same configurations. */
export const nativeGroups: readonly BenchGroup[] = [
  {
    title: "native networks: ADD and DEL",
    run: (bench) => withStage(bench, async (stage) => attachGroup(bench, stage)),
  },
  { title: `native networks: ${sandboxCount} pods at once`, run: crowdGroup },
];

function natively(count: number, ipam?: BenchIpam): Shape {
  return {
    networks: count,
    chained: false,
    parallel: false,
    native: true,
    ...(ipam === undefined ? {} : { ipam }),
  };
}

function callOf({ scene, programs }: Bench, shape: Shape) {
  return {
    executable: programs.hawser,
    // hawser-flat lies beside hawser.
    cniPath: `${programs.pluginsDir}:${dirname(programs.hawser)}`,
    inputFile: scene.hawserConfig(shape),
  };
}

function attachGroup(bench: Bench, stage: IpamStage): Findings {
  const { timer, scene, programs, onRound } = bench;
  const { pluginsDir } = programs;
  const hawser = (name: string, shape: Shape): Contender =>
    throughHawser(timer, scene, name, callOf(bench, shape));
  const candidates = [
    versionOf(timer, "empty", programs.empty, scene.versionInput),
    directly(timer, scene, "direct", { networks, pluginsDir }),
    hawser("one", natively(1)),
    hawser("host-local", natively(networks)),
    hawser("flat-local", natively(networks, flatOf("flat-local", bench, { dir: storeOf(bench) }))),
    hawser(
      "flat-etcd",
      natively(networks, flatOf("flat-etcd", bench, { etcd: { endpoints: stage.etcd.endpoints } })),
    ),
    kernelAlone(bench),
  ];
  const summaries = summariseAll(takeTurns(candidates, attachRounds, onRound));
  const of = (name: string): Cost => medianOf(summaries, name);
  const against = (verb: "ADD" | "DEL") =>
    ["host-local", "flat-local", "flat-etcd"].flatMap((name) =>
      ratiosOf(`native-${verb.toLowerCase()}3.${name}/direct`, of(`${name} ${verb}`), of(`direct ${verb}`)),
    );
  return {
    summaries,
    measures: [
      ...against("ADD"),
      ...against("DEL"),
      ...ratiosOf("native-add1.host-local/empty", of("one ADD"), of("empty")),
      ...ratiosOf("native-del3.host-local/kernel", of("host-local DEL"), of("kernel DEL")),
    ],
  };
}

function storeOf({ scene }: Bench): string {
  return join(dirname(scene.versionInput), "native-store");
}

function flatOf(name: string, { scene }: Bench, store: object): BenchIpam {
  const journalDir = join(dirname(scene.versionInput), "native-journal");
  return {
    name,
    config: (index) => ({
      type: "hawser-flat",
      node: "bench",
      hold: "0",
      ranges: [[{ subnet: `10.78.${index}.0/24` }]],
      store,
      journalDir,
    }),
  };
}

/**
 * What the kernel takes to remove the same three interfaces: `ip` removes them in one process. hawser attaches before, and
 * deletes what is left after, and neither is timed.
 */
function kernelAlone(bench: Bench): Contender {
  const { timer, scene } = bench;
  const of = callOf(bench, natively(networks));
  const commands = join(dirname(scene.versionInput), "remove-links");
  const names = Array.from({ length: networks }, (_, n) => (n === 0 ? "eth0" : `net${n}`));
  writeFileSync(
    commands,
    names
      .map((name) => `link del ${name}\n`)
      .toReversed()
      .join(""),
  );
  return {
    name: "kernel",
    round: (index) => {
      const at = seat(scene, "kernel", index);
      const call = (verb: "ADD" | "DEL"): TimedCall => ({
        ...of,
        env: attachEnv(verb, at, "eth0", of.cniPath),
      });
      timer(call("ADD"));
      const name = at.netns.slice(at.netns.lastIndexOf("/") + 1);
      const removal = timer({
        executable: "/sbin/ip",
        args: ["-n", name, "-batch", commands],
        env: { PATH: process.env.PATH ?? "" },
        inputFile: scene.versionInput,
      });
      timer(call("DEL"));
      return { "kernel DEL": removal };
    },
  };
}

/** Each pod has a namespace of its own, and three networks. */
async function crowdGroup(bench: Bench): Promise<Findings> {
  const { scene, programs, onRound } = bench;
  const of = callOf(bench, natively(networks));
  const byHawser = (verb: "ADD" | "DEL", at: Seat): CallSeries => [
    { ...of, env: attachEnv(verb, at, "eth0", of.cniPath) },
  ];
  const delegates = { networks, pluginsDir: programs.pluginsDir };
  const kinds: Readonly<Record<string, (verb: "ADD" | "DEL", at: Seat) => CallSeries>> = {
    direct: (verb, at) => directCalls(scene, delegates, verb, at),
    native: byHawser,
  };
  const series = new Map<string, Cost[]>(
    Object.keys(kinds).flatMap((name) => [
      [`${name} ADD`, []],
      [`${name} DEL`, []],
    ]),
  );
  for (let round = 0; round <= crowdRounds; round += 1) {
    for (const [name, calls] of Object.entries(kinds)) {
      const seats = scene.sandboxes.map((netns, n) => ({
        netns,
        containerId: `crowd-${name}-${round}-${n}`,
      }));
      for (const verb of ["ADD", "DEL"] as const) {
        const cost = await crowd(
          seats.map((at) => calls(verb, at)),
          sandboxCount,
        );
        // The first round does not count: it makes bridges and folders.
        if (round > 0) series.get(`${name} ${verb}`)?.push(cost);
      }
    }
    onRound(round, crowdRounds);
  }
  const summaries = summariseAll(series);
  const against = (verb: "ADD" | "DEL") =>
    ratiosOf(
      `native-crowd-${verb.toLowerCase()}3.hawser/direct`,
      medianOf(summaries, `native ${verb}`),
      medianOf(summaries, `direct ${verb}`),
    );
  return { summaries, measures: [...against("ADD"), ...against("DEL")] };
}
