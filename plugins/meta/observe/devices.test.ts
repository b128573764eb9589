import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../cni/json.ts";
import type { PodIdentity } from "../../../kube/pod.ts";
import type { NetworkRequest } from "../../../kube/request.ts";
import { createFake } from "../../../sys/fake.ts";
import { must } from "../../../sys/outcome-testing.ts";
import { checkpointText } from "../../../tools/testbed/fake-kubelet.ts";
import { metaConfig } from "../meta-testing.ts";
import { plan } from "../plan/plan.ts";
import { select } from "../plan/select.ts";
import { assignDevices } from "./devices.ts";
import type { Wanted } from "./wanted.ts";

const nic = "vendor.com/nic";
const pod = { namespace: "blue", name: "p", uid: "u1" };
const info = { type: "pci", version: "1.1.0", pci: { "pci-address": "0000:01:00.1" } };
const files = {
  "/kubelet/device-plugins/kubelet_internal_checkpoint": checkpointText(
    [{ PodUID: "u1", ResourceName: nic, DeviceIDs: { "0": ["0000:01:00.2", "0000:01:00.1"] } }],
    { "vendor.com/gpu": ["g"] },
  ),
  "/devinfo/dp/vendor.com-nic-0000:01:00.1-device.json": JSON.stringify(info),
};

function wanted(name: string, resource?: string, more: object = {}, config: object = {}): Wanted {
  const request: NetworkRequest = { namespace: "blue", name, ...more };
  return {
    role: "secondary",
    origin: "annotation",
    request,
    lookup: found(`blue/${name}`, resource, { type: "x", ...config }),
  };
}

function found(network: string, resource?: string, config: JsonObject = { type: "x" }): Wanted["lookup"] {
  const annotations = resource === undefined ? {} : { "k8s.v1.cni.cncf.io/resourceName": resource };
  const place = { namespace: "blue", name: network, source: `/d/${network}.json`, keptIn: "disk" as const };
  return { kind: "found", network, definition: { ...place, annotations, config } };
}

interface Seen {
  readonly pod: PodIdentity | undefined;
  readonly wanted: readonly Wanted[];
}

function observed(...networks: Wanted[]): Seen {
  return { pod, wanted: networks };
}

async function devicesOf(
  seen: Seen,
  there: Record<string, string> = files,
  mode: "required" | "known" = "required",
) {
  const fake = createFake({ files: there });
  const assigned = await assignDevices(fake.sys, metaConfig(), seen.pod, seen.wanted, mode);
  if (!assigned.ok) return { error: assigned.error, effects: fake.effects() };
  return {
    devices: assigned.value.map(({ device }) => device),
    effects: fake.effects(),
    warnings: fake.warnings,
  };
}

describe("which network gets which device", () => {
  test("without a resource, the kubelet is not asked", async () => {
    const found = await devicesOf(observed(wanted("a"), wanted("b", "")), {});
    expect(found).toEqual({ devices: [undefined, undefined], effects: [], warnings: [] });
  });

  test("two networks of one resource get different devices, each with what its plugin tells", async () => {
    const found = await devicesOf(observed(wanted("a", nic), wanted("b"), wanted("a", nic)));
    expect(found.devices).toEqual([
      { resource: nic, id: "0000:01:00.1", info },
      undefined,
      { resource: nic, id: "0000:01:00.2" },
    ]);
  });

  test("a resource that no device plugin offers has no devices: it is counted for the scheduler alone", async () => {
    const seen = observed(wanted("a", "ovs-cni.network.kubevirt.io/br1"), wanted("b", nic));
    const found = await devicesOf(seen);
    expect(found.devices).toMatchObject([undefined, { id: "0000:01:00.1" }]);
    expect(found.warnings).toEqual([
      "hawser: network blue/a has no device: no device plugin of the node offers ovs-cni.network.kubevirt.io/br1",
    ]);
  });

  test("a resource that a device plugin offers, and the pod has not requested, is an error", async () => {
    expect((await devicesOf(observed(wanted("a", "vendor.com/gpu")))).error?.id).toBe("device.none");
  });

  test("a primary that a definition describes comes first", async () => {
    const choice = { field: "delegate", source: { kind: "named", name: "main" } } as const;
    const primary: Wanted = { role: "primary", origin: "configuration", choice, lookup: found("main", nic) };
    const { devices } = await devicesOf(observed(primary, wanted("a", nic)));
    expect(devices).toMatchObject([{ id: "0000:01:00.1" }, { id: "0000:01:00.2" }]);
  });

  test("the kubelet's device counts, not the one that the pod asks for, and stderr tells", async () => {
    const found = await devicesOf(observed(wanted("a", nic, { deviceId: "0000:09:00.0" })));
    expect(found.devices).toMatchObject([{ id: "0000:01:00.1" }]);
    expect(found.warnings).toEqual([expect.stringContaining('its deviceID "0000:09:00.0" is ignored')]);
    const same = await devicesOf(observed(wanted("a", nic, { deviceId: "0000:01:00.1" })));
    expect(same.warnings).toEqual([]);
  });

  test.each([
    ["none is left", observed(wanted("a", nic), wanted("b", nic), wanted("c", nic)), files, "device.none"],
    ["nobody tells them", observed(wanted("a", nic)), {}, "device.unread"],
    ["there is no pod", { ...observed(wanted("a", nic)), pod: undefined }, files, "device.pod"],
    [
      "the device information is garbage",
      observed(wanted("a", nic)),
      { ...files, "/devinfo/dp/vendor.com-nic-0000:01:00.1-device.json": "{" },
      "device.info",
    ],
  ])("%s: an error, but only a word about it where what is known will do", async (_case, seen, there, id) => {
    expect((await devicesOf(seen, there)).error?.id).toBe(id);
    const known = await devicesOf(seen, there, "known");
    expect(known.devices).toEqual(seen.wanted.map(() => undefined));
    expect(known.warnings).toEqual([expect.stringContaining("the devices are left out")]);
  });
});

