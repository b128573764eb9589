import { describe, expect, test } from "vitest";
import { type Ending, tally } from "./tally.ts";

const passed: Ending = { file: "a.test.ts", name: "adds", state: "passed", errors: [], note: undefined };
const failed: Ending = { ...passed, name: "deletes", state: "failed", errors: ["expected 1, got 2"] };

function skipped(name: string, note?: string): Ending {
  return { ...passed, name, state: "skipped", note };
}

describe("the last line", () => {
  test.each([
    [[], "0 passed, 0 failed"],
    [[passed, passed], "2 passed, 0 failed"],
    [[passed, failed], "1 passed, 1 failed"],
    [[passed, skipped("waits", "it needs etcd")], "1 passed, 0 failed"],
  ])("%#: %s", (endings, line) => {
    expect(tally(endings, false).lines.slice(-2)).toEqual(["", line]);
  });
});

test("a failure is told in full", () => {
  expect(tally([failed], false)).toEqual({
    lines: ["", "FAILED a.test.ts: deletes\nexpected 1, got 2", "", "0 passed, 1 failed"],
    failed: 1,
  });
});

describe("skips", () => {
  test.each([
    [skipped("waits", "it needs etcd"), ["", "1 skipped:", "  a.test.ts: waits (skipped: it needs etcd)"]],
    [
      skipped("waits (skipped: it needs etcd)"),
      ["", "1 skipped:", "  a.test.ts: waits (skipped: it needs etcd)"],
    ],
    // What `vitest -t` leaves out is of no interest.
    [skipped("waits"), []],
  ])("told with their reason: %#", (skip, lines) => {
    expect(tally([skip], false).lines).toEqual([...lines, "", "0 passed, 0 failed"]);
  });

  test.each([
    ["for want of root", skipped("waits", "it needs root"), 1],
    ["for want of root, in the name", skipped("waits (skipped: it needs root, etcd)"), 1],
    ["without a reason", skipped("waits"), 1],
    ["for want of a tool", skipped("waits", "it needs cnitool"), 0],
    ["root in the name of the test only", skipped("the root of all (skipped: it needs Go)"), 0],
  ])("in CI: %s", (_what, skip, failures) => {
    expect(tally([skip], true).failed).toBe(failures);
    expect(tally([skip], false).failed).toBe(0);
  });
});
