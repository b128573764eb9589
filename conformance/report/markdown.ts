import type { Ledger } from "../ledger.ts";
import type { Verdict } from "../outcome.ts";
import type { Requirement } from "../requirement.ts";

/** The tables of docs/conformance.md, which a test compares with what stands there. */

/** `proven`: how a wrong plugin shows that the requirement finds it; undefined is unproven. */
export function requirementsTable(
  requirements: readonly Requirement[],
  proven: (id: string) => string | undefined,
): string {
  const rows = requirements.map(({ id, level, title, section, since, kinds, needs = [], settled }) => {
    const all = kinds.length === 4 ? "all" : kinds.join(", ");
    const needed = needs.length === 0 ? "" : ` (${needs.join(", ")})`;
    const what = settled === undefined ? title : `${title}. *${settled}*`;
    return row([id, level, what, section, since ?? "", `${all}${needed}`, proven(id) ?? "**unproven**"]);
  });
  return [
    row(["Id", "Level", "What is expected", "SPEC.md", "Since", "Kinds (needs)", "Mutant"]),
    rule(7),
    ...rows,
  ].join("\n");
}

/** What fails of each plugin at any of the versions that were tried. */
export function resultsTable(ledgers: readonly Ledger[], levelOf: (id: string) => string): string {
  const rows = ledgers.map(({ plugin, outcomes }) => {
    const having = (verdict: Verdict) =>
      Object.entries(outcomes)
        .filter(([, verdicts]) => verdicts[verdict] !== undefined)
        .map(([id]) => id);
    const failing = having("fail");
    const at = (level: string) => failing.filter((id) => levelOf(id) === level).join(", ");
    const passing = having("pass").filter((id) => !failing.includes(id)).length;
    return row([
      plugin,
      String(passing),
      at("MUST"),
      at("SHOULD"),
      at("advisory"),
      having("blocked").join(", "),
      having("untestable").length === 0 ? "" : String(having("untestable").length),
    ]);
  });
  const failing = ["MUST", "SHOULD", "Advisory"].map((level) => `${level} that fail`);
  const head = row(["Plugin", "Pass", ...failing, "Blocked", "Untestable"]);
  return [head, rule(7), ...rows].join("\n");
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function rule(columns: number): string {
  return `|${"---|".repeat(columns)}`;
}
