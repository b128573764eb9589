import { expect, test } from "vitest";
import { metaConfig } from "../../../plugins/meta/meta-testing.ts";
import { createFake } from "../../../sys/fake.ts";
import { checkDevices } from "./check-devices.ts";

const socket = "/kubelet/pod-resources/kubelet.sock";
const checkpoint = "/kubelet/device-plugins/kubelet_internal_checkpoint";

function definition(resource?: string): string {
  const annotations = resource === undefined ? {} : { "k8s.v1.cni.cncf.io/resourceName": resource };
  const spec = { config: '{"type":"sriov"}' };
  return JSON.stringify({ kind: "NetworkAttachmentDefinition", metadata: { annotations }, spec });
}

const two = { "/d/blue/a.json": definition("v/nic"), "/d/red/b.json": definition("v/nic") };

test.each([
  ["no definitions", {}, []],
  ["no definition with a resource", { "/d/blue/a.json": definition() }, []],
  ["a definition that cannot be read", { "/d/blue/a.json": "{" }, []],
  [
    "a kubelet",
    { ...two, [socket]: "" },
    ["ok v/nic: the kubelet is asked on /kubelet/pod-resources/kubelet.sock"],
  ],
  [
    "a checkpoint only",
    { ...two, [checkpoint]: "" },
    ["warning definitions name v/nic, and there is no socket /kubelet/pod-resources/kubelet.sock"],
  ],
  [
    "nobody to ask",
    { ...two, "/d/red/c.json": definition("v/dpu") },
    ["problem definitions name v/nic, v/dpu, and there is no socket /kubelet/pod-resources/kubelet.sock"],
  ],
])("%s", (_case, files, expected) => {
  const findings = checkDevices(createFake({ files }).sys, metaConfig());
  expect(findings.map(({ level, what }) => `${level} ${what}`)).toEqual(expected);
  for (const { area, level, todo } of findings) {
    expect(area).toBe("devices");
    expect(todo.includes('"kubeletDir" (/kubelet)')).toBe(level !== "ok");
  }
});
