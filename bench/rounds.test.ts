import { expect, test } from "vitest";
import { type Contender, medianOf, summariseAll, takeTurns } from "./rounds.ts";

function recorder(name: string, log: string[], durations: (index: number) => number): Contender {
  return {
    name,
    round: (index) => {
      log.push(name);
      return { [`${name} ADD`]: { elapsedMs: durations(index), cpuMs: index } };
    },
  };
}

test("candidates take turns, and each starts a round as often as the other", () => {
  const log: string[] = [];
  const ab = [recorder("a", log, () => 1), recorder("b", log, () => 2)];
  takeTurns(ab, 1, () => {});
  expect(log.join("")).toBe("abbaabba");
});

test("warm-up rounds are not counted", () => {
  const slowAtFirst = recorder("a", [], (index) => (index < 3 ? 1000 : index));
  const costs = takeTurns([slowAtFirst], 3, () => {}).get("a ADD");
  expect(costs?.map(({ elapsedMs }) => elapsedMs)).toEqual([3, 4, 5]);
});

test("every round is told of, warm-ups included", () => {
  const told: string[] = [];
  takeTurns([recorder("a", [], () => 1)], 1, (done, all) => told.push(`${done}/${all}`));
  expect(told).toEqual(["1/4", "2/4", "3/4", "4/4"]);
});

test("the median of what was never measured is a bug", () => {
  expect(() => medianOf(summariseAll(new Map([["a", [{ elapsedMs: 1, cpuMs: 1 }]]])), "b")).toThrow(
    "under the name b",
  );
});
