import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../cni/json.ts";
import { createRecordingNode, podArgs } from "../meta-testing.ts";

const types = ["flannel", "macvlan", "portmap", "tuning", "passthru"];
const cbr0 = { cniVersion: "1.0.0", name: "cbr0", plugins: [{ type: "flannel" }, { type: "portmap" }] };
const side = { cniVersion: "1.0.0", name: "side", type: "macvlan" };
const multus = (more: object) => ({ cniVersion: "1.0.0", name: "multus", type: "multus", ...more });
const nad = (name: string, config: unknown) => ({
  kind: "NetworkAttachmentDefinition",
  metadata: { name },
  spec: config === undefined ? {} : { config: JSON.stringify(config) },
});
const files = {
  "/etc/cni/net.d/10-flannel.conflist": cbr0,
  "/etc/cni/net.d/05-side.conf": side,
  "/etc/cni/net.d/00-notes.txt": "not a configuration",
  "/etc/cni/net.d/cbr0/10-tuning.conf": { type: "tuning" },
  "/etc/cni/net.d/vendor/10-tuning.conf": { type: "tuning" },
  "/etc/cni/net.d/broken.conf": "{",
  "/etc/cni/empty/readme": "",
  "/etc/cni/multus/net.d/20-side.conf": { ...side, name: "by-file" },
  "/etc/cni/hawser/net.d/kube-system/defined.json": nad("defined", { ...side, name: "of-definition" }),
  "/etc/cni/hawser/net.d/kube-system/by-file.json": nad("by-file", undefined),
  "/etc/cni/hawser/net.d/ops/defined.json": nad("defined", { ...side, name: "of-ops" }),
};

/** The plugins that an ADD calls, as `type name ifname`. */
async function added(config: object, args = podArgs): Promise<string[]> {
  const node = createRecordingNode(types, files);
  const outcome = await node.call("ADD", multus(config), { args });
  if (!outcome.ok) return [`${outcome.error.id}: ${outcome.error.msg}`];
  return node.calls.map(({ type, config: { name }, ifname }) => `${type} ${String(name)} ${ifname}`);
}

describe("where Multus's clusterNetwork is found", () => {
  test.each<[string, JsonObject, string[]]>([
    ["a definition in kube-system", { clusterNetwork: "defined" }, ["macvlan of-definition eth0"]],
    [
      "a definition in multusNamespace",
      { clusterNetwork: "defined", multusNamespace: "ops" },
      ["macvlan of-ops eth0"],
    ],
    [
      "a file of confDir by the name in it",
      { clusterNetwork: "cbr0", confDir: "/etc/cni/net.d" },
      ["flannel cbr0 eth0", "portmap cbr0 eth0", "tuning cbr0 eth0"],
    ],
    [
      "a definition without a configuration: the file of its name",
      { clusterNetwork: "by-file" },
      ["macvlan by-file eth0"],
    ],
    ["a folder: its first configuration", { clusterNetwork: "/etc/cni/net.d" }, ["macvlan side eth0"]],
    [
      "a path: that file, and the folder of its list's name",
      { clusterNetwork: "/etc/cni/net.d/10-flannel.conflist" },
      ["flannel cbr0 eth0", "portmap cbr0 eth0", "tuning cbr0 eth0"],
    ],
    [
      "an auxiliary chain comes last",
      { clusterNetwork: "/etc/cni/net.d/05-side.conf", auxiliaryCNIChainName: "vendor" },
      ["macvlan side eth0", "passthru vendor net1", "tuning vendor net1"],
    ],
    [
      "an auxiliary chain with nothing in its folder is not attached",
      { clusterNetwork: "/etc/cni/net.d/05-side.conf", auxiliaryCNIChainName: "other" },
      ["macvlan side eth0"],
    ],
  ])("%s", async (_case, config, expected) => {
    expect(await added(config)).toEqual(expected);
  });

  test.each<[string, JsonObject, string]>([
    [
      "a name that is found nowhere",
      { clusterNetwork: "none" },
      "kube.unknown-network: find clusterNetwork: find network kube-system/none",
    ],
    [
      "an empty folder",
      { clusterNetwork: "/etc/cni/empty" },
      "kube.unknown-network: find clusterNetwork: folder",
    ],
    [
      "a path without a file",
      { clusterNetwork: "/etc/cni/none.conf" },
      "kube.read: find clusterNetwork: read /etc/cni/none.conf",
    ],
    [
      "a file that is not JSON",
      { clusterNetwork: "/etc/cni/net.d/broken.conf" },
      "kube.bad-configuration: find clusterNetwork",
    ],
    [
      "a default network that is found nowhere",
      { clusterNetwork: "defined", defaultNetworks: ["none"] },
      "kube.unknown-network: find defaultNetworks[0]",
    ],
  ])("refused: %s", async (_case, config, expected) => {
    expect((await added(config))[0]).toContain(expected);
  });
});

