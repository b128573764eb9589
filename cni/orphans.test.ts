import { describe, expect, test } from "vitest";
import type { ProcessView } from "../sys/sys.ts";
import { findOrphans } from "./orphans.ts";

function view(pid: number, parentPid: number, env: Record<string, string> = {}): ProcessView {
  return { pid, parentPid, startTicks: "1", env };
}

const add = { CNI_CONTAINERID: "c1", CNI_IFNAME: "net1" };
const us = 100;

function found(views: ProcessView[], alive: number[] = []): number[] {
  const all = [view(1, 0), view(50, 1), view(us, 50, { ...add, CNI_IFNAME: "eth0" }), ...views];
  const search = { containerId: "c1", ifnames: ["eth0", "net1"], alive };
  return findOrphans(all, us, search).map((each) => each.pid);
}

describe("findOrphans", () => {
  test.each<[string, ProcessView[], number[], number[]]>([
    ["a delegate that init has adopted", [view(200, 1, add)], [], [200]],
    ["its child, which inherited its environment", [view(200, 1, add), view(201, 200, add)], [], [200, 201]],
    ["not another container's", [view(200, 1, { ...add, CNI_CONTAINERID: "c2" })], [], []],
    [
      "not another interface's (the runtime's loopback)",
      [view(200, 1, { ...add, CNI_IFNAME: "lo" })],
      [],
      [],
    ],
    ["not our own children", [view(200, us, add)], [], []],
    ["not a live operation that waits for the lock", [view(300, 50, add)], [300], []],
    ["not a live operation's delegates", [view(300, 50, add), view(301, 300, add)], [300], []],
    ["not the meta-plugin above us", [view(300, 299, add), view(299, 1, add)], [300], []],
    ["not a process whose environment cannot be read", [{ ...view(200, 1), env: undefined }], [], []],
  ])("%s", (_case, views, alive, expected) => {
    expect(found(views, alive)).toEqual(expected);
  });
});
