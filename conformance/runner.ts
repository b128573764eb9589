import { whyNotApplicable } from "./applies.ts";
import type { CaseOutcome, RunOutcome, Verdict } from "./case-outcome.ts";
import { listOf } from "./json-document.ts";
import type { Machine } from "./machine.ts";
import { oneDocument } from "./oracle.ts";
import type { Requirement } from "./requirement.ts";
import { Blocked, call, makeScene, NotApplicable, prepareScene, type Subject, Untestable } from "./scene.ts";
import { isSpecVersion, type SpecVersion, specVersions } from "./versions.ts";

export interface SuiteRun {
  readonly subject: Subject;
  readonly requirements: readonly Requirement[];
  /** Undefined stands for all versions that the plugin advertises. */
  readonly versions?: readonly SpecVersion[] | undefined;
  /** Cases at once; more than there are processors, since most of a case is waiting for the kernel. */
  readonly parallel: number;
  readonly makeMachine: () => Promise<Machine>;
  readonly onCase: (outcome: CaseOutcome, progress: Progress) => void;
}

/** How many of all cases have ended. */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

/** Tries every requirement at every version. */
export async function runSuite(request: SuiteRun): Promise<RunOutcome> {
  const { subject, requirements, parallel, onCase } = request;
  const versions = request.versions ?? (await advertisedVersions(request));
  const cases = versions.flatMap((version) => requirements.map((requirement) => ({ requirement, version })));
  const outcomes: (CaseOutcome | undefined)[] = cases.map(() => undefined);
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < cases.length; at = next++) {
      const one = cases[at];
      if (one === undefined) return;
      const outcome = await runCase(request, one.requirement, one.version);
      outcomes[at] = outcome;
      onCase(outcome, { done: ++done, total: cases.length });
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  const ended = outcomes.filter((outcome) => outcome !== undefined);
  return { plugin: subject.plugin, profile: subject.profile.name, versions, cases: ended };
}

/** The versions that the plugin says it supports. A plugin that does not answer VERSION is tried only at the newest one. */
export async function advertisedVersions({
  subject,
  makeMachine,
}: SuiteRun): Promise<readonly SpecVersion[]> {
  const machine = await makeMachine();
  try {
    const { stdout } = await call(makeScene(subject, "1.0.0", machine), "VERSION");
    const said = listOf(oneDocument(stdout).document?.supportedVersions).filter(isSpecVersion);
    return said.length > 0 ? said : specVersions.slice(-1);
  } finally {
    await machine.close();
  }
}

async function runCase(
  request: SuiteRun,
  requirement: Requirement,
  version: SpecVersion,
): Promise<CaseOutcome> {
  const { subject, makeMachine } = request;
  const { profile } = subject;
  const settle = (
    verdict: Verdict,
    findings: readonly string[],
    more: Partial<CaseOutcome> = {},
  ): CaseOutcome => ({
    requirement,
    version,
    verdict,
    findings,
    script: [],
    durationMs: 0,
    ...more,
  });
  const why = whyNotApplicable(requirement, profile, version);
  if (why !== undefined) return settle("not applicable", [why]);
  const excluded = profile.exclude?.[requirement.id];
  if (excluded !== undefined) return settle("excluded", [excluded]);
  const startMs = performance.now();
  const machine = await makeMachine();
  try {
    const { verdict, findings } = await tryProbe(requirement, subject, version, machine);
    const script = verdict === "pass" ? [] : [...machine.journal];
    return settle(verdict, findings, { script, durationMs: Math.round(performance.now() - startMs) });
  } finally {
    await machine.close();
  }
}

async function tryProbe(
  requirement: Requirement,
  subject: Subject,
  version: SpecVersion,
  machine: Machine,
): Promise<{ verdict: Verdict; findings: readonly string[] }> {
  const scene = makeScene(subject, version, machine);
  try {
    await prepareScene(scene);
    await requirement.probe(scene);
  } catch (error) {
    // Findings stay, also when the probe could not come to its end.
    if (scene.findings.length > 0) return { verdict: "fail", findings: scene.findings };
    if (error instanceof NotApplicable) return { verdict: "not applicable", findings: [error.message] };
    if (error instanceof Untestable) return { verdict: "untestable", findings: [error.message] };
    const why = error instanceof Blocked ? error.message : `the suite itself failed: ${String(error)}`;
    return { verdict: "blocked", findings: [why] };
  }
  return { verdict: scene.findings.length > 0 ? "fail" : "pass", findings: scene.findings };
}
