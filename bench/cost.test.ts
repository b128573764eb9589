import { expect, test } from "vitest";
import { above, ratiosOf, sumOf } from "./cost.ts";

const hawser = { elapsedMs: 30, cpuMs: 24 };
const direct = { elapsedMs: 20, cpuMs: 8 };

test("calls one after the other cost what they cost together", () => {
  expect(sumOf([hawser, direct])).toEqual({ elapsedMs: 50, cpuMs: 32 });
  expect(sumOf([])).toEqual({ elapsedMs: 0, cpuMs: 0 });
});

test("time and processor time are two ratios", () => {
  expect(ratiosOf("add3.hawser/direct", hawser, direct)).toEqual([
    { name: "add3.hawser/direct", value: 1.5, unit: "x" },
    { name: "add3.hawser/direct.cpu", value: 3, unit: "x" },
  ]);
  expect(above(hawser, direct)).toEqual({ elapsedMs: 10, cpuMs: 16 });
});
