import type { Ledger } from "../ledger.ts";
import type { Requirement } from "../requirement.ts";
import { specVersions } from "../versions.ts";

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

/** What fails of each plugin at the newest version that was tried. */
export function resultsTable(ledgers: readonly Ledger[], levelOf: (id: string) => string): string {
  const rows = ledgers.map((ledger) => {
    const at = (verdict: string) =>
      Object.entries(ledger.outcomes)
        .filter(([, verdicts]) =>
          (verdicts as Record<string, string>)[verdict]?.split(" ").includes(newest(ledger)),
        )
        .map(([id]) => id);
    const failing = (level: string) =>
      at("fail")
        .filter((id) => levelOf(id) === level)
        .join(", ");
    const numbers = [
      at("pass").length,
      failing("MUST"),
      failing("SHOULD"),
      failing("advisory"),
      at("blocked").length,
    ];
    return row([ledger.plugin, newest(ledger), ...numbers.map(String)]);
  });
  const head = row([
    "Plugin",
    "At",
    "Pass",
    "MUST that fail",
    "SHOULD that fail",
    "Advisory",
    "Not to be tried",
  ]);
  return [head, rule(7), ...rows].join("\n");
}

function newest({ outcomes }: Ledger): string {
  const tried = new Set(
    Object.values(outcomes).flatMap((verdicts) => Object.values(verdicts).flatMap((each) => each.split(" "))),
  );
  return specVersions.findLast((version) => tried.has(version)) ?? "";
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function rule(columns: number): string {
  return `|${"---|".repeat(columns)}`;
}
