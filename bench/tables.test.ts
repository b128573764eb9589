import { expect, test } from "vitest";
import { judge } from "./ceilings.ts";
import { summariseAll } from "./rounds.ts";
import { timingTable, verdictTable } from "./tables.ts";

test("a value past its ceiling is marked, one without a ceiling is not", () => {
  const measures = [
    { name: "version.hawser/empty", value: 1.904, unit: "x" as const },
    { name: "version.hawser/static", value: 3.5, unit: "x" as const },
    { name: "memory.hawser-add3", value: 31.26, unit: "MB" as const },
  ];
  const ceilings = {
    "version.hawser/empty": { max: 1.7, why: "" },
    "memory.hawser-add3": { max: 48, why: "" },
  };
  expect(verdictTable(judge(measures, ceilings))).toEqual([
    "measure                   value  ceiling",
    "version.hawser/empty     1.90 x     1.70  PAST",
    "version.hawser/static    3.50 x        -",
    "memory.hawser-add3     31.26 MB    48.00    ok",
  ]);
});

test("timings show what the ratios were made of", () => {
  const costs = [20, 22, 24].map((elapsedMs) => ({ elapsedMs, cpuMs: elapsedMs / 2 }));
  expect(timingTable(summariseAll(new Map([["hawser 3 ADD", costs]])))).toEqual([
    "ms              min  median    p95    cpu  rounds",
    "hawser 3 ADD  20.00   22.00  23.80  11.00       3",
  ]);
});

test("a group without timings has no table", () => {
  expect(timingTable(new Map())).toEqual([]);
});
