import * as fs from "node:fs";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterEach, expect, test } from "vitest";
import { type Bed, namesIn, useBed } from "../../../tools/testbed/bed.ts";
import { answerOf, call, type Ended, errorOf, expectSilence } from "../../../tools/testbed/call.ts";
import { type Executable, suite } from "../../../tools/testbed/executables.ts";
import {
  type FakeKubelet,
  type KubeletOptions,
  startKubelet,
  writeCheckpoint,
} from "../../../tools/testbed/fake-kubelet.ts";
import { effects, leftovers, records } from "../../../tools/testbed/leftovers.ts";
import { annotated, hawser, podArgs } from "../../../tools/testbed/networks.ts";
import {
  addPlugin,
  callNames,
  calls,
  failWith,
  makeEffect,
  removeEffect,
  type Script,
  wellBehaved,
} from "../../../tools/testbed/script-plugin.ts";

/**
 * The kubelet's service on a socket, by the gRPC library that Node programs use: two networks of one resource, and every kind
 * of failure.
 */

const nic = "vendor.com/nic";
const first = "0000:03:02.1";
const second = "0000:03:02.2";
const told = {
  type: "pci",
  version: "1.1.0",
  pci: { "pci-address": first, "pf-pci-address": "0000:03:00.0" },
};

/** The pod `web` of `podArgs` as its kubelet knows it. Two containers have devices, and one device is named twice. */
const web = {
  name: "web",
  namespace: "default",
  containers: [
    {
      name: "app",
      devices: [
        { resource_name: nic, device_ids: [first] },
        { resource_name: nic, device_ids: [first] },
      ],
    },
    {
      name: "helper",
      devices: [
        { resource_name: "vendor.com/gpu", device_ids: ["g0"] },
        { resource_name: nic, device_ids: [second] },
      ],
    },
  ],
};
const neighbours = Array.from({ length: 200 }, (_each, index) => ({
  ...web,
  name: `neighbour-${index}`,
  containers: [{ name: "app", devices: [{ resource_name: nic, device_ids: [`0000:04:00.${index}`] }] }],
}));

const kubeletDir = (bed: Bed): string => join(bed.root, "kubelet");
const deviceInfoDir = (bed: Bed): string => join(bed.root, "devinfo");
const infoFiles = (bed: Bed): string[] => namesIn(join(deviceInfoDir(bed), "cni"));

let kubelet: FakeKubelet | undefined;
afterEach(() => {
  kubelet?.stop();
  kubelet = undefined;
});

async function withKubelet(bed: Bed, options: KubeletOptions = {}): Promise<FakeKubelet> {
  kubelet = await startKubelet(kubeletDir(bed), [...neighbours, web], options);
  return kubelet;
}

/** Keeps a copy of the attachment's device information file. */
const keepInfo = String.raw`info=$(tr '\0' '\n' < "$log/$call" | sed -n 's/.*"CNIDeviceInfoFile":"\([^"]*\)".*/\1/p')
[ ! -e "$info" ] || cp "$info" "$log/../seen-$CNI_IFNAME"`;

/** The configuration for a pod whose annotation is `networks`, with a definition of the network `fast`. */
function configuration(bed: Bed, networks: string, script: Script = wellBehaved()): object {
  addPlugin(bed, "main");
  addPlugin(bed, "side", { ...script, ADD: [keepInfo, ...(script.ADD ?? [])] });
  const config = {
    cniVersion: "1.1.0",
    type: "side",
    capabilities: { CNIDeviceInfoFile: true, deviceID: true },
  };
  const metadata = { name: "fast", annotations: { "k8s.v1.cni.cncf.io/resourceName": nic } };
  const definition = {
    kind: "NetworkAttachmentDefinition",
    metadata,
    spec: { config: JSON.stringify(config) },
  };
  fs.mkdirSync(join(bed.definitionsDir, "default"));
  fs.writeFileSync(join(bed.definitionsDir, "default/fast.json"), JSON.stringify(definition));
  fs.mkdirSync(join(deviceInfoDir(bed), "dp"), { recursive: true });
  fs.writeFileSync(join(deviceInfoDir(bed), `dp/vendor.com-nic-${first}-device.json`), JSON.stringify(told));
  const places = { kubeletDir: kubeletDir(bed), deviceInfoDir: deviceInfoDir(bed) };
  return annotated(hawser(bed, { delegate: { type: "main" }, ...places }), networks);
}

