import { type Summary, summarise } from "./statistics.ts";

/** Timings of one round in milliseconds, by the name of what was timed: `hawser ADD`. */
export type Round = Readonly<Record<string, number>>;

/** One of those that are compared. Each round it does its work once, and leaves things as it found them. */
export interface Contender {
  readonly name: string;
  round(index: number): Round;
}

export type Series = ReadonlyMap<string, readonly number[]>;

/** Rounds whose timings are thrown away: they fill caches and make bridges. */
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
  const series = new Map<string, number[]>();
  for (let index = 0; index < warmUps + rounds; index += 1) {
    const first = index % candidates.length;
    for (const candidate of [...candidates.slice(first), ...candidates.slice(0, first)]) {
      const timings = candidate.round(index);
      if (index < warmUps) continue;
      for (const [name, elapsedMs] of Object.entries(timings)) {
        series.set(name, [...(series.get(name) ?? []), elapsedMs]);
      }
    }
    onRound(index + 1, warmUps + rounds);
  }
  return series;
}

export type Summaries = ReadonlyMap<string, Summary>;

export function summariseAll(series: Series): Summaries {
  return new Map([...series].map(([name, values]) => [name, summarise(values)]));
}

/** The median of a series that must have been measured. */
export function medianOf(summaries: Summaries, name: string): number {
  const summary = summaries.get(name);
  if (summary === undefined) throw new Error(`nothing was measured under the name ${name}`);
  return summary.medianMs;
}
