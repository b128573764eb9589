import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { podPath } from "../../../kube/api-path.ts";
import { addNamespace, useBed } from "../../../tools/testbed/bed.ts";
import { answerOf, call, errorOf, expectSilence } from "../../../tools/testbed/call.ts";
import { suite } from "../../../tools/testbed/executables.ts";
import { linkNames, type PrintedResult } from "../../../tools/testbed/kernel-state.ts";
import { type KubeApi, startKubeApi } from "../../../tools/testbed/kube-api.ts";
import { openGate } from "../../../tools/testbed/kube-gate.ts";
import { networkDefinition, pod } from "../../../tools/testbed/kube-objects.ts";
import { addresses, records } from "../../../tools/testbed/leftovers.ts";
import { annotated, bridge, define, hawser, networksAnnotation } from "../../../tools/testbed/networks.ts";
import { writeKubeconfig } from "../../../tools/testbed/test-kubeconfig.ts";

/** The status of a pod in a Kubernetes API over TLS: hawser writes it with one request. */

const statusKey = "k8s.v1.cni.cncf.io/network-status";
const webPath = podPath("shop", "web");

interface Entry {
  readonly name: string;
  readonly interface?: string;
  readonly ips?: readonly string[];
  readonly mac?: string;
  readonly default?: boolean;
  readonly gateway?: readonly string[];
}

let api: KubeApi;
beforeAll(async () => {
  api = await startKubeApi();
});
afterAll(() => api.stop());
beforeEach(() => {
  api.fault = () => undefined;
});

/** Creates the pod in the API with this annotation. Returns CNI_ARGS. */
function populate(annotation: string): string {
  api.put(networkDefinition("shop", "internet", { cniVersion: "1.1.0", type: "dummy" }));
  const { metadata } = api.put(pod("shop", "web", { [networksAnnotation]: annotation }));
  api.forget();
  return `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_UID=${metadata.uid}`;
}

function status(): Entry[] | undefined {
  const text = api.at(webPath)?.metadata.annotations?.[statusKey];
  return text === undefined ? undefined : (JSON.parse(text) as Entry[]);
}

function silence(): void {
  api.fault = () => ({ kind: "silent" });
}

suite("the network status", ["root", "bridge", "host-local"], (executable) => {
  const bed = useBed({ node: true });
  const annotation = '[{"name": "internet", "default-route": ["10.72.0.1"]}]';

  /** A pod of two bridges. Its default route leads through the second. */
  async function configuration(more: object = {}): Promise<Record<string, unknown>> {
    const path = join(bed().root, "kubeconfig");
    const server = await openGate(bed(), api);
    const kubeconfig = writeKubeconfig(path, api, { server });
    define(bed(), "internet", bridge(bed(), 72), "shop");
    const routes = [{ dst: "0.0.0.0/0" }];
    return hawser(bed(), { delegate: bridge(bed(), 71, { routes }), kubeconfig, ...more });
  }

  test("is one request where the runtime passes the annotations, and says what the pod has", async () => {
    const args = populate(annotation);
    const config = annotated(await configuration(), annotation);
    const sandbox = addNamespace(bed());
    const result = answerOf<PrintedResult>(
      await call(bed(), executable, { verb: "ADD", config, netns: sandbox.path, args }),
    );
    expect(api.asked()).toEqual([`patch ${webPath}/status`]);
    const macOf = (name: string) => result.interfaces?.find((each) => each.name === name)?.mac;
    expect(status()).toMatchObject([
      { name: "pods", interface: "eth0", ips: ["10.71.0.2"], mac: macOf("eth0"), default: true },
      {
        name: "shop/internet",
        interface: "net1",
        ips: ["10.72.0.2"],
        mac: macOf("net1"),
        gateway: ["10.72.0.1"],
      },
    ]);
    // The default route leads through the other network now.
    expect(status()?.[0]).not.toHaveProperty("gateway");
    expect(api.at(webPath)?.metadata.annotations?.[networksAnnotation]).toBe(annotation);
    api.forget();
    expectSilence(await call(bed(), executable, { verb: "DEL", config, netns: sandbox.path, args }));
    expect(api.asked()).toEqual([]);
    expect([records(bed()), addresses(bed())]).toEqual([[], []]);
  });

  test("is the last of three requests where the API has to tell annotation and definition", async () => {
    const args = populate("internet");
    api.put(networkDefinition("shop", "internet", bridge(bed(), 72)));
    const config = await configuration({ definitionsDir: "/nowhere", trustedNamespaces: ["shop"] });
    const sandbox = addNamespace(bed());
    answerOf(await call(bed(), executable, { verb: "ADD", config, netns: sandbox.path, args }));
    expect(api.asked().map((each) => each.replace(/\/.*\//, ""))).toEqual([
      "get web",
      "get internet",
      "patch status",
    ]);
    expect(api.connections()).toBe(1);
    expect(status()?.map(({ name }) => name)).toEqual(["pods", "shop/internet"]);
  });

  test.each<[string, () => void, string]>([
    [
      "there is no right to write it",
      () => void api.rights.delete("patch pods/status"),
      "kube.api-forbidden",
    ],
    ["another pod has the name by now", () => void api.put(pod("shop", "web")), "kube.api-conflict"],
    ["the API is silent", silence, "kube.api-unreachable"],
  ])(
    "is left away with a warning, and refuses the pod only where it is required: %s",
    async (_case, break_, id) => {
      const args = populate(annotation);
      const config = annotated(await configuration(), annotation);
      const sandbox = addNamespace(bed());
      break_();
      try {
        const operation = { verb: "ADD" as const, netns: sandbox.path, args };
        const ended = await call(bed(), executable, { ...operation, config });
        answerOf(ended);
        expect(ended.stderr).toContain(`[${id}]`);
        expect(status()).toBeUndefined();
        expect(linkNames(sandbox.name)).toEqual(["eth0", "net1"]);
        expectSilence(await call(bed(), executable, { verb: "DEL", config, netns: sandbox.path, args }));

        const strict = { ...config, status: "required", timeout: "3s" };
        const error = errorOf(await call(bed(), executable, { ...operation, config: strict }));
        expect(error.details).toContain(`[${id}]`);
        expect(linkNames(sandbox.name)).toEqual([]);
        expect([records(bed()), addresses(bed())]).toEqual([[], []]);
      } finally {
        api.rights.add("patch pods/status");
      }
    },
  );
});
