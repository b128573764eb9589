import { describe, expect, test } from "vitest";
import { createFake, type RpcHandler } from "../../sys/fake.ts";
import { ok } from "../../sys/outcome.ts";
import { type RpcAttempt, type RpcRequest, rpcFault } from "../../sys/rpc.ts";
import { checkpointText, podResourcesDefinition } from "../../tools/testbed/fake-kubelet.ts";
import { readOffered, readPodDevices } from "./kubelet.ts";

const { Get: get, List: list, GetAllocatableResources: offers } = podResourcesDefinition();
if (get === undefined || list === undefined || offers === undefined) throw new Error("a method is missing");

const pod = { namespace: "blue", name: "p", uid: "u1" };
const nic = "vendor.com/nic";
const socket = "/kubelet/pod-resources/kubelet.sock";
const checkpoint = "/kubelet/device-plugins/kubelet_internal_checkpoint";

const device = (resource_name: string, ...device_ids: string[]) => ({ resource_name, device_ids });
const inPod = (...containers: object[][]) => ({
  ...{ name: "p", namespace: "blue" },
  containers: containers.map((devices) => ({ devices })),
});

type Answer = (request: RpcRequest) => RpcAttempt;
const answersGet =
  (one: object): Answer =>
  () =>
    ok(get.responseSerialize({ pod_resources: one }));
const answersList =
  (...pods: object[]): Answer =>
  () =>
    ok(list.responseSerialize({ pod_resources: pods }));
const refuses =
  (code: string, answered = true): Answer =>
  (request) => ({ ok: false, error: rpcFault(request, code, "as the test says", answered) });

function kubelet(onGet: Answer, onList: Answer = refuses("INTERNAL")): RpcHandler {
  return (request) => (request.method.endsWith("/Get") ? onGet(request) : onList(request));
}

async function read(rpc: RpcHandler | undefined, files: Record<string, string> = {}, who: object = pod) {
  const fake = createFake({ ...(rpc === undefined ? {} : { rpc }), files });
  const outcome = await readPodDevices(fake.sys, "/kubelet", { ...pod, ...who });
  const calls = fake.effects().map((effect) => effect.slice(effect.lastIndexOf("/") + 1));
  if (!outcome.ok) return { calls, error: outcome.error };
  const { source, byResource } = outcome.value;
  return { calls, source, devices: Object.fromEntries(byResource) };
}

describe("the kubelet's answer", () => {
  test("Get is all that is asked where it is to be had", async () => {
    const found = await read(kubelet(answersGet(inPod([device(nic, "b"), device("vendor.com/gpu", "g")]))));
    expect(found).toEqual({
      calls: ["Get"],
      source: socket,
      devices: { [nic]: ["b"], "vendor.com/gpu": ["g"] },
    });
  });

  test.each(["UNIMPLEMENTED", "NOT_FOUND", "UNKNOWN"])("Get ends with %s: List is asked", async (status) => {
    const other = { ...inPod([device(nic, "x")]), namespace: "red" };
    const namesake = { ...inPod([device(nic, "y")]), name: "q" };
    const found = await read(
      kubelet(refuses(status), answersList(other, namesake, inPod([device(nic, "a")]))),
    );
    expect(found).toEqual({ calls: ["Get", "List"], source: socket, devices: { [nic]: ["a"] } });
  });

  test("a pod that is not listed has no devices; the checkpoint is not asked", async () => {
    const files = { [checkpoint]: checkpointText([{ PodUID: "u1", ResourceName: nic, DeviceIDs: ["old"] }]) };
    const found = await read(kubelet(refuses("UNKNOWN"), answersList()), files);
    expect(found).toEqual({ calls: ["Get", "List"], source: socket, devices: {} });
  });

  const shuffled = inPod(
    [device(nic, "0000:03:02.5"), device("vendor.com/gpu", "g"), device(nic, "0000:03:02.4")],
    // The kubelet names a device once for each NUMA node that it is near to.
    [device(nic, "0000:03:02.2"), device(nic, "0000:03:02.2"), device(nic, "0000:01:00.7")],
  );
  test.each([
    ["Get", kubelet(answersGet(shuffled))],
    ["List", kubelet(refuses("UNIMPLEMENTED"), answersList(shuffled))],
  ])(
    "%s: devices come container by container, each once, however the kubelet shuffles them",
    async (_by, rpc) => {
      const found = await read(rpc);
      expect(found.devices?.[nic]).toEqual(["0000:03:02.4", "0000:03:02.5", "0000:01:00.7", "0000:03:02.2"]);
    },
  );

  test("a kubelet that refuses for the rate of calls is asked again, within a time", async () => {
    let count = 0;
    const busyFor =
      (times: number): Answer =>
      (request) =>
        count++ < times
          ? refuses("RESOURCE_EXHAUSTED")(request)
          : answersGet(inPod([device(nic, "a")]))(request);
    expect(await read(kubelet(busyFor(5)))).toMatchObject({
      calls: Array(6).fill("Get"),
      devices: { [nic]: ["a"] },
    });
    count = 0;
    const never = await read(kubelet(busyFor(Number.POSITIVE_INFINITY), refuses("RESOURCE_EXHAUSTED")));
    expect(never.error?.id).toBe("device.unread");
    expect(never.calls.length).toBeLessThan(20);
  });
});

