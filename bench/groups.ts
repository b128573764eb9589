import { join } from "node:path";
import { apiGroup } from "./api-group.ts";
import type { Bench, BenchGroup, Findings } from "./bench-group.ts";
import type { Shape } from "./bench-scene.ts";
import { attachEnv, directly, throughHawser, versionOf } from "./candidates.ts";
import type { Measure } from "./ceilings.ts";
import { above, ratiosOf } from "./cost.ts";
import { ipamGroups } from "./ipam-groups.ts";
import { peakMemoryKb } from "./memory.ts";
import { nativeGroups } from "./native-groups.ts";
import { type Contender, medianOf, summariseAll, takeTurns } from "./rounds.ts";

const versionRounds = 150;
const attachRounds = 40;
const memoryRounds = 10;
const networkCounts = [1, 3, 5];

export const groups: readonly BenchGroup[] = [
  { title: "VERSION", run: async (bench) => versionGroup(bench) },
  { title: "ADD and DEL", run: async (bench) => attachGroup(bench) },
  { title: "peak resident memory", run: memoryGroup },
  ...nativeGroups,
  apiGroup,
  ...ipamGroups,
];

/** A pod whose primary is hawser's own. Its other networks are attached one after the other. */
function inTurn(networks: number): Shape {
  return { networks, chained: false, parallel: false, native: false };
}

function versionGroup({ timer, scene, programs, onRound }: Bench): Findings {
  const ask = (name: string, executable: string) => versionOf(timer, name, executable, scene.versionInput);
  const candidates = [
    ask("empty", programs.empty),
    ask("static", join(programs.pluginsDir, "static")),
    ask("hawser", programs.hawser),
    ...(programs.hawserNode === undefined ? [] : [ask("hawser-node", programs.hawserNode)]),
  ];
  const summaries = summariseAll(takeTurns(candidates, versionRounds, onRound));
  const against = (name: string, other: string) =>
    ratiosOf(`version.${name}/${other}`, medianOf(summaries, name), medianOf(summaries, other));
  return {
    summaries,
    measures: [
      ...against("hawser", "empty"),
      ...against("hawser", "static"),
      ...(programs.hawserNode === undefined ? [] : against("hawser-node", "empty")),
    ],
  };
}

function attachGroup(bench: Bench): Findings {
  const { timer, programs, scene, onRound } = bench;
  const empty = versionOf(timer, "empty", programs.empty, scene.versionInput);
  const summaries = summariseAll(takeTurns([empty, ...attachCandidates(bench)], attachRounds, onRound));
  const of = (name: string) => medianOf(summaries, name);
  const overhead = (networks: number) =>
    ratiosOf(
      `add${networks}.(hawser-direct)/empty`,
      above(of(`hawser ${networks} ADD`), of(`direct ${networks} ADD`)),
      of("empty"),
    );
  const against = (verb: "ADD" | "DEL", networks: number, who: string) =>
    ratiosOf(
      `${verb.toLowerCase()}${networks}.${who}/direct`,
      of(`${who} ${networks} ${verb}`),
      of(`direct ${networks} ${verb}`),
    );
  const inTurnRatio = (verb: "ADD" | "DEL") =>
    ratiosOf(`${verb.toLowerCase()}3.parallel/hawser`, of(`parallel 3 ${verb}`), of(`hawser 3 ${verb}`));
  return {
    summaries,
    measures: [
      ...networkCounts.flatMap(overhead),
      ...networkCounts.flatMap((count) => against("ADD", count, "hawser")),
      ...networkCounts.flatMap((count) => against("DEL", count, "hawser")),
      ...against("ADD", 3, "parallel"),
      ...against("DEL", 3, "parallel"),
      ...inTurnRatio("ADD"),
      ...inTurnRatio("DEL"),
      ...against("ADD", 3, "parallel-1+2"),
      ...against("DEL", 3, "parallel-1+2"),
      ...(programs.hawserNode === undefined ? [] : against("ADD", 3, "hawser-node")),
    ],
  };
}

function attachCandidates({ timer, scene, programs }: Bench): Contender[] {
  const { pluginsDir, hawserNode } = programs;
  const hawser = (name: string, executable: string, shape: Shape) =>
    throughHawser(timer, scene, `${name} ${shape.networks}`, {
      executable,
      cniPath: pluginsDir,
      inputFile: scene.hawserConfig(shape),
    });
  return [
    ...networkCounts.flatMap((networks) => [
      directly(timer, scene, `direct ${networks}`, { networks, pluginsDir }),
      hawser("hawser", programs.hawser, inTurn(networks)),
    ]),
    hawser("parallel", programs.hawser, { networks: 3, chained: true, parallel: true, native: false }),
    hawser("parallel-1+2", programs.hawser, { networks: 3, chained: false, parallel: true, native: false }),
    ...(hawserNode === undefined ? [] : [hawser("hawser-node", hawserNode, inTurn(3))]),
  ];
}

async function memoryGroup(bench: Bench): Promise<Findings> {
  const { hawser, hawserNode } = bench.programs;
  const native: Shape = { ...inTurn(3), native: true };
  const measures = [
    await memoryOf(bench, "hawser", hawser, inTurn(3)),
    await memoryOf(bench, "native", hawser, native),
  ];
  if (hawserNode !== undefined) measures.push(await memoryOf(bench, "hawser-node", hawserNode, inTurn(3)));
  return { summaries: new Map(), measures };
}

/** The highest peak of several ADDs, since a node must have room for it. */
async function memoryOf(
  { timer, scene, programs, onRound }: Bench,
  name: string,
  executable: string,
  shape: Shape,
): Promise<Measure> {
  const inputFile = scene.hawserConfig(shape);
  let mostKb = 0;
  for (let index = 0; index < memoryRounds; index += 1) {
    const at = { netns: scene.sandboxes[0] ?? "", containerId: `memory-${name}-${index}` };
    const call = (verb: "ADD" | "DEL") => {
      return { executable, inputFile, env: attachEnv(verb, at, "eth0", programs.pluginsDir) };
    };
    mostKb = Math.max(mostKb, await peakMemoryKb(call("ADD")));
    timer(call("DEL"));
    onRound(index + 1, memoryRounds);
  }
  return { name: `memory.${name}-add3`, value: mostKb / 1024, unit: "MB" };
}
