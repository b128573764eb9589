import { describe, expect, test } from "vitest";
import { addNamespace, type Bed, type BedNamespace, useBed } from "../../../tools/testbed/bed.ts";
import { answerOf, call, errorOf, expectSilence } from "../../../tools/testbed/call.ts";
import { type Executable, suite } from "../../../tools/testbed/executables.ts";
import {
  deleteAddress,
  expectKernelState,
  linkNames,
  links,
  type PrintedResult,
} from "../../../tools/testbed/kernel-state.ts";
import { addresses, leftovers, records } from "../../../tools/testbed/leftovers.ts";
import { annotated, bridge, define, hawser, macvlan } from "../../../tools/testbed/networks.ts";

/** Real namespaces and reference plugins. The result must say what the kernel has. */

const reference = ["root", "bridge", "macvlan", "host-local", "static"] as const;

/** A pod with a primary bridge. Its annotation adds a second bridge and a macvlan with a fixed address. */
function configuration(bed: Bed, more: object = {}, networks: unknown = "storage,default/lan@data0") {
  const routes = [{ dst: "0.0.0.0/0" }];
  define(bed, "storage", bridge(bed, 72, { routes: [{ dst: "192.168.7.0/24", gw: "10.72.0.254" }] }));
  define(bed, "lan", macvlan("10.73.0.9/24"));
  return annotated(hawser(bed, { delegate: bridge(bed, 71, { routes }), ...more }), networks);
}

async function add(bed: Bed, executable: Executable, config: object, netns: string): Promise<PrintedResult> {
  return answerOf<PrintedResult>(await call(bed, executable, { verb: "ADD", config, netns }));
}

function inSandbox(result: PrintedResult, { path }: BedNamespace): (string | undefined)[] {
  return (result.interfaces ?? []).filter(({ sandbox }) => sandbox === path).map(({ name }) => name);
}

suite("a pod of three networks", reference, (executable) => {
  const bed = useBed({ node: true });

  describe.each([false, true])("parallel: %s", (parallel) => {
    test("ADD: kernel state equals the merged result; CHECK passes; DEL leaves nothing", async () => {
      const pod = addNamespace(bed());
      const config = configuration(bed(), { parallel });
      const result = await add(bed(), executable, config, pod.path);
      expect(inSandbox(result, pod)).toEqual(["eth0", "net1", "data0"]);
      expect(result.ips?.map(({ address }) => address)).toEqual([
        "10.71.0.2/24",
        "10.72.0.2/24",
        "10.73.0.9/24",
      ]);
      expectKernelState(bed(), pod, result);
      expect(records(bed())).toEqual(["pods/c1@eth0.json"]);

      const told = { ...config, prevResult: result };
      expectSilence(await call(bed(), executable, { verb: "CHECK", config: told, netns: pod.path }));

      expectSilence(await call(bed(), executable, { verb: "DEL", config: told, netns: pod.path }));
      expect(linkNames(pod.name)).toEqual([]);
      expect(linkNames(bed().node ?? "")).toEqual(["br71", "br72", "switch0", "uplink0"]);
      expect(leftovers(bed())).toEqual([]);
    });
  });

  test.each([
    ["eth0", "10.71.0.2/24", "primary network"],
    ["net1", "10.72.0.2/24", "secondary network default/storage"],
    ["data0", "10.73.0.9/24", "secondary network default/lan"],
  ])(
    "an address deleted from %s fails CHECK, which names that attachment only",
    async (link, address, label) => {
      const pod = addNamespace(bed());
      const config = configuration(bed());
      const prevResult = await add(bed(), executable, config, pod.path);
      deleteAddress(pod.name, link, address);
      const ended = await call(bed(), executable, {
        verb: "CHECK",
        config: { ...config, prevResult },
        netns: pod.path,
      });
      const { msg, details } = errorOf(ended);
      expect(msg).toContain(label);
      expect(msg).toContain(`(${link})`);
      for (const other of ["eth0", "net1", "data0"].filter((name) => name !== link)) {
        expect(`${msg} ${details}`).not.toContain(`(${other})`);
      }
    },
  );

  test("addresses deleted from two attachments: CHECK names both", async () => {
    const pod = addNamespace(bed());
    const config = configuration(bed());
    const prevResult = await add(bed(), executable, config, pod.path);
    deleteAddress(pod.name, "net1", "10.72.0.2/24");
    deleteAddress(pod.name, "data0", "10.73.0.9/24");
    const told = { ...config, prevResult };
    const error = errorOf(await call(bed(), executable, { verb: "CHECK", config: told, netns: pod.path }));
    expect(error.msg).toContain("(net1)");
    expect(error.details).toContain("(data0)");
  });
});

