import type { Cost } from "./cost.ts";
import { type Summary, summarise } from "./statistics.ts";

/** The cost of each thing that one round has timed, by its name: `hawser ADD`. */
export type Round = Readonly<Record<string, Cost>>;

/** One of the things that are compared. In each round it does its work once, and undoes it. */
export interface Contender {
  readonly name: string;
  round(index: number): Round;
}

export type Series = ReadonlyMap<string, readonly Cost[]>;

/** Rounds whose costs are thrown away: they fill caches and make bridges. */
const warmUps = 3;

/**
 * Lets the candidates take turns, round by round, so that whatever disturbs the machine disturbs all of them alike.
 * Whoever starts a round changes, too.
 */
export function takeTurns(
  candidates: readonly Contender[],
  rounds: number,
  onRound: (done: number, all: number) => void,
): Series {
  const series = new Map<string, Cost[]>();
  for (let index = 0; index < warmUps + rounds; index += 1) {
    const first = index % candidates.length;
    for (const candidate of [...candidates.slice(first), ...candidates.slice(0, first)]) {
      const costs = candidate.round(index);
      if (index < warmUps) continue;
      for (const [name, cost] of Object.entries(costs)) {
        series.set(name, [...(series.get(name) ?? []), cost]);
      }
    }
    onRound(index + 1, warmUps + rounds);
  }
  return series;
}

/** The summary of one series of costs, in milliseconds. */
export interface CostSummary {
  readonly elapsed: Summary;
  readonly cpu: Summary;
}

export type Summaries = ReadonlyMap<string, CostSummary>;

export function summariseAll(series: Series): Summaries {
  return new Map([...series].map(([name, costs]) => [name, summariseCosts(costs)]));
}

function summariseCosts(costs: readonly Cost[]): CostSummary {
  return {
    elapsed: summarise(costs.map(({ elapsedMs }) => elapsedMs)),
    cpu: summarise(costs.map(({ cpuMs }) => cpuMs)),
  };
}

/** The medians of a series that must have been measured. */
export function medianOf(summaries: Summaries, name: string): Cost {
  const summary = summaries.get(name);
  if (summary === undefined) throw new Error(`nothing was measured under the name ${name}`);
  return { elapsedMs: summary.elapsed.medianMs, cpuMs: summary.cpu.medianMs };
}
