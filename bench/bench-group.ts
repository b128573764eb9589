import type { BenchPrograms, BenchScene } from "./bench-scene.ts";
import type { Measure } from "./ceilings.ts";
import type { Summaries } from "./rounds.ts";
import type { Timer } from "./timed-call.ts";

/** What one group has measured: timings for people, and measures that have ceilings. */
export interface Findings {
  readonly summaries: Summaries;
  readonly measures: readonly Measure[];
  /** Lines that are printed as they are. */
  readonly notes?: readonly string[];
}

export interface Bench {
  readonly timer: Timer;
  readonly scene: BenchScene;
  readonly programs: BenchPrograms;
  readonly onRound: (done: number, all: number) => void;
}

/** Candidates that are compared with each other only. */
export interface BenchGroup {
  readonly title: string;
  run(bench: Bench): Promise<Findings>;
}
