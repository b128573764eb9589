import { describe, expect, test } from "vitest";
import type { Chain } from "../../../cni/chain.ts";
import type { JsonObject } from "../../../cni/json.ts";
import { collections, type RecordOnDisk, stale } from "./gc-plan.ts";

function chain(name: string, more: JsonObject = {}): Chain {
  return {
    cniVersion: "1.1.0",
    name,
    disableCheck: false,
    disableGC: false,
    plugins: [{ type: "bridge", name, cniVersion: "1.1.0", ...more }],
  };
}

/** A recorded container, with its networks by interface name. */
function held(
  network: string,
  containerId: string,
  interfaces: Record<string, Chain> | undefined,
): RecordOnDisk {
  const carried = Object.entries(interfaces ?? {}).map(([ifname, each]) => ({
    step: {
      role: ifname === "eth0" ? ("primary" as const) : ("secondary" as const),
      network: "n",
      ifname,
      chain: each,
    },
    result: undefined,
  }));
  const key = { network, containerId, ifname: "eth0" };
  const about = {
    phase: "committed" as const,
    netns: "",
    args: "",
    path: [],
    pod: undefined,
    parallel: false,
    sinceMs: 0,
  };
  return {
    key,
    path: `/s/${network}/${containerId}@eth0.json`,
    isTorn: interfaces === undefined,
    record: interfaces && { ...about, ...key, reported: "merged", carried },
  };
}

/** The record with a device in every secondary. The device's ID is in the configuration of each plugin. */
function withDevice(each: RecordOnDisk, id: string): RecordOnDisk {
  const carried = (each.record?.carried ?? []).map(({ step, result }) => {
    if (step.role === "primary") return { step, result };
    const plugins = step.chain.plugins.map((plugin) => ({ ...plugin, deviceID: id, pciBusID: id }));
    return {
      step: { ...step, chain: { ...step.chain, plugins }, device: { resource: "v/nic", id } },
      result,
    };
  });
  return { ...each, record: each.record && { ...each.record, carried } };
}

const pods = chain("pods");
const storage = chain("storage");
const a = held("pods", "a", { eth0: pods, net1: storage });
const b = held("pods", "b", { eth0: pods, net1: storage });
const other = held("elsewhere", "x", { eth0: chain("else"), net1: storage });
const listsA = [{ containerID: "a", ifname: "eth0" }];

describe("stale", () => {
  test.each([
    ["what the runtime does not list", [a, b], listsA, ["b"]],
    ["everything when the list is empty", [a, b], [], ["a", "b"]],
    ["never another network's", [a, other], listsA, []],
    ["a container listed under another interface", [a], [{ containerID: "a", ifname: "eth1" }], ["a"]],
    ["an unreadable record, by its file name", [held("pods", "t", undefined)], listsA, ["t"]],
  ])("%s", (_case, all, valid, expected) => {
    expect(stale(all, "pods", valid).map((each) => each.key.containerId)).toEqual(expected);
  });
});

describe("collections", () => {
  test("attachments with different devices are of one network", () => {
    const attached = [a, b].map((each, index) => withDevice(each, `0000:01:00.${index}`));
    const { run } = collections({ ...input, everyPods: [], live: attached, own: attached });
    expect(run.map(({ chain: each }) => each)).toEqual([pods, storage]);
    expect(run.map(({ valid }) => valid.length)).toEqual([2, 2]);
  });

  const input = {
    primary: pods,
    everyPods: [pods],
    live: [a],
    own: [a, b],
    network: "pods",
    runtimeList: listsA,
  };

  /** The same of a node where hawser is chained, with this record alone. */
  const collectionsOfChained = (record: RecordOnDisk) =>
    collections({ ...input, primary: undefined, everyPods: [], live: [record], own: [record] });

  test("whoever attached a pod, its network is collected once, by the plugin that would be run now", () => {
    const now = { ...chain("a"), native: ["bridge"] };
    const own = [held("pods", "c", { eth0: chain("a") })];
    const input = { primary: undefined, everyPods: [now], live: own, own, network: "pods", runtimeList: [] };
    const { run } = collections(input);
    expect(run.map((each) => each.chain.native)).toEqual([["bridge"]]);
  });

  test("expands the runtime's list to the container's other attachments", () => {
    const { run, skipped } = collections(input);
    expect(run.map((each) => [each.chain.name, each.valid])).toEqual([
      ["pods", [{ containerID: "a", ifname: "eth0" }]],
      ["storage", [{ containerID: "a", ifname: "net1" }]],
    ]);
    expect(skipped).toEqual([]);
  });

  test("a network shared with another of ours keeps what that one has in it", () => {
    const { run } = collections({ ...input, live: [a, other] });
    expect(run.find((each) => each.chain.name === "storage")?.valid).toEqual([
      { containerID: "a", ifname: "net1" },
      { containerID: "x", ifname: "net1" },
    ]);
  });

  test("a network that only a gone container had is still collected, with nothing valid", () => {
    const gone = held("pods", "g", { eth0: pods, net1: chain("rare") });
    const { run } = collections({ ...input, own: [a, gone] });
    expect(run.find((each) => each.chain.name === "rare")?.valid).toEqual([]);
  });

  test("two pods that asked one network for different things are one network", () => {
    const asked = held("pods", "c", {
      eth0: pods,
      net1: chain("storage", { args: { cni: { x: 1 } }, runtimeConfig: {} }),
    });
    const { run } = collections({ ...input, own: [a, asked] });
    expect(run.map((each) => each.chain.name)).toEqual(["pods", "storage"]);
  });

  test.each([
    ["a listed container without a record", [a], [...listsA, { containerID: "before-us", ifname: "eth0" }]],
    [
      "a live record that cannot be read",
      [a, held("pods", "t", undefined)],
      [...listsA, { containerID: "t", ifname: "eth0" }],
    ],
  ])("%s: its secondaries are unknown, so only the primary is collected", (_case, live, runtimeList) => {
    const { run, skipped } = collections({ ...input, live, runtimeList });
    expect(run.map((each) => each.chain.name)).toEqual(["pods"]);
    expect(run[0]?.valid).toEqual(runtimeList);
    expect(skipped).toEqual(["storage"]);
  });

  test("chained: a secondary that bears the runtime's network's name shares its addresses with the primary", () => {
    const chained = held("pods", "a", { net1: pods });
    const { run } = collectionsOfChained(chained);
    expect(run.map((each) => [each.chain.name, each.valid])).toEqual([
      ["pods", [{ containerID: "a", ifname: "net1" }, ...listsA]],
    ]);
  });

  test("chained: there is no primary of ours to collect", () => {
    const chained = held("pods", "a", { net1: storage });
    const { run } = collectionsOfChained(chained);
    expect(run.map((each) => each.chain.name)).toEqual(["storage"]);
  });
});