function add(bed: Bed, executable: Executable, config: object): Promise<Ended> {
  return call(bed, executable, { verb: "ADD", config, args: podArgs });
}

/** `net1 0000:03:02.1`: the device that each call of the network's plugin names, in any of the places for it. */
function devicesSeen(bed: Bed, verb = "ADD"): string[] {
  return calls(bed)
    .filter((each) => each.verb === verb && each.type === "side")
    .map(({ ifname, config }) => {
      const { deviceID, pciBusID, runtimeConfig } = config as Record<string, unknown>;
      const declared = (runtimeConfig as { deviceID?: string } | undefined)?.deviceID;
      return [ifname, ...new Set([deviceID, pciBusID, declared])].join(" ");
    });
}

suite("two networks of one resource", [], (executable) => {
  const bed = useBed({ node: false });

  test("get different devices of one Get, in order; their plugins are told them in every way, on DEL too", async () => {
    const { calls: asked } = await withKubelet(bed());
    const config = configuration(bed(), "fast,fast@second");
    answerOf(await add(bed(), executable, config));
    expect(asked).toEqual(["Get default/web"]);
    expect(devicesSeen(bed())).toEqual([`net1 ${first}`, `second ${second}`]);
    expect(infoFiles(bed())).toEqual(["default-fast-c1_net1"]);
    expect(JSON.parse(fs.readFileSync(join(bed().root, "seen-net1"), "utf8"))).toEqual(told);
    expect(fs.existsSync(join(bed().root, "seen-second"))).toBe(false);
    expect(calls(bed()).at(-1)?.config.runtimeConfig).toMatchObject({
      CNIDeviceInfoFile: join(deviceInfoDir(bed()), "cni/default-fast-c1_second"),
    });

    kubelet?.stop();
    fs.rmSync(bed().definitionsDir, { recursive: true });
    expectSilence(await call(bed(), executable, { verb: "DEL", config, args: podArgs }));
    expect(devicesSeen(bed(), "DEL")).toEqual([`second ${second}`, `net1 ${first}`]);
    expect(infoFiles(bed())).toEqual([]);
    expect(leftovers(bed())).toEqual([]);
  });

  test("GC removes what a pod that is gone has left", async () => {
    await withKubelet(bed());
    const config = configuration(bed(), "fast");
    answerOf(await add(bed(), executable, config));
    expect(infoFiles(bed())).toHaveLength(1);
    const list = { ...config, "cni.dev/valid-attachments": [] };
    expectSilence(await call(bed(), executable, { verb: "GC", config: list }));
    expect(infoFiles(bed())).toEqual([]);
    expect(records(bed())).toEqual([]);
  });

  test("a failing ADD leaves no file", async () => {
    await withKubelet(bed());
    const config = configuration(bed(), "fast", {
      ADD: [makeEffect, failWith(999, "no carrier")],
      DEL: [removeEffect],
    });
    expect(errorOf(await add(bed(), executable, config)).msg).toContain("no carrier");
    expect(fs.existsSync(join(bed().root, "seen-net1"))).toBe(true);
    expect(infoFiles(bed())).toEqual([]);
    expect(leftovers(bed())).toEqual([]);
  });

  test("a device fewer than networks: an error, and nothing is done", async () => {
    await withKubelet(bed());
    const config = configuration(bed(), "fast,fast,fast");
    const { code, msg, details } = errorOf(await add(bed(), executable, config));
    expect(code).toBe(103);
    expect(msg).toContain('no device of "vendor.com/nic" is left for default/fast');
    expect(details).toContain("need 3; the kubelet has assigned it 2");
    expect(details).toContain("[device.none]");
    expect(callNames(bed())).toEqual([]);
    expect(records(bed())).toEqual([]);
    expect(infoFiles(bed())).toEqual([]);
  });
});

