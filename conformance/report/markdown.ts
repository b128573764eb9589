import type { Verdict } from "../case-outcome.ts";
import type { Ledger } from "../ledger.ts";
import type { Requirement } from "../requirement.ts";
import { compareIds } from "../requirements/all.ts";
import { specVersions } from "../versions.ts";

const newest = "1.1.0";

/** The tables of docs/conformance.md. A test compares them with the page. */

/** `proven`: how a wrong plugin shows that the requirement finds it; undefined is unproven. */
export function requirementsTable(
  requirements: readonly Requirement[],
  proven: (id: string) => string | undefined,
): string {
  const rows = requirements.map(({ id, level, title, section, since, until, kinds, needs = [], settled }) => {
    const versions = until === undefined ? (since ?? "") : `${since ?? ""} to ${until}`.trim();
    const all = kinds.length === 4 ? "all" : kinds.join(", ");
    const needed = needs.length === 0 ? "" : ` (${needs.join(", ")})`;
    const what = settled === undefined ? title : `${title}. *${settled}*`;
    return row([id, level, what, section, versions, `${all}${needed}`, proven(id) ?? "**unproven**"]);
  });
  return [
    row(["Id", "Level", "What is expected", "SPEC.md", "Since", "Kinds (needs)", "Mutant"]),
    rule(7),
    ...rows,
  ].join("\n");
}

/** For each plugin its outcomes at the newest version, and the cases that fail only at older ones. */
export function resultsTable(ledgers: readonly Ledger[], levelOf: (id: string) => string): string {
  const rows = ledgers.map(({ plugin, outcomes, varies = {} }) => {
    const having = (verdict: Verdict, at = newest) =>
      Object.entries(outcomes)
        .filter(([, verdicts]) => verdicts[verdict]?.split(" ").includes(at) === true)
        .map(([id]) => id);
    const failing = having("fail");
    const of = (level: string) => failing.filter((id) => levelOf(id) === level).join(", ");
    const sometimes = new Set(specVersions.flatMap((version) => having("fail", version)));
    const older = [...sometimes].filter((id) => !failing.includes(id)).sort(compareIds);
    const [untestable, blocked] = [having("untestable").length, having("blocked").join(", ")];
    return row([
      ...[plugin, String(having("pass").length), of("MUST"), of("SHOULD"), of("advisory")],
      ...[blocked, untestable === 0 ? "" : String(untestable), older.join(", ")],
      Object.keys(varies).join(", "),
    ]);
  });
  const failing = ["MUST", "SHOULD", "Advisory"].map((level) => `${level} that fail`);
  const head = row([
    "Plugin",
    "Pass",
    ...failing,
    "Blocked",
    "Untestable",
    "Fail at older versions only",
    "Varies",
  ]);
  return [head, rule(9), ...rows].join("\n");
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function rule(columns: number): string {
  return `|${"---|".repeat(columns)}`;
}
