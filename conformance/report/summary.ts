import type { CaseOutcome, RunOutcome, Verdict } from "../case-outcome.ts";
import type { Level } from "../vocabulary.ts";

/** Exit statuses, by the gravest of what was found. */
export const exitCodes = {
  fine: 0,
  must: 1,
  usage: 2,
  should: 3,
  unexpected: 4,
  blocked: 5,
  untestable: 6,
} as const;

export function count(run: RunOutcome, verdict: Verdict, level?: Level): number {
  return run.cases.filter(
    (each) => each.verdict === verdict && (level === undefined || each.requirement.level === level),
  ).length;
}

/** A MAY and an advisory never fail a run. */
export function exitCodeOf(run: RunOutcome): number {
  if (count(run, "fail", "MUST") > 0) return exitCodes.must;
  if (count(run, "fail", "SHOULD") > 0) return exitCodes.should;
  const some = (verdict: Verdict) => count(run, verdict, "MUST") + count(run, verdict, "SHOULD") > 0;
  if (some("blocked")) return exitCodes.blocked;
  return some("untestable") ? exitCodes.untestable : exitCodes.fine;
}

/** Cases of one requirement that came out alike, so that a fault at seven versions is told once. */
export interface Group {
  readonly first: CaseOutcome;
  readonly versions: readonly string[];
}

export function groupsOf(cases: readonly CaseOutcome[]): Group[] {
  const groups = new Map<string, { first: CaseOutcome; versions: string[] }>();
  for (const each of cases) {
    const key = `${each.requirement.id} ${each.verdict}`;
    const group = groups.get(key) ?? { first: each, versions: [] };
    group.versions.push(each.version);
    groups.set(key, group);
  }
  return [...groups.values()];
}