test("a list's name does not lead out of its folder", async () => {
  const away = { ...cbr0, name: "../secret" };
  const node = createRecordingNode(types, { ...files, "/etc/cni/net.d/away.conflist": away });
  const lines: string[] = [];
  const onCall = (line: string) => void lines.push(line);
  const outcome = await node.call("ADD", multus({ clusterNetwork: "/etc/cni/net.d/away.conflist" }), {
    onCall,
  });
  expect(outcome).toMatchObject({ ok: false, error: { id: "config.name" } });
  expect(lines.filter((line) => line.includes("secret"))).toEqual([]);
});

test("an API that refuses does not put pods on the network of a file", async () => {
  const user = {
    clusters: [{ name: "c", cluster: { server: "https://api:6443" } }],
    users: [{ name: "u", user: { token: "t" } }],
  };
  const kubeconfig = {
    ...user,
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  };
  const http = async () => ({ ok: true as const, value: { status: 403, body: "{}" } });
  const node = createRecordingNode(types, { ...files, "/k": kubeconfig }, { http });
  const config = { kubeconfig: "/k", clusterNetwork: "cbr0", confDir: "/etc/cni/net.d" };
  const annotations = {};
  expect(await node.call("ADD", multus(config), { annotations })).toMatchObject({
    ok: false,
    error: { id: "kube.api-forbidden" },
  });
  expect(node.calls).toEqual([]);
});

describe("the networks that every pod gets", () => {
  test("include the delegates behind the first, under net<index>", async () => {
    expect(await added({ delegates: [cbr0, side] })).toEqual([
      "flannel cbr0 eth0",
      "portmap cbr0 eth0",
      "macvlan side net1",
    ]);
  });

  test("include defaultNetworks, but not in system namespaces", async () => {
    const config = { clusterNetwork: "defined", defaultNetworks: ["by-file"] };
    expect(await added(config)).toEqual(["macvlan of-definition eth0", "macvlan by-file net1"]);
    const system = "IgnoreUnknown=1;K8S_POD_NAMESPACE=kube-system;K8S_POD_NAME=dns";
    expect(await added(config, system)).toEqual(["macvlan of-definition eth0"]);
    expect(await added({ ...config, systemNamespaces: [] }, system)).toHaveLength(2);
  });

  test("STATUS asks the plugins of all of them", async () => {
    const node = createRecordingNode(types, files);
    const delegates = [
      { ...side, cniVersion: "1.1.0" },
      { ...side, cniVersion: "1.1.0", name: "other", fails: "STATUS" },
    ];
    const status = await node.call("STATUS", { ...multus({ delegates }), cniVersion: "1.1.0" });
    expect(status).toMatchObject({ ok: false, error: { code: 50, msg: expect.stringContaining("other") } });
    expect(node.calls.map(({ config }) => config.name)).toEqual(["side", "other"]);
  });
});
