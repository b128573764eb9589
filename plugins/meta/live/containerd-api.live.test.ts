import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { definitionPath, podPath } from "../../../kube/api-path.ts";
import { useBed } from "../../../tools/testbed/bed.ts";
import { containerdBinaries, useContainerd, writeConf } from "../../../tools/testbed/containerd.ts";
import { suiteOfOne } from "../../../tools/testbed/executables.ts";
import { linkNames } from "../../../tools/testbed/kernel-state.ts";
import { type KubeApi, startKubeApi } from "../../../tools/testbed/kube-api.ts";
import { openGate } from "../../../tools/testbed/kube-gate.ts";
import { networkDefinition, pod } from "../../../tools/testbed/kube-objects.ts";
import { leftovers } from "../../../tools/testbed/leftovers.ts";
import { bridge, hawser, macvlan, networksAnnotation } from "../../../tools/testbed/networks.ts";
import { addWitnessed, calls } from "../../../tools/testbed/script-plugin.ts";
import { writeKubeconfig } from "../../../tools/testbed/test-kubeconfig.ts";

/**
 * A runtime that passes no annotations: containerd, if the capability is not declared. Hawser reads from the API and writes to
 * it.
 */

const statusKey = "k8s.v1.cni.cncf.io/network-status";
const web = podPath("shop", "web");

let api: KubeApi;
beforeAll(async () => {
  api = await startKubeApi();
});
afterAll(() => api.stop());

for (const binary of containerdBinaries()) {
  const needs = ["root", "containerd", "bridge", "macvlan", "host-local", "static"] as const;
  suiteOfOne(`${binary.name}: annotations from the API`, needs, (executable) => {
    const bed = useBed({ node: true });
    const containerd = useContainerd(bed, binary);

    test("the pod and its two definitions are asked for, its network status is told, and nothing is asked when it goes", async () => {
      const runtime = await containerd();
      addWitnessed(bed(), executable);
      const server = await openGate(bed(), api);
      const kubeconfig = writeKubeconfig(join(bed().root, "kubeconfig"), api, { server });
      const { cniVersion } = runtime;
      // A definition names the bed's own dataDir, which only a trusted namespace may do.
      const trusted = { trustedNamespaces: ["shop"] };
      const own = { cniVersion, delegate: bridge(bed(), 51), kubeconfig, capabilities: {}, ...trusted };
      writeConf(bed(), "10-pods.conf", hawser(bed(), own));
      await runtime.awaitNetworks(["pods"]);
      api.put(networkDefinition("shop", "storage", bridge(bed(), 52)));
      api.put(networkDefinition("shop", "lan", macvlan("10.53.0.9/24")));
      const annotations = { [networksAnnotation]: "storage,lan@data0" };
      const { metadata } = api.put(pod("shop", "web", annotations));
      api.forget();

      const uid = metadata.uid ?? "";
      const id = await runtime.runPod({ name: "web", namespace: "shop", uid, annotations });
      const { ips, netns } = await runtime.cri.status(id);
      expect(ips).toEqual(["10.51.0.2"]);
      expect(linkNames(runtime.path(netns))).toEqual(["data0", "eth0", "net1"]);
      const add = calls(bed()).find(({ type, verb }) => type === "hawser" && verb === "ADD");
      expect(add?.config).not.toHaveProperty("runtimeConfig");
      const definitions = ["lan", "storage"].map((name) => `get ${definitionPath("shop", name)}`);
      const [first, ...others] = api.asked();
      expect([first, others.slice(0, 2).toSorted(), others.slice(2)]).toEqual([
        `get ${web}`,
        definitions,
        [`patch ${web}/status`],
      ]);
      const told = api.at(web)?.metadata.annotations?.[statusKey] ?? "[]";
      const status = JSON.parse(told) as {
        name: string;
        interface: string;
        ips: string[];
        default?: boolean;
      }[];
      expect(status.map((each) => [each.name, each.interface, each.ips, each.default])).toEqual([
        ["pods", "eth0", ["10.51.0.2"], true],
        ["shop/storage", "net1", ["10.52.0.2"], undefined],
        ["shop/lan", "data0", ["10.53.0.9"], undefined],
      ]);

      api.forget();
      api.fault = () => ({ kind: "silent" });
      await runtime.cri.stop(id);
      await runtime.cri.remove(id);
      api.fault = () => undefined;
      expect(leftovers(bed(), id)).toEqual([]);
      expect(api.asked()).toEqual([]);
    });
  });
}
