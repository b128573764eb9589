import { describe, expect, test } from "vitest";
import ceilings from "./ceilings.json" with { type: "json" };
import { judge, type Measure, unmeasured } from "./ceilings.ts";

const limit = { "version.hawser/empty": { max: 1.7, why: "start-up" } };

function measured(value: number, name = "version.hawser/empty"): Measure {
  return { name, value, unit: "x" };
}

describe("judge", () => {
  test.each([
    ["below its ceiling", measured(1.2), false],
    ["just at its ceiling", measured(1.7), false],
    ["past its ceiling", measured(1.701), true],
    ["not a number", measured(Number.NaN), true],
    ["without a ceiling", measured(99, "version.static/empty"), false],
  ])("%s", (_case, measure, past) => {
    expect(judge([measure], limit).map((verdict) => verdict.past)).toEqual([past]);
  });
});

test("a ceiling that nothing was measured for is told", () => {
  expect(unmeasured(judge([measured(1)], limit), { ...limit, "add3/typo": { max: 1, why: "" } })).toEqual([
    "add3/typo",
  ]);
});

test("every ceiling of the repository says why", () => {
  const silent = Object.entries(ceilings).filter(([, { max, why }]) => !(max > 0) || why.length < 20);
  expect(silent).toEqual([]);
});