suite("where devices are read", [], (executable) => {
  const bed = useBed({ node: false });

  test.each([status.UNIMPLEMENTED, status.UNKNOWN, status.NOT_FOUND])(
    "Get ends with gRPC status %i: in the list of all pods",
    async (get) => {
      const { calls: asked } = await withKubelet(bed(), { get });
      answerOf(await add(bed(), executable, configuration(bed(), "fast")));
      expect(asked).toEqual(["Get default/web", "List"]);
      expect(devicesSeen(bed())).toEqual([`net1 ${first}`]);
    },
  );

  test("a kubelet that refuses for the rate of calls is asked again", async () => {
    const { calls: asked } = await withKubelet(bed(), { busy: 3 });
    answerOf(await add(bed(), executable, configuration(bed(), "fast")));
    expect(asked).toEqual(Array(4).fill("Get default/web"));
    expect(devicesSeen(bed())).toEqual([`net1 ${first}`]);
  });

  test("the kubelet is down: in its checkpoint, by the pod's UID", async () => {
    const socket = (await withKubelet(bed())).socket;
    kubelet?.stop();
    const entry = { ResourceName: nic, DeviceIDs: { "0": [second], "1": [first] } };
    writeCheckpoint(kubeletDir(bed()), [
      { ...entry, PodUID: "another", DeviceIDs: { "0": ["0000:00:00.0"] } },
      { ...entry, PodUID: "u-1" },
    ]);
    answerOf(await add(bed(), executable, configuration(bed(), "fast,fast")));
    expect(devicesSeen(bed())).toEqual([`net1 ${first}`, `net2 ${second}`]);
    expect(fs.existsSync(socket)).toBe(false);
  });

  test("the kubelet is down and there is no checkpoint: an error that names both, and nothing is done", async () => {
    const { code, msg, details } = errorOf(await add(bed(), executable, configuration(bed(), "fast")));
    expect(code).toBe(11);
    expect(msg).toContain(
      `call /v1.PodResourcesLister/Get on ${join(kubeletDir(bed()), "pod-resources/kubelet.sock")}`,
    );
    expect(details).toContain(join(kubeletDir(bed()), "device-plugins/kubelet_internal_checkpoint"));
    expect(details).toContain("[device.unread]");
    expect(callNames(bed())).toEqual([]);
    expect(records(bed())).toEqual([]);
  });

  test("a resource that no device plugin offers: the network is attached without a device", async () => {
    kubelet = await startKubelet(kubeletDir(bed()), [{ ...web, containers: [] }]);
    const ended = await add(bed(), executable, configuration(bed(), "fast"));
    answerOf(ended);
    expect(ended.stderr).toContain("no device plugin of the node offers vendor.com/nic");
    expect(kubelet.calls).toEqual(["Get default/web", "GetAllocatableResources"]);
    expect(devicesSeen(bed())).toEqual(["net1 "]);
  });

  test("one that is offered, and that the pod has not requested: an error", async () => {
    kubelet = await startKubelet(kubeletDir(bed()), [...neighbours, { ...web, containers: [] }]);
    const { details } = errorOf(await add(bed(), executable, configuration(bed(), "fast")));
    expect(details).toContain("the kubelet has assigned it none");
    expect(callNames(bed())).toEqual([]);
  });

  test("a pod without a resource asks no kubelet", async () => {
    const { calls: asked } = await withKubelet(bed());
    answerOf(await add(bed(), executable, configuration(bed(), "")));
    expect(asked).toEqual([]);
  });

  test("DEL without a record goes on without devices that nobody tells any more", async () => {
    const config = configuration(bed(), "fast");
    const ended = await call(bed(), executable, { verb: "DEL", config, args: podArgs });
    expectSilence(ended);
    expect(ended.stderr).toContain("the devices are left out");
    expect(callNames(bed())).toEqual(["DEL side net1", "DEL main eth0"]);
    expect(effects(bed())).toEqual([]);
  });
});
