import { expect, test } from "vitest";
import { parseDurationMs } from "./duration.ts";

test.each<[string, number | undefined]>([
  ["0", 0],
  ["90s", 90_000],
  ["1h30m", 5_400_000],
  ["1.5s", 1500],
  ["250ms", 250],
  ["24h", 86_400_000],
  ["", undefined],
  ["90", undefined],
  ["s", undefined],
  ["-1s", undefined],
  ["1s ", undefined],
  ["1d", undefined],
])("%j is %j ms", (text, expected) => {
  expect(parseDurationMs(text)).toBe(expected);
});
