import { describe, expect, test } from "vitest";
import { must } from "../../sys/outcome-testing.ts";
import { assignDevices, resourceOf } from "./assign.ts";

const pod = { namespace: "blue", name: "p" };
const devices = {
  source: "/kubelet.sock",
  byResource: new Map([
    ["v/nic", ["a", "b"]],
    ["v/dpu", ["a"]],
  ]),
};
const need = (network: string, resource?: string) => ({ network, resource });

describe("devices go to networks in order", () => {
  test.each([
    ["two networks of one resource get different ones", ["v/nic", "v/nic"], ["v/nic a", "v/nic b"]],
    ["one ID in two resources is two devices", ["v/dpu", "v/nic"], ["v/dpu a", "v/nic a"]],
    [
      "networks without a resource get none, and take none",
      [undefined, "v/nic", undefined, "v/nic"],
      [undefined, "v/nic a", undefined, "v/nic b"],
    ],
    ["no networks", [], []],
  ])("%s", (_case, resources, expected) => {
    const outcome = must(
      assignDevices(
        resources.map((resource, index) => need(`blue/n${index}`, resource)),
        devices,
        pod,
      ),
    );
    expect(outcome.map((each) => each && `${each.resource} ${each.id}`)).toEqual(expected);
  });
});

test("one more than there are is an error that tells which, how many there are and how many are needed", () => {
  const outcome = assignDevices(
    ["x", "y", "z"].map((name) => need(name, "v/nic")),
    devices,
    pod,
  );
  expect(outcome).toMatchObject({
    ok: false,
    error: {
      code: 103,
      id: "device.none",
      msg: 'assign devices to the networks of pod blue/p: no device of "v/nic" is left for z',
      details: expect.stringContaining(
        'need 3; the kubelet has assigned it 2 ("a", "b"), says /kubelet.sock.',
      ),
    },
  });
});

test("a resource that the pod has not requested is an error", () => {
  const outcome = assignDevices([need("x", "v/other")], devices, pod);
  expect(outcome).toMatchObject({
    ok: false,
    error: { id: "device.none", details: expect.stringContaining("has assigned it none") },
  });
});

test.each([
  [{ "k8s.v1.cni.cncf.io/resourceName": "v/nic" }, "v/nic"],
  [{ "k8s.v1.cni.cncf.io/resourceName": " v/nic " }, "v/nic"],
  [{ "k8s.v1.cni.cncf.io/resourceName": "" }, undefined],
  [{ other: "v/nic" }, undefined],
])("the resource of %o is %s", (annotations, resource) => {
  expect(resourceOf(annotations as Record<string, string>)).toBe(resource);
});
