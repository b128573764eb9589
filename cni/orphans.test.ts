import { describe, expect, test } from "vitest";
import type { ProcessView } from "../sys/sys.ts";
import { collecting, findOrphans, ofContainer } from "./orphans.ts";

function view(pid: number, env: Record<string, string> | undefined): ProcessView {
  return { pid, parentPid: 1, startTicks: "1", env };
}

const add = { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", HAWSER_OPERATION: "dead" };
const gc = { CNI_COMMAND: "GC", CNI_CONTAINERID: "", HAWSER_OPERATION: "dead" };
const isAlive = (identity: string): boolean => identity === "alive";

describe("findOrphans", () => {
  test.each<[string, Record<string, string> | undefined, boolean]>([
    ["a delegate whose operation is dead", add, true],
    ["its child, which inherited its environment", { ...add, EXTRA: "1" }, true],
    ["not another container's", { ...add, CNI_CONTAINERID: "c2" }, false],
    ["not a live operation's", { ...add, HAWSER_OPERATION: "alive" }, false],
    [
      "not a plugin that the runtime itself runs for the container",
      { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1" },
      false,
    ],
    ["not one whose environment cannot be read", undefined, false],
    ["not a collection's", gc, false],
  ])("of a container: %s", (_case, env, expected) => {
    expect(findOrphans([view(7, env)], isAlive, ofContainer("c1"))).toHaveLength(expected ? 1 : 0);
  });

  test("of a collection: its delegates and nobody else's", () => {
    const views = [view(7, gc), view(8, add), view(9, { ...gc, HAWSER_OPERATION: "alive" })];
    expect(findOrphans(views, isAlive, collecting).map((each) => each.pid)).toEqual([7]);
  });
});
