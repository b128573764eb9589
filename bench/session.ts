import type { Bench, BenchGroup, Findings } from "./bench-group.ts";
import { type Ceilings, type Judgement, judge } from "./ceilings.ts";
import type { Summaries } from "./rounds.ts";
import { timingTable } from "./tables.ts";

export interface GroupReport {
  readonly title: string;
  readonly summaries: Summaries;
  readonly verdicts: readonly Judgement[];
  readonly notes: readonly string[];
  /** Whether a first run went past a ceiling; this is the second, which counts. */
  readonly repeated: boolean;
}

/** Where progress and tables go. `progress` overwrites itself on a terminal and is silent elsewhere. */
export interface Paper {
  line(text: string): void;
  progress(text: string): void;
}

/** One group; a run past a ceiling is repeated once, since another process may have taken the machine meanwhile. */
export async function runGroup(
  group: BenchGroup,
  bench: Omit<Bench, "onRound">,
  ceilings: Ceilings,
  paper: Paper,
): Promise<GroupReport> {
  const once = async () => {
    const onRound = (done: number, all: number) => paper.progress(`${group.title}: round ${done} of ${all}`);
    const findings = await group.run({ ...bench, onRound });
    paper.progress("");
    return toReport(group, findings, ceilings);
  };
  const first = await once();
  show(first, paper);
  const past = first.verdicts.filter((verdict) => verdict.past).map(({ measure }) => measure.name);
  if (past.length === 0) return first;
  paper.line(`${past.join(", ")}: past the ceiling; once more, and that run counts`);
  const second = { ...(await once()), repeated: true };
  show(second, paper);
  return second;
}

function toReport({ title }: BenchGroup, findings: Findings, ceilings: Ceilings): GroupReport {
  const { summaries, measures, notes = [] } = findings;
  return { title, summaries, notes, verdicts: judge(measures, ceilings), repeated: false };
}

function show({ title, summaries, notes }: GroupReport, paper: Paper): void {
  const table = timingTable(summaries);
  if (table.length === 0) return;
  paper.line(`\n${title}`);
  for (const row of [...table, ...notes]) paper.line(`  ${row}`);
}
