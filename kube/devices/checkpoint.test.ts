import fc from "fast-check";
import { expect, test } from "vitest";
import { checkpointText } from "../../tools/testbed/fake-kubelet.ts";
import { readCheckpoint, readRegistered } from "./checkpoint.ts";

const nic = "vendor.com/nic";

test.each([
  ["lists by NUMA node", { "0": ["a", "b"], "1": ["c"] }, ["a", "b", "c"]],
  ["a node that is none: no topology", { "-1": ["a"] }, ["a"]],
  ["a NUMA node without devices", { "0": null, "1": ["c"] }, ["c"]],
  ["one list, before Kubernetes 1.20", ["a", "b"], ["a", "b"]],
  ["no devices", {}, []],
  ["null", null, []],
])("%s", (_case, DeviceIDs, deviceIds) => {
  const text = checkpointText([
    { PodUID: "other", ResourceName: nic, DeviceIDs: { "0": ["x"] } },
    { PodUID: "u1", ResourceName: nic, DeviceIDs },
  ]);
  expect(readCheckpoint(text, "u1")).toEqual({ ok: true, value: [[{ resource: nic, deviceIds }]] });
});

test("one list a container, in the file's order, though a container's resources are apart", () => {
  const of = (ContainerName: string, ResourceName: string, id: string) => ({
    ...{ PodUID: "u1", ContainerName, ResourceName },
    DeviceIDs: { "0": [id] },
  });
  const text = checkpointText([of("z", nic, "1"), of("a", nic, "2"), of("z", "v/gpu", "3")]);
  const gpu = { resource: "v/gpu", deviceIds: ["3"] };
  expect(readCheckpoint(text, "u1")).toEqual({
    ok: true,
    value: [[{ resource: nic, deviceIds: ["1"] }, gpu], [{ resource: nic, deviceIds: ["2"] }]],
  });
});

test("a pod that is not in it has nothing; a broken entry of another pod does not matter", () => {
  const text = checkpointText([{ PodUID: "other", DeviceIDs: 7 }]);
  expect(readCheckpoint(text, "u1")).toEqual({ ok: true, value: [] });
  expect(readCheckpoint('{"Data":{"PodDeviceEntries":null}}', "u1")).toEqual({ ok: true, value: [] });
});

test.each([
  ["nothing", "", "it is not JSON"],
  ["an array", "[]", "it has no Data"],
  ["an old kubelet's other file", "{}", "it has no Data"],
  ["entries that are none", '{"Data":{"PodDeviceEntries":{}}}', "PodDeviceEntries is an object"],
  ["an ID that is a number", checkpointText([{ PodUID: "u1", ResourceName: nic, DeviceIDs: [1] }]), "[0]"],
  [
    "a list that is text",
    checkpointText([{ PodUID: "u1", ResourceName: nic, DeviceIDs: { "0": 4 } }]),
    "[0]",
  ],
  ["no resource", checkpointText([{ PodUID: "u1", DeviceIDs: {} }]), "[0]"],
])("%s is refused", (_case, text, why) => {
  expect(readCheckpoint(text, "u1")).toMatchObject({ ok: false, error: expect.stringContaining(why) });
});

test("the resources that device plugins have registered", () => {
  const text = checkpointText([], { "v/nic": ["a", "b"], "v/dpu": null });
  expect(readRegistered(text)).toEqual({ ok: true, value: new Set(["v/nic", "v/dpu"]) });
  expect(readRegistered('{"Data":{}}')).toEqual({ ok: false, error: "it has no RegisteredDevices" });
  expect(readRegistered("{")).toMatchObject({ ok: false });
});

test("no JSON makes it throw", () => {
  const entry = fc.record({
    PodUID: fc.constant("u1"),
    ResourceName: fc.jsonValue(),
    DeviceIDs: fc.jsonValue(),
  });
  fc.assert(
    fc.property(fc.array(fc.oneof(entry, fc.jsonValue())), (entries) => {
      readCheckpoint(JSON.stringify({ Data: { PodDeviceEntries: entries } }), "u1");
    }),
  );
});