describe("the checkpoint", () => {
  const files = {
    [checkpoint]: checkpointText([
      { PodUID: "u1", ContainerName: "init", ResourceName: nic, DeviceIDs: { "0": ["b", "a"] } },
      { PodUID: "u1", ContainerName: "app", ResourceName: nic, DeviceIDs: { "0": ["a"], "1": ["c"] } },
      { PodUID: "u2", ContainerName: "app", ResourceName: nic, DeviceIDs: { "0": ["d"] } },
    ]),
  };

  test.each([
    ["there is no socket", undefined],
    ["nobody listens", kubelet(refuses("ECONNREFUSED", false))],
    ["nobody answers in time", kubelet(refuses("ETIMEDOUT", false))],
    ["Get and List are refused", kubelet(refuses("UNIMPLEMENTED"), refuses("PERMISSION_DENIED"))],
    ["what Get answers is no message", kubelet(() => ok(Uint8Array.of(0x0a, 9)))],
    ["what List answers is no message", kubelet(refuses("UNKNOWN"), () => ok(Uint8Array.of(0x0a, 9)))],
  ])("tells them when %s", async (_case, rpc) => {
    expect(await read(rpc, files)).toMatchObject({ source: checkpoint, devices: { [nic]: ["a", "b", "c"] } });
  });

  test("tells them container by container as well, a container's NUMA nodes together", async () => {
    const of = (ContainerName: string, DeviceIDs: object) => ({
      ...{ PodUID: "u1", ContainerName, ResourceName: nic, DeviceIDs },
    });
    const text = checkpointText([of("z", { "1": ["y"], "0": ["x", "z"] }), of("a", { "-1": ["b", "a"] })]);
    const { devices } = await read(undefined, { [checkpoint]: text });
    expect(devices?.[nic]).toEqual(["x", "y", "z", "a", "b"]);
  });

  test.each([
    ["it is not there", {}, {}, "ENOENT"],
    ["it is torn", { [checkpoint]: '{"Data":' }, {}, "it is not JSON"],
    ["the runtime tells no UID", files, { uid: undefined }, "known by UID"],
  ])("neither tells: %s; both are named, with what to do", async (_case, there, who, why) => {
    const { error } = await read(kubelet(refuses("ECONNREFUSED", false)), there, who);
    expect(error).toMatchObject({ id: "device.unread", code: 11 });
    expect(error?.msg).toContain("pod blue/p");
    expect(error?.msg).toContain(`call /v1.PodResourcesLister/Get on ${socket}`);
    expect(error?.details).toContain(checkpoint);
    expect(error?.details).toContain(why);
    expect(error?.details).toContain("kubeletDir");
  });
});

describe("what the node's device plugins offer", () => {
  const answers = () => ok(offers.responseSerialize({ devices: [device(nic, "a"), device(nic, "b")] }));
  const files = { [checkpoint]: checkpointText([], { "vendor.com/gpu": ["g"] }) };
  const nowhere = { [checkpoint]: "{" };

  test.each<[string, RpcHandler | undefined, Record<string, string>, string[] | undefined]>([
    ["the kubelet tells", answers, files, [nic]],
    [
      "a kubelet that does not know the call: its checkpoint",
      refuses("UNIMPLEMENTED"),
      files,
      ["vendor.com/gpu"],
    ],
    [
      "what it answers is no message: its checkpoint",
      () => ok(Uint8Array.of(0x0a, 9)),
      files,
      ["vendor.com/gpu"],
    ],
    ["it is down: its checkpoint", undefined, files, ["vendor.com/gpu"]],
    ["nobody tells", undefined, {}, undefined],
    ["nobody tells anything that can be read", refuses("INTERNAL"), nowhere, undefined],
  ])("%s", async (_case, rpc, there, expected) => {
    const fake = createFake({ ...(rpc === undefined ? {} : { rpc }), files: there });
    const offered = await readOffered(fake.sys, "/kubelet");
    expect(offered && [...offered]).toEqual(expected);
  });
});
