import type { RunOutcome } from "../case-outcome.ts";
import { scriptOfCase } from "./reproduce.ts";

/** For machines: every case with all that is known of it. */
export function jsonReport(run: RunOutcome): string {
  const cases = run.cases.map((each) => ({
    id: each.requirement.id,
    level: each.requirement.level,
    section: each.requirement.section,
    sentence: each.requirement.sentence,
    title: each.requirement.title,
    ...(each.requirement.settled !== undefined && { settled: each.requirement.settled }),
    version: each.version,
    verdict: each.verdict,
    findings: each.findings,
    durationMs: each.durationMs,
    reproduce: each.script.length === 0 ? [] : scriptOfCase(each),
  }));
  const { plugin, profile, versions } = run;
  return `${JSON.stringify({ plugin, profile, versions, cases }, null, 2)}\n`;
}