describe("what plugins are told of the device", () => {
  async function planned(...networks: Wanted[]) {
    const assigned = must(
      await assignDevices(createFake({ files }).sys, metaConfig(), pod, networks, "required"),
    );
    const selections = select(assigned, { primary: "eth0", existing: [] });
    return must(selections.ok ? plan(metaConfig(), selections.value, "c1") : selections);
  }

  test("every plugin of the list gets deviceID and pciBusID, over its own; those that declare it the capability", async () => {
    const list = [
      { type: "sriov", deviceID: "old" },
      { type: "tuning", capabilities: { deviceID: true } },
    ];
    const [step] = await planned(wanted("a", nic, {}, { type: undefined, plugins: list }));
    const keys = { deviceID: "0000:01:00.1", pciBusID: "0000:01:00.1" };
    expect(step?.chain.plugins).toEqual([
      expect.objectContaining({ type: "sriov", ...keys }),
      expect.objectContaining({ type: "tuning", ...keys, runtimeConfig: { deviceID: "0000:01:00.1" } }),
    ]);
    expect(step?.chain.plugins[0]).not.toHaveProperty("runtimeConfig");
  });

  test("the file's path goes to those that declare it, with or without a device", async () => {
    const config = { capabilities: { CNIDeviceInfoFile: true } };
    const steps = await planned(
      wanted("a", nic, {}, config),
      wanted("b", undefined, {}, config),
      wanted("c"),
    );
    expect(
      steps.map(({ deviceInfoFile, chain }) => [deviceInfoFile, chain.plugins[0]?.runtimeConfig]),
    ).toEqual(
      ["/devinfo/cni/blue-a-c1_net1", "/devinfo/cni/blue-b-c1_net2", undefined].map((path) => [
        path,
        path && { CNIDeviceInfoFile: path },
      ]),
    );
  });

  test("a device with information has a file, also where nobody asks for the path", async () => {
    const steps = await planned(wanted("a", nic), wanted("a", nic));
    expect(steps.map(({ deviceInfoFile }) => deviceInfoFile)).toEqual([
      "/devinfo/cni/blue-a-c1_net1",
      undefined,
    ]);
  });

  test("the pod's own deviceID is a capability, where there is no resource", async () => {
    const declares = { capabilities: { deviceID: true } };
    const [step] = await planned(wanted("a", undefined, { deviceId: "0000:09:00.0" }, declares));
    expect(step?.chain.plugins[0]).toMatchObject({ runtimeConfig: { deviceID: "0000:09:00.0" } });
    expect(step?.chain.plugins[0]).not.toHaveProperty("deviceID");
    // With a resource, the plugin need not declare the capability.
    const [other] = await planned(wanted("a", nic, { deviceId: "0000:09:00.0" }));
    expect(other?.chain.plugins[0]).toMatchObject({ deviceID: "0000:01:00.1" });
  });
});
