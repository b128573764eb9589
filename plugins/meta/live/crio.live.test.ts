import { expect, test } from "vitest";
import type { Verb } from "../../../cni/version.ts";
import {
  addNamespace,
  type Bed,
  type BedNamespace,
  removeNamespace,
  useBed,
} from "../../../tools/testbed/bed.ts";
import { answerOf, call, type Ended, expectSilence } from "../../../tools/testbed/call.ts";
import { type Executable, suite } from "../../../tools/testbed/executables.ts";
import { deleteAddress, linkNames, links, type PrintedResult } from "../../../tools/testbed/kernel-state.ts";
import { addresses, leftovers, records } from "../../../tools/testbed/leftovers.ts";
import {
  annotationsCapability,
  bridge,
  define,
  flatBridge,
  hawser,
  macvlan,
  networksAnnotation,
} from "../../../tools/testbed/networks.ts";

/**
 * Calls as CRI-O makes them. Debian has no package of CRI-O, so the test writes the stdin and the environment that CRI-O's
 * libcni writes. CRI-O sends CHECK right after every ADD. It takes every address of the result for the pod's. When it starts,
 * it sends a GC whose list names each sandbox only by its first interface.
 */

interface Sandbox {
  readonly id: string;
  readonly pod: BedNamespace;
  readonly name: string;
}

/** The plugin's configuration in a list, after libcni has added the name, the version and the declared capabilities. */
function configuration(bed: Bed): Record<string, unknown> {
  const names = [annotationsCapability, "portMappings", "bandwidth", "cgroupPath", "dns"];
  const capabilities = Object.fromEntries(names.map((name) => [name, true]));
  return hawser(bed, { delegate: bridge(bed, 51), result: "primary", capabilities });
}

/** CRI-O's keys are in camelCase. containerd's begin with a capital letter. */
function runtimeConfig({ id }: Sandbox): object {
  return {
    [annotationsCapability]: {
      [networksAnnotation]: "storage,lan@data0",
      "kubernetes.io/config.source": "api",
    },
    bandwidth: { ingressRate: 0, ingressBurst: 0, egressRate: 0, egressBurst: 0 },
    cgroupPath: `kubepods-besteffort-pod1.slice:crio:${id}`,
    portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp", hostIP: "" }],
  };
}

suite("CRI-O", ["root", "bridge", "macvlan", "host-local"], (executable: Executable) => {
  const bed = useBed({ node: true });

  function sandbox(name: string): Sandbox {
    return { id: `${name}-0123456789abcdef`, pod: addNamespace(bed()), name };
  }

  function send(verb: Verb, on: Sandbox, prevResult?: PrintedResult): Promise<Ended> {
    const ids = `K8S_POD_INFRA_CONTAINER_ID=${on.id};K8S_POD_UID=u-${on.name}`;
    const args = `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${on.name};${ids}`;
    const told = prevResult === undefined ? {} : { prevResult };
    const config = { ...configuration(bed()), runtimeConfig: runtimeConfig(on), ...told };
    return call(bed(), executable, { verb, config, containerId: on.id, netns: on.pod.path, args });
  }

  /** Calls like RunPodSandbox. A sandbox whose CHECK fails is not started. */
  async function runSandbox(name: string): Promise<Sandbox & { readonly result: PrintedResult }> {
    const added = sandbox(name);
    const result = answerOf<PrintedResult>(await send("ADD", added));
    expectSilence(await send("CHECK", added, result));
    return { ...added, result };
  }

  function defineNetworks(): void {
    define(bed(), "storage", flatBridge(bed(), executable, 52));
    const ipam = { type: "host-local", dataDir: bed().dataDir, ranges: [[{ subnet: "10.53.0.0/24" }]] };
    define(bed(), "lan", macvlan("", { ipam }));
  }

  test("four sandboxes at once, each checked as soon as it is added: the pod's addresses are the primary's", async () => {
    defineNetworks();
    const all = await Promise.all(["a", "b", "c", "d"].map(runSandbox));
    for (const { pod, result } of all) {
      expect(linkNames(pod.name)).toEqual(["data0", "eth0", "net1"]);
      const eth0 = links(pod.name).find(({ name }) => name === "eth0");
      expect(result.ips?.map(({ address }) => address)).toEqual(eth0?.addresses);
    }
    await Promise.all(all.map(async (each) => expectSilence(await send("DEL", each, each.result))));
    expect(leftovers(bed())).toEqual([]);
  });

  test("CHECK sees a secondary's loss, though the result that CRI-O holds does not name it", async () => {
    defineNetworks();
    const { result, ...added } = await runSandbox("a");
    const data0 = links(added.pod.name).find(({ name }) => name === "data0");
    deleteAddress(added.pod.name, "data0", data0?.addresses[0] ?? "");
    const checked = await send("CHECK", added, result);
    expect(checked.exitCode).toBe(1);
    expect(checked.stdout).toContain("secondary network default/lan (data0)");
  });

  test("GC at its start, after a reboot of two of three sandboxes: the third keeps all, theirs is collected", async () => {
    defineNetworks();
    const [kept, ...lost] = [await runSandbox("a"), await runSandbox("b"), await runSandbox("c")];
    for (const { pod } of lost) removeNamespace(bed(), pod);
    const valid = [{ containerID: kept.id, ifname: "eth0" }];
    const list = { "cni.dev/valid-attachments": valid, "cni.dev/attachments": valid };
    const config = { ...configuration(bed()), ...list };
    expectSilence(await call(bed(), executable, { verb: "GC", config }));
    expect(records(bed())).toEqual([`pods/${kept.id}@eth0.json`]);
    for (const { id } of lost) expect(leftovers(bed(), id)).toEqual([]);
    expect(linkNames(kept.pod.name)).toEqual(["data0", "eth0", "net1"]);
    expectSilence(await send("CHECK", kept, kept.result));
    expect(addresses(bed())).toEqual([
      expect.stringMatching(`^lan/10\\.53\\.0\\.\\d+ ${kept.id} data0$`),
      expect.stringMatching(`^pods/10\\.51\\.0\\.\\d+ ${kept.id} eth0$`),
    ]);
  });
});
