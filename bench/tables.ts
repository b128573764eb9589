import type { Judgement } from "./ceilings.ts";
import type { Summaries } from "./rounds.ts";

/** Costs for people: what the ratios were made of. */
export function timingTable(summaries: Summaries): string[] {
  const rows = [...summaries].map(([name, { elapsed, cpu }]) => [
    name,
    elapsed.minMs.toFixed(2),
    elapsed.medianMs.toFixed(2),
    elapsed.p95Ms.toFixed(2),
    cpu.medianMs.toFixed(2),
    String(elapsed.count),
  ]);
  return rows.length === 0 ? [] : align([["ms", "min", "median", "p95", "cpu", "rounds"], ...rows]);
}

export function verdictTable(verdicts: readonly Judgement[]): string[] {
  const rows = verdicts.map(({ measure, ceiling, past }) => {
    const limit = ceiling === undefined ? ["-", ""] : [ceiling.max.toFixed(2), past ? "PAST" : "ok"];
    return [measure.name, `${measure.value.toFixed(2)} ${measure.unit}`, ...limit];
  });
  return align([["measure", "value", "ceiling", ""], ...rows]);
}

/** The first column to the left, the others to the right. */
function align(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
}
