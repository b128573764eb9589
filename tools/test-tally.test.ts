import { describe, expect, test } from "vitest";
import type { Excuse } from "./skips.ts";
import { type Ending, tally } from "./test-tally.ts";

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
    [[passed, skipped("waits", "it needs etcd")], "1 passed, 0 failed, 1 skipped"],
  ])("%#: %s", (endings, line) => {
    expect(tally(endings, undefined).lines.slice(-2)).toEqual(["", line]);
  });
});

test("a failure is told in full", () => {
  expect(tally([failed], undefined)).toEqual({
    lines: ["", "FAILED a.test.ts: deletes\nexpected 1, got 2", "", "0 passed, 1 failed"],
    failed: 1,
  });
});

describe("skips outside of CI", () => {
  const told = ["", "1 skipped:", "  a.test.ts: waits (skipped: it needs etcd)", ""];
  test.each([
    [skipped("waits", "it needs etcd"), [...told, "0 passed, 0 failed, 1 skipped"]],
    [skipped("waits (skipped: it needs etcd)"), [...told, "0 passed, 0 failed, 1 skipped"]],
    // Tests that `vitest -t` leaves out do not count.
    [skipped("waits"), ["", "0 passed, 0 failed"]],
  ])("are told with their reason, and fail nothing: %#", (skip, lines) => {
    expect(tally([skip], undefined)).toEqual({ lines, failed: 0 });
  });
});

describe("skips in CI", () => {
  const excuse: Excuse = { file: "a.test.ts", test: "waits*", reason: "nobody has one" };
  const unnamed = "and tools/skips.json does not name it";

  test.each([
    [
      "for want of root",
      skipped("waits", "it needs root"),
      `waits (skipped: it needs root)\nskipped, ${unnamed}`,
    ],
    [
      "for want of a tool, in the name",
      skipped("waits (skipped: it needs cnitool)"),
      `waits (skipped: it needs cnitool)\nskipped, ${unnamed}`,
    ],
    ["without a reason", skipped("waits"), `waits\nskipped without a reason, ${unnamed}`],
  ])("fail the run when the list does not name them: %s", (_what, skip, said) => {
    expect(tally([passed, skip], [])).toEqual({
      lines: ["", `FAILED a.test.ts: ${said}`, "", "1 passed, 1 failed"],
      failed: 1,
    });
  });

  test.each([
    ["another test", { ...excuse, test: "other" }],
    ["another file", { ...excuse, file: "b.test.ts" }],
  ])("fail the run when the list names %s", (_what, other) => {
    expect(tally([skipped("waits", "no etcd")], [other]).failed).toBeGreaterThan(0);
  });

  test("are told with both reasons when the list names them", () => {
    expect(tally([passed, skipped("waits long", "it needs etcd")], [excuse])).toEqual({
      lines: [
        "",
        "1 skipped:",
        "  a.test.ts: waits long (skipped: it needs etcd); tools/skips.json: nobody has one",
        "",
        "1 passed, 0 failed, 1 skipped",
      ],
      failed: 0,
    });
  });

  test("an entry of which nothing is skipped fails the run", () => {
    expect(tally([passed], [excuse])).toEqual({
      lines: [
        "",
        "FAILED a.test.ts: waits*\ntools/skips.json names it, and no test of that name is skipped",
        "",
        "1 passed, 1 failed",
      ],
      failed: 1,
    });
  });

  test.each([
    ["where the machine decides", { ...excuse, sometimes: "without a network" }],
    ["when its file did not run", { ...excuse, file: "b.test.ts" }],
  ])("but not %s", (_what, entry) => {
    expect(tally([passed], [entry]).failed).toBe(0);
  });
});
