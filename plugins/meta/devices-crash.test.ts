import { describe, expect, test } from "vitest";
import { printJson } from "../../cni/json.ts";
import { createMachine, exited, type FakeMachine, type FakeProcess, type Handler } from "../../sys/fake.ts";
import { crashSites } from "../../sys/fake-crashes.ts";
import { ok } from "../../sys/outcome.ts";
import { podResourcesDefinition } from "../../tools/testbed/fake-kubelet.ts";
import { outcomeIn, type TestedCall } from "./crash-testing.ts";

/** ADD, DEL and GC of a pod with two devices are stopped or fail at each effect. No device information file may be left. */

const { Get: get } = podResourcesDefinition();
if (get === undefined) throw new Error("the service has no Get");

const nic = "vendor.com/nic";
const infoFolder = "/devinfo/cni";
const resources = get.responseSerialize({
  pod_resources: { containers: [{ devices: [{ resource_name: nic, device_ids: ["d2", "d1"] }] }] },
});

function definition(): string {
  const annotations = { "k8s.v1.cni.cncf.io/resourceName": nic };
  const spec = {
    config: printJson({ cniVersion: "1.1.0", type: "side", capabilities: { CNIDeviceInfoFile: true } }),
  };
  return printJson({ kind: "NetworkAttachmentDefinition", metadata: { annotations }, spec });
}

/** The attachments with their devices, and what each plugin found in the file whose path it was given. */
function scene(): { machine: FakeMachine; world: Map<string, string> } {
  const world = new Map<string, string>();
  const delegate: Handler = (request) => {
    const { CNI_COMMAND: verb, CNI_CONTAINERID: id, CNI_IFNAME: ifname } = request.env;
    const made = `${id}/${ifname}`;
    const config = JSON.parse(request.stdin) as {
      deviceID?: string;
      runtimeConfig?: { CNIDeviceInfoFile?: string };
    };
    if (verb === "DEL") world.delete(made);
    if (verb === "ADD") {
      const told = machine.disk.read(config.runtimeConfig?.CNIDeviceInfoFile ?? "/none");
      world.set(made, `${config.deviceID} ${told.ok ? told.value : "nothing"}`);
    }
    return exited(0, verb === "ADD" ? printJson({ cniVersion: "1.1.0" }) : "");
  };
  const machine = createMachine({
    executables: { "/bin/cni/main": delegate, "/bin/cni/side": delegate },
    rpc: () => ok(resources),
    files: {
      "/net.d/default/nic.json": definition(),
      "/devinfo/dp/vendor.com-nic-d1-device.json": '{"type":"pci"}',
      [`${infoFolder}/of-somebody-else`]: "{}",
    },
  });
  return { machine, world };
}

function callOf(verb: TestedVerb): TestedCall {
  const variables = { CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=p" };
  const config = {
    ...{
      cniVersion: "1.1.0",
      name: "pods",
      type: "hawser",
      delegate: { type: "main" },
      networks: ["nic", "nic"],
    },
    ...{ definitionsDir: "/net.d", stateDir: "/state", kubeletDir: "/kubelet", deviceInfoDir: "/devinfo" },
    ...(verb === "GC" ? { "cni.dev/valid-attachments": [] } : {}),
  };
  return { verb, containerId: "c1", config, variables };
}

type TestedVerb = "ADD" | "DEL" | "GC";

async function run(
  machine: FakeMachine,
  process: FakeProcess,
  verb: TestedVerb,
): Promise<"ok" | "crash" | string> {
  const outcome = await outcomeIn(machine, process, callOf(verb));
  if (outcome === "crash") return outcome;
  return outcome.ok ? "ok" : outcome.error.id;
}

async function stage(verb: TestedVerb) {
  const made = scene();
  if (verb !== "ADD") expect(await run(made.machine, made.machine.spawn(), "ADD")).toBe("ok");
  return made;
}

async function effectsOf(verb: TestedVerb): Promise<readonly string[]> {
  const { machine } = await stage(verb);
  const process = machine.spawn();
  expect(await run(machine, process, verb)).toBe("ok");
  return process.effects();
}

/** The files of attachments, without the one that is not ours. */
function infoFiles(machine: FakeMachine): string[] {
  const names = machine.disk.list(infoFolder);
  return names.ok ? names.value.filter((name) => name !== "of-somebody-else") : [];
}

test("each attachment's plugin finds its own device, and in its file what the device plugin told", async () => {
  const { machine, world } = await stage("DEL");
  expect(Object.fromEntries(world)).toEqual({
    "c1/eth0": "undefined nothing",
    "c1/net1": 'd1 {"type":"pci"}',
    "c1/net2": "d2 nothing",
  });
  expect(infoFiles(machine)).toEqual(["default-nic-c1_net1"]);
});

describe.each<TestedVerb>(["ADD", "DEL", "GC"])("%s", (verb) => {
  test.each<TestedVerb>(["DEL", "GC"])("killed at any effect: %s leaves no file", async (remedy) => {
    const effects = await effectsOf(verb);
    expect(effects.filter((each) => each.includes(infoFolder)).length).toBeGreaterThan(0);
    for (const { effect, point, where } of crashSites(effects)) {
      const { machine, world } = await stage(verb);
      const process = machine.spawn();
      process.crashAt(effect, point);
      expect(await run(machine, process, verb), where).toBe("crash");
      expect(await run(machine, machine.spawn(), remedy), where).toBe("ok");
      expect([...world.keys()], where).toEqual([]);
      expect(infoFiles(machine), where).toEqual([]);
      expect(machine.disk.list(infoFolder), where).toMatchObject({ value: ["of-somebody-else"] });
    }
  });

  test("failing at any effect: what it could not undo, DEL does", async () => {
    for (const [number, effect] of (await effectsOf(verb)).entries()) {
      const where = `${verb} with EIO at effect ${number}: ${effect}`;
      const { machine, world } = await stage(verb);
      const process = machine.spawn();
      process.failAt(number, "EIO");
      const ended = await run(machine, process, verb);
      if (ended !== "ok" && verb === "ADD") {
        expect([...world.keys()], where).toEqual([]);
        expect(infoFiles(machine), where).toEqual([]);
      }
      expect(await run(machine, machine.spawn(), "DEL"), where).toBe("ok");
      expect(infoFiles(machine), where).toEqual([]);
    }
  });
});

test("a file that cannot be written fails the ADD; one that cannot be removed fails the DEL, and the next removes it", async () => {
  const { machine } = scene();
  const effects = await effectsOf("ADD");
  const writing = machine.spawn();
  writing.failAt(
    effects.findIndex((each) => each.startsWith(`write ${infoFolder}`)),
    "ENOSPC",
  );
  expect(await run(machine, writing, "ADD")).toBe("device.info");
  expect(await run(machine, machine.spawn(), "ADD")).toBe("ok");
  const removing = machine.spawn();
  const removal = (await effectsOf("DEL")).indexOf(`remove ${infoFolder}/default-nic-c1_net1`);
  removing.failAt(removal, "EBUSY");
  expect(await run(machine, removing, "DEL")).toBe("device.info");
  expect(infoFiles(machine)).toHaveLength(1);
  expect(await run(machine, machine.spawn(), "DEL")).toBe("ok");
  expect(infoFiles(machine)).toEqual([]);
});
