import type { CaseOutcome, RunOutcome } from "../case-outcome.ts";
import { scriptOfCase } from "./reproduce.ts";
import { count } from "./summary.ts";

/** JUnit XML, as CI systems read it. A MAY and an advisory that fail are told, and are no failures. */
export function junitReport(run: RunOutcome): string {
  const failures = count(run, "fail", "MUST") + count(run, "fail", "SHOULD");
  const seconds = run.cases.reduce((sum, each) => sum + each.durationMs, 0) / 1000;
  const skipped = count(run, "not applicable") + count(run, "excluded") + count(run, "untestable");
  const head = `<testsuite name="${escapeXml(run.profile)}" tests="${run.cases.length}" failures="${failures}" errors="${count(run, "blocked")}" skipped="${skipped}" time="${seconds.toFixed(3)}">`;
  const body = run.cases.map((each) => testCase(run, each));
  return `<?xml version="1.0" encoding="UTF-8"?>\n${head}\n${body.join("\n")}\n</testsuite>\n`;
}

function testCase(run: RunOutcome, each: CaseOutcome): string {
  const { requirement, version, durationMs } = each;
  const name = `${requirement.id} ${requirement.level} ${requirement.title}`;
  const head = `  <testcase classname="${escapeXml(`${run.profile}.${version}`)}" name="${escapeXml(name)}" time="${(durationMs / 1000).toFixed(3)}">`;
  return `${head}${inner(each)}</testcase>`;
}

function inner(each: CaseOutcome): string {
  const said = escapeXml(each.findings.join("; "));
  const binding = each.requirement.level === "MUST" || each.requirement.level === "SHOULD";
  const script = escapeXml(`${each.requirement.sentence}\n\n${scriptOfCase(each).join("\n")}`);
  switch (each.verdict) {
    case "pass":
      return "";
    case "fail":
      return binding
        ? `<failure message="${said}">${script}</failure>`
        : `<system-out>${said}\n${script}</system-out>`;
    case "blocked":
      return `<error message="${said}">${script}</error>`;
    default:
      return `<skipped message="${said}"/>`;
  }
}

/** XML 1.0 has no way to write most control characters. */
function escapeXml(text: string): string {
  const printable = [...text].map((character) => (isPrintable(character) ? character : "?")).join("");
  return printable
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

function isPrintable(character: string): boolean {
  return character >= " " || ["\n", "\t", "\r"].includes(character);
}