suite("which networks, and what is told of them", reference, (executable) => {
  const bed = useBed({ node: true });

  test("a network named twice is two attachments", async () => {
    const pod = addNamespace(bed());
    const config = configuration(bed(), {}, "storage,storage");
    define(bed(), "storage", bridge(bed(), 72));
    const result = await add(bed(), executable, config, pod.path);
    expect(inSandbox(result, pod)).toEqual(["eth0", "net1", "net2"]);
    expectKernelState(bed(), pod, result);
    expect(addresses(bed()).filter((each) => each.startsWith("storage/"))).toEqual([
      "storage/10.72.0.2 c1 net1",
      "storage/10.72.0.3 c1 net2",
    ]);
    expectSilence(await call(bed(), executable, { verb: "DEL", config, netns: pod.path }));
    expect(linkNames(pod.name)).toEqual([]);
    expect(leftovers(bed())).toEqual([]);
  });

  test("networks of the configuration come before those of the annotation", async () => {
    const pod = addNamespace(bed());
    const config = configuration(bed(), { networks: ["lan"] }, "storage");
    const result = await add(bed(), executable, config, pod.path);
    expect(result.ips?.map(({ address }) => address)).toEqual([
      "10.71.0.2/24",
      "10.73.0.9/24",
      "10.72.0.2/24",
    ]);
    expectKernelState(bed(), pod, result);
  });

  test(`"result": "primary" tells of the primary only, and attaches and deletes all`, async () => {
    const pod = addNamespace(bed());
    const config = configuration(bed(), { result: "primary" });
    const result = await add(bed(), executable, config, pod.path);
    expect(inSandbox(result, pod)).toEqual(["eth0"]);
    expect(result.ips?.map(({ address }) => address)).toEqual(["10.71.0.2/24"]);
    expect(linkNames(pod.name)).toEqual(["data0", "eth0", "net1"]);
    const told = { ...config, prevResult: result };
    expectSilence(await call(bed(), executable, { verb: "CHECK", config: told, netns: pod.path }));
    deleteAddress(pod.name, "net1", "10.72.0.2/24");
    const checked = await call(bed(), executable, { verb: "CHECK", config: told, netns: pod.path });
    expect(errorOf(checked).msg).toContain("(net1)");
    expectSilence(await call(bed(), executable, { verb: "DEL", config: told, netns: pod.path }));
    expect(linkNames(pod.name)).toEqual([]);
    expect(leftovers(bed())).toEqual([]);
  });

  test("what the JSON form asks for is what the interface has", async () => {
    const pod = addNamespace(bed());
    const capabilities = { ips: true, mac: true };
    define(bed(), "lan", { ...macvlan("10.73.0.9/24"), capabilities });
    const asked = { name: "lan", interface: "data0", ips: ["10.73.0.44/24"], mac: "02:11:22:33:44:55" };
    const config = annotated(hawser(bed(), { delegate: bridge(bed(), 71) }), JSON.stringify([asked]));
    const result = await add(bed(), executable, config, pod.path);
    expectKernelState(bed(), pod, result);
    expect(links(pod.name)).toContainEqual(
      expect.objectContaining({ name: "data0", mac: "02:11:22:33:44:55", addresses: ["10.73.0.44/24"] }),
    );
  });

  test("a failing secondary takes the primary with it", async () => {
    const pod = addNamespace(bed());
    const config = configuration(bed(), {}, "storage,lan");
    define(bed(), "lan", macvlan("10.73.0.9/24", { master: "absent0" }));
    const { msg } = errorOf(await call(bed(), executable, { verb: "ADD", config, netns: pod.path }));
    expect(msg).toContain("secondary network default/lan (net2)");
    expect(linkNames(pod.name)).toEqual([]);
    expect(linkNames(bed().node ?? "")).toEqual(["br71", "br72", "switch0", "uplink0"]);
    expect(leftovers(bed())).toEqual([]);
  });
});
