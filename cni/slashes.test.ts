import { expect, test } from "vitest";
import { withoutTrailingSlashes } from "./slashes.ts";

test.each([
  ["/var/lib/cni", "/var/lib/cni"],
  ["/var/lib/cni///", "/var/lib/cni"],
  ["///", ""],
  ["", ""],
  ["a/b", "a/b"],
])("%s: %s", (text, shorter) => {
  expect(withoutTrailingSlashes(text)).toBe(shorter);
});

test("a long text of slashes with another character behind it ends within the test's time", () => {
  const long = `${"/".repeat(2_000_000)}x`;
  expect(withoutTrailingSlashes(long)).toBe(long);
});
