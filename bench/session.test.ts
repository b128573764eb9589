import { expect, test } from "vitest";
import type { Bench } from "./bench-group.ts";
import { type GroupReport, type Paper, runGroup } from "./session.ts";

const ceilings = { "version.hawser/empty": { max: 1.7, why: "start-up" } };

/** A group that measures these values, one a run. */
async function runWith(
  values: readonly number[],
): Promise<{ report: GroupReport; said: string; runs: number }> {
  const lines: string[] = [];
  const paper: Paper = { line: (text) => lines.push(text), progress: () => {} };
  let runs = 0;
  const group = {
    title: "VERSION",
    run: async () => {
      const value = values[runs] ?? Number.NaN;
      runs += 1;
      return {
        summaries: new Map(),
        measures: [{ name: "version.hawser/empty", value, unit: "x" as const }],
      };
    },
  };
  const nothing = {} as Bench;
  const report = await runGroup(group, nothing, ceilings, paper);
  return { report, said: lines.join("\n"), runs };
}

test.each([
  ["below its ceiling: once", [1.5], 1, false, false],
  ["past it, then below: the second counts", [1.9, 1.5], 2, true, false],
  ["past it twice: past it", [1.9, 1.8], 2, true, true],
])("%s", async (_case, values, runs, repeated, past) => {
  const ran = await runWith(values);
  expect(ran.runs).toBe(runs);
  expect(ran.report.repeated).toBe(repeated);
  expect(ran.report.verdicts[0]?.past).toBe(past);
  expect(ran.said.includes("version.hawser/empty: past the ceiling; once more")).toBe(repeated);
});
