import type { CaseOutcome, RunOutcome } from "../case-outcome.ts";
import type { Progress } from "../runner.ts";
import { levels } from "../vocabulary.ts";
import { scriptOfCase } from "./reproduce.ts";
import { count, type Group, groupsOf } from "./summary.ts";

/** The report for people: each failure with the sentence that it breaks and a script that shows it; then the numbers. */
export function tableReport(run: RunOutcome): string {
  const failed = groupsOf(run.cases.filter(({ verdict }) => verdict === "fail"));
  const blocked = groupsOf(run.cases.filter(({ verdict }) => verdict === "blocked"));
  const lines = [
    `${run.profile}: ${run.plugin}`,
    `versions ${run.versions.join(", ")}`,
    "",
    ...beginning(failed),
    ...levels.flatMap((level) =>
      failed.filter(({ first }) => first.requirement.level === level).flatMap((group) => failure(group)),
    ),
    ...blocked.flatMap((group) => obstacle(group)),
    ...numbers(run),
    ...untestable(run),
    ...settled(run),
  ];
  return `${lines.join("\n")}\n`;
}

/** Most probes begin with an ordinary ADD. Where that fails, the report says so first. */
function beginning(failed: readonly Group[]): string[] {
  const ordinary = failed.find(({ first }) => first.requirement.id === "P-16a");
  if (ordinary === undefined) return [];
  const { first, versions } = ordinary;
  return [`Begin with P-16a: at ${versions.join(", ")} an ordinary ${first.findings.join("; ")}`, ""];
}

function failure({ first, versions }: Group): string[] {
  const { requirement, findings } = first;
  return [
    `FAIL  ${requirement.id}  ${requirement.level}  ${requirement.title}`,
    `      SPEC.md section ${requirement.section}: ${requirement.sentence}`,
    ...findings.map((finding) => `      - ${finding}`),
    `      at ${versions.join(", ")}; alone: --only ${requirement.id} --versions ${first.version}`,
    "      by hand:",
    ...scriptOfCase(first).map((line) => `        ${line}`),
    "",
  ];
}

function obstacle({ first, versions }: Group): string[] {
  const { requirement, findings } = first;
  return [
    `BLOCKED  ${requirement.id}  ${requirement.level}  ${requirement.title}`,
    ...findings.map((finding) => `      - ${finding}`),
    `      at ${versions.join(", ")}`,
    "",
  ];
}

function numbers(run: RunOutcome): string[] {
  const row = (cells: readonly (string | number)[]) =>
    cells.map((cell) => String(cell).padStart(14)).join("");
  return [
    row(["", "pass", "fail", "blocked"]),
    ...levels.map((level) =>
      row([level, count(run, "pass", level), count(run, "fail", level), count(run, "blocked", level)]),
    ),
    "",
    `not applicable: ${count(run, "not applicable")}; excluded by the profile: ${count(run, "excluded")}`,
    ...groupsOf(run.cases.filter(({ verdict }) => verdict === "excluded")).map(
      ({ first }) => `  ${first.requirement.id}: ${first.findings.join(" ")}`,
    ),
  ];
}

/** The cases that this machine could not try, by their reasons. */
function untestable(run: RunOutcome): string[] {
  const reasons = new Map<string, string[]>();
  for (const { first } of groupsOf(run.cases.filter(({ verdict }) => verdict === "untestable"))) {
    const reason = first.findings.join(" ");
    reasons.set(reason, [...(reasons.get(reason) ?? []), first.requirement.id]);
  }
  return [...reasons].map(([reason, ids]) => `not tried, as ${reason}: ${ids.join(", ")}`);
}

/** The sentences of the specification that contradict each other, and which of them the suite applies. */
function settled(run: RunOutcome): string[] {
  const applied = run.cases.filter(({ verdict }) => verdict === "pass" || verdict === "fail");
  const texts = new Map<string, string[]>();
  for (const { requirement } of applied) {
    if (requirement.settled === undefined) continue;
    const ids = texts.get(requirement.settled) ?? [];
    if (!ids.includes(requirement.id)) ids.push(requirement.id);
    texts.set(requirement.settled, ids);
  }
  if (texts.size === 0) return [];
  const lines = [...texts].map(([text, ids]) => `  ${ids.join(", ")}: ${text}`);
  return ["", "conflicts of the specification, as settled here:", ...lines];
}

/** One line as a case ends. */
export function progressLine(outcome: CaseOutcome, { done, total }: Progress): string {
  const { requirement, version, verdict, durationMs } = outcome;
  return `${String(done).padStart(4)}/${total} ${verdict.padEnd(10)} ${requirement.id.padEnd(6)} ${version}  ${requirement.title} (${durationMs} ms)`;
}
