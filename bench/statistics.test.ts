import { describe, expect, test } from "vitest";
import { median, quantile, summarise } from "./statistics.ts";

describe("median", () => {
  test.each([
    ["one value", [3], 3],
    ["an odd number, unsorted", [9, 1, 5], 5],
    ["an even number: between the two", [4, 1, 3, 2], 2.5],
    ["numbers, not texts", [100, 9, 20], 20],
    ["an outlier moves nothing", [1, 1, 1, 1, 1000], 1],
  ])("%s", (_case, series, expected) => {
    expect(median(series)).toBe(expected);
  });

  test("of nothing is a bug", () => {
    expect(() => median([])).toThrow("a quantile of nothing");
  });
});

test("quantile interpolates", () => {
  expect(quantile([0, 10], 0.95)).toBeCloseTo(9.5);
});

test("summarise leaves the series as it was", () => {
  const series = [3, 1, 2];
  expect(summarise(series)).toEqual({ count: 3, minMs: 1, medianMs: 2, p95Ms: 2.9 });
  expect(series).toEqual([3, 1, 2]);
});
