import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Bed, useBed } from "../../../tools/testbed/bed.ts";
import { answerOf, call, errorOf, expectSilence } from "../../../tools/testbed/call.ts";
import { type Executable, suite } from "../../../tools/testbed/executables.ts";
import { type KubeApi, startKubeApi } from "../../../tools/testbed/kube-api.ts";
import { networkDefinition } from "../../../tools/testbed/kube-objects.ts";
import { effects, leftovers } from "../../../tools/testbed/leftovers.ts";
import { annotationsCapability, define, hawser, podArgs } from "../../../tools/testbed/networks.ts";
import {
  addPlugin,
  callNames,
  calls,
  someResult,
  wellBehaved,
} from "../../../tools/testbed/script-plugin.ts";
import { writeKubeconfig } from "../../../tools/testbed/test-kubeconfig.ts";

/** What a pod's author may ask for, what of it reaches the plugins, and what is refused before a plugin runs. */

const networks = "k8s.v1.cni.cncf.io/networks";
const ownPrimary = "v1.multus-cni.io/default-network";

interface Pod {
  readonly annotations: Readonly<Record<string, unknown>>;
  readonly config?: object;
  /** What the kubelet asks for, in containerd's spelling. */
  readonly kubelets?: object;
}

function inputOf(bed: Bed, { annotations, config = {}, kubelets = {} }: Pod): object {
  const texts = Object.entries(annotations).map(([key, value]) => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  const capabilities = { portMappings: true, ips: true, mac: true };
  return {
    // The tests ask what the executables are given.
    ...hawser(bed, { delegate: { type: "main", capabilities }, native: "off", ...config }),
    runtimeConfig: { [annotationsCapability]: Object.fromEntries(texts), ...kubelets },
  };
}

async function add(bed: Bed, executable: Executable, pod: Pod) {
  return call(bed, executable, { verb: "ADD", config: inputOf(bed, pod), env: { CNI_ARGS: podArgs } });
}

async function refusal(bed: Bed, executable: Executable, pod: Pod) {
  const error = errorOf(await add(bed, executable, pod));
  expect(callNames(bed), "nothing has run").toEqual([]);
  expect(leftovers(bed)).toEqual([]);
  return error;
}

suite("what a pod asks of a network", [], (executable) => {
  const bed = useBed({ node: false });
  const asked = {
    ips: ["10.9.0.7/24", "fd00::7"],
    mac: "02:00:00:00:00:07",
    infinibandGUID: "c2:11:22:33:44:55:66:77",
    portMappings: [{ hostPort: 53, containerPort: 5353, protocol: "udp", hostIP: "10.0.0.1" }],
    bandwidth: { ingressRate: 1000, ingressBurst: 2000 },
    deviceID: "0000:3b:02.1",
  };
  const all = Object.fromEntries(Object.keys(asked).map((name) => [name, true]));
  const { infinibandGUID, ...plainly } = asked;
  const element = { name: "blue", ...plainly, "infiniband-guid": infinibandGUID };

  test("reaches the plugin that declares it, the kubelet's own wishes the primary alone", async () => {
    for (const type of ["main", "side", "mute"]) addPlugin(bed(), type);
    const plugins = [{ type: "side", capabilities: all }, { type: "mute" }];
    define(bed(), "blue", { cniVersion: "1.1.0", name: "blue", plugins });
    const kubelets = { portMappings: [{ HostPort: 80, ContainerPort: 8080, Protocol: "tcp" }] };
    const config = { requests: { networks: { "default/blue": { deviceID: "allow" } } } };
    answerOf(await add(bed(), executable, { annotations: { [networks]: [element] }, config, kubelets }));
    const sent = calls(bed()).map(({ type, config }) => [type, config.runtimeConfig]);
    expect(sent).toEqual([
      ["main", kubelets],
      ["side", asked],
      ["mute", undefined],
    ]);
  });

  test("that no plugin declares is refused, all of it at once", async () => {
    define(bed(), "blue", { type: "side", capabilities: { mac: true } });
    define(bed(), "red", { type: "side" });
    const annotations = {
      [networks]: [
        { name: "blue", ips: asked.ips, mac: asked.mac },
        { name: "red", bandwidth: asked.bandwidth },
      ],
    };
    const error = await refusal(bed(), executable, { annotations });
    expect(error.details).toContain("[meta.capability]");
    expect(error.msg).toContain("default/blue: the pod asks for ips, which no plugin");
    expect(error.details).toContain("default/red: the pod asks for bandwidth, which no plugin");
  });

  test("that is denied is refused, all of it at once", async () => {
    define(bed(), "blue", { type: "side", capabilities: all });
    const annotations = {
      [networks]: [
        { ...element, "cni-args": { team: "a" } },
        { name: "red", namespace: "red" },
      ],
    };
    const error = await refusal(bed(), executable, { annotations });
    expect(error.msg).toBe(
      "select networks of a pod in namespace default: red/red may not be used from there",
    );
    expect(error.details).toContain("default/blue does not allow deviceID, cniArgs");
  });

  test.each([
    [
      "a key that there is not",
      { name: "blue", vlan: 7 },
      `entry 0, key "vlan": There is no such key.`,
      "annotation.key",
    ],
    [
      "a wrong value",
      { name: "blue", portMappings: [{ hostPort: 70_000 }] },
      "[0] has no containerPort.",
      "annotation.value",
    ],
    [
      "text that is no JSON",
      `[{"name":"blue",}]`,
      "line 1, column 17: expected a key in double quotes",
      "annotation.json",
    ],
  ])("%s is refused with its place", async (_case, entry, words, id) => {
    define(bed(), "blue", { type: "side" });
    const annotations = { [networks]: typeof entry === "string" ? entry : [entry] };
    const error = await refusal(bed(), executable, { annotations });
    expect(error.details).toContain(words);
    expect(error.details).toContain(`[${id}]`);
  });

  test("a key that there is not is passed over where the operator says so, with a word", async () => {
    for (const type of ["main", "side"]) addPlugin(bed(), type);
    define(bed(), "blue", { type: "side" });
    const annotations = { [networks]: [{ name: "blue", vlan: 7 }] };
    const ended = await add(bed(), executable, { annotations, config: { unknownKeys: "ignore" } });
    answerOf(ended);
    expect(ended.stderr).toContain(`network default/blue: ignored key "vlan"`);
    expect(calls(bed())[1]?.stdin).not.toContain("vlan");
  });
});

suite("isolation", [], (executable) => {
  const bed = useBed({ node: false });

  function resource(more: object): object {
    return {
      kind: "NetworkAttachmentDefinition",
      metadata: { name: "shared", namespace: "blue", ...more },
      spec: { config: JSON.stringify({ cniVersion: "1.1.0", type: "side" }) },
    };
  }

  test("another namespace's network: the same words whether it exists, is broken, or is not there", async () => {
    const pod = { annotations: { [networks]: "blue/shared" } };
    const absent = await refusal(bed(), executable, pod);
    expect(absent.details).toContain("[meta.cross-namespace]");
    define(bed(), "shared", resource({}), "blue");
    expect(await refusal(bed(), executable, pod)).toEqual(absent);
    define(bed(), "shared", { neither: "type nor plugins" }, "blue");
    expect(await refusal(bed(), executable, pod)).toEqual(absent);
  });

  test("a definition opens itself to a namespace", async () => {
    for (const type of ["main", "side"]) addPlugin(bed(), type);
    const opened = { annotations: { "v1.hawser-cni.io/allowed-namespaces": "green, default" } };
    define(bed(), "shared", resource(opened), "blue");
    answerOf(await add(bed(), executable, { annotations: { [networks]: "blue/shared" } }));
    expect(callNames(bed())).toEqual(["ADD main eth0", "ADD side net1"]);
  });

  test("a plugin that the operator has not listed", async () => {
    define(bed(), "blue", { type: "bridge", ipam: { type: "odd" } });
    const config = { allowedTypes: ["bridge", "static"] };
    const error = await refusal(bed(), executable, { annotations: { [networks]: "blue" }, config });
    expect(error.msg).toContain(
      `default/blue runs "odd" for its addresses, which may not run for a definition`,
    );
    expect(error.details).toContain("[meta.type-denied]");
  });
});

suite("a primary of the pod's own", [], (executable) => {
  const bed = useBed({ node: false });

  test("takes the delegate's place, with what the kubelet asks for; DEL undoes it", async () => {
    addPlugin(bed(), "side", wellBehaved(someResult()));
    define(bed(), "flat", { type: "side", capabilities: { portMappings: true, mac: true } });
    const mac = "02:00:00:00:00:07";
    const kubelets = { portMappings: [{ HostPort: 80 }] };
    const pod = { annotations: { [ownPrimary]: [{ name: "flat", mac }] }, kubelets };
    answerOf(await add(bed(), executable, pod));
    expect(callNames(bed())).toEqual(["ADD side eth0"]);
    expect(calls(bed())[0]?.config).toMatchObject({ name: "flat", runtimeConfig: { ...kubelets, mac } });
    expect(effects(bed())).toEqual(["side@c1@eth0"]);
    // The record knows the networks. The annotation is not needed again.
    expectSilence(
      await call(bed(), executable, { verb: "DEL", config: inputOf(bed(), { annotations: {} }) }),
    );
    expect(callNames(bed())).toEqual(["ADD side eth0", "DEL side eth0"]);
    expect(leftovers(bed())).toEqual([]);
  });

  describe("is subject to what goes for every network", () => {
    test.each<[string, Pod, string]>([
      ["its namespace", { annotations: { [ownPrimary]: "blue/flat" } }, "meta.cross-namespace"],
      [
        "what may be asked",
        { annotations: { [ownPrimary]: [{ name: "flat", deviceID: "d" }] } },
        "meta.request-denied",
      ],
      [
        "which plugins may run",
        { annotations: { [ownPrimary]: "flat" }, config: { allowedTypes: [] } },
        "meta.type-denied",
      ],
      ["two", { annotations: { [ownPrimary]: "flat,flat" } }, "annotation.default-network"],
    ])("%s", async (_case, pod, id) => {
      define(bed(), "flat", { type: "side", capabilities: { deviceID: true } });
      expect((await refusal(bed(), executable, pod)).details).toContain(`[${id}]`);
    });
  });
});

suite("definitions that are kept in the API", [], (executable) => {
  const bed = useBed({ node: false });
  let api: KubeApi;
  beforeAll(async () => {
    api = await startKubeApi();
  });
  afterAll(() => api.stop());

  function podOf(network: string): Pod {
    const kubeconfig = writeKubeconfig(join(bed().root, "kubeconfig"), api);
    return { annotations: { [networks]: network }, config: { kubeconfig } };
  }

  test("run the reference plugins, by name, and no others unless the operator says so", async () => {
    for (const type of ["main", "macvlan"]) addPlugin(bed(), type);
    api.put(networkDefinition("default", "plain", { cniVersion: "1.1.0", type: "macvlan" }));
    api.put(networkDefinition("default", "odd", { cniVersion: "1.1.0", type: "host-device" }));
    expect((await refusal(bed(), executable, podOf("odd,plain"))).msg).toContain(
      `default/odd runs "host-device"`,
    );
    answerOf(await add(bed(), executable, podOf("plain")));
    expect(callNames(bed())).toEqual(["ADD main eth0", "ADD macvlan net1"]);
  });

  test("open themselves to other namespaces; of the others nothing is told", async () => {
    for (const type of ["main", "macvlan"]) addPlugin(bed(), type);
    const config = { cniVersion: "1.1.0", type: "macvlan" };
    api.put(networkDefinition("blue", "open", config, { "v1.hawser-cni.io/allowed-namespaces": "default" }));
    api.put(networkDefinition("blue", "closed", config, { "v1.hawser-cni.io/allowed-namespaces": "green" }));
    const words = async (network: string) => {
      const { msg, details } = await refusal(bed(), executable, podOf(network));
      return `${msg} ${details}`.replace(network, "it");
    };
    expect(await words("blue/closed")).toBe(await words("blue/absent"));
    answerOf(await add(bed(), executable, podOf("blue/open")));
    expect(callNames(bed())).toEqual(["ADD main eth0", "ADD macvlan net1"]);
  });
});
