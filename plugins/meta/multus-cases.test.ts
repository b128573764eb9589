import { describe, expect, test } from "vitest";
import { parseNetworkConfig } from "../../cni/config.ts";
import { parseEnvironment } from "../../cni/environment.ts";
import type { JsonObject } from "../../cni/json.ts";
import { exited, type Handler, type HttpHandler } from "../../sys/fake.ts";
import { ok } from "../../sys/outcome.ts";
import { type CallAbout, createRecordingNode, podArgs, type RecordingNode } from "./meta-testing.ts";
import { createPodNetwork } from "./routes/pod-network-testing.ts";

/**
 * The cases that Multus tests in its own repository (pkg/multus, pkg/k8sclient, pkg/types, pkg/netutils of v4.2), in its words,
 * and cases from its users' issues. What another module tests alone runs here once, through a whole verb.
 */

const networks = "k8s.v1.cni.cncf.io/networks";
const networkStatus = "k8s.v1.cni.cncf.io/network-status";
const defaultNetwork = "v1.multus-cni.io/default-network";
const types = ["weave", "other", "third", "portmap", "tuning"];
const weave = { name: "weave1", cniVersion: "1.1.0", type: "weave" };
const other = { name: "other1", cniVersion: "1.1.0", type: "other" };
const list = {
  name: "list1",
  cniVersion: "1.1.0",
  plugins: [{ type: "weave" }, { type: "portmap", capabilities: { portMappings: true } }],
};
const stateDir = "/var/lib/cni/hawser";
const record = `${stateDir}/node-cni/pod1@eth0.json`;

function conf(more: object = {}): JsonObject {
  return { name: "node-cni", type: "multus", cniVersion: "1.1.0", delegates: [weave], ...more } as JsonObject;
}

/** A NetworkAttachmentDefinition on the node. */
function nad(
  namespace: string,
  name: string,
  config: unknown,
  annotations: object = {},
): Record<string, unknown> {
  const spec = config === undefined ? {} : { config: JSON.stringify(config) };
  const resource = { kind: "NetworkAttachmentDefinition", metadata: { name, namespace, annotations }, spec };
  return { [`/etc/cni/hawser/net.d/${namespace}/${name}.json`]: resource };
}

const files = {
  ...nad("shop", "net-a", { cniVersion: "1.1.0", type: "other" }),
  ...nad("shop", "net-b", { name: "b", cniVersion: "1.1.0", type: "third" }),
  ...nad("shop", "silent", { cniVersion: "1.1.0", type: "other", answers: {} }),
  ...nad("kube-system", "blue", { name: "blue", cniVersion: "1.1.0", type: "third" }),
  ...nad("team", "private", { name: "private", cniVersion: "1.1.0", type: "other" }),
  ...nad("default", "global", { name: "global", cniVersion: "1.1.0", type: "other" }),
  ...nad("shop", "by-file", undefined),
  "/etc/cni/multus/net.d/10-by-file.conf": { name: "by-file", cniVersion: "1.1.0", type: "third" },
  "/etc/cni/net.d/10-list.conflist": list,
};

function node(
  more: Record<string, unknown> = {},
  also: Parameters<typeof createRecordingNode>[2] = {},
): RecordingNode {
  return createRecordingNode(types, { ...files, ...more }, also);
}

const asking = (text: string, more: Partial<CallAbout> = {}): Partial<CallAbout> => ({
  annotations: { [networks]: text },
  ...more,
});

function said({ calls }: RecordingNode): string[] {
  return calls.map(({ verb, type, ifname }) => `${verb} ${type} ${ifname}`.trim());
}

/** The plugins that an ADD of this pod calls, or the id of its error. */
async function added(config: object, about: Partial<CallAbout> = {}, more: Record<string, unknown> = {}) {
  const made = node(more);
  const outcome = await made.call("ADD", config, about);
  return outcome.ok ? said(made) : outcome.error.id;
}

const kubeconfig = {
  apiVersion: "v1",
  kind: "Config",
  clusters: [{ name: "c", cluster: { server: "https://api:6443" } }],
  users: [{ name: "u", user: { token: "t" } }],
  contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
  "current-context": "x",
};
const withApi = conf({ kubeconfig: "/k" });

const notFound = JSON.stringify({
  kind: "Status",
  status: "Failure",
  reason: "NotFound",
  details: { kind: "pods", name: "web" },
  code: 404,
});

/** A node whose API knows one pod with this uid and these annotations. The API answers after a delay. */
function nodeWithApi(uid: string, annotations: object | undefined, delayMs = 0) {
  const asked: string[] = [];
  const told: string[] = [];
  let machine: RecordingNode["machine"] | undefined;
  const http: HttpHandler = async ({ method, url, body = "" }) => {
    asked.push(`${method} ${new URL(url).pathname}`);
    if (method === "PATCH") told.push(JSON.parse(body).metadata.annotations[networkStatus]);
    if (delayMs > 0) await machine?.clock.sleep(delayMs);
    if (annotations === undefined || !url.endsWith("/pods/web")) return ok({ status: 404, body: notFound });
    const pod = { kind: "Pod", metadata: { name: "web", namespace: "shop", uid, annotations } };
    return ok({ status: 200, body: JSON.stringify(pod) });
  };
  const made = node({ "/k": kubeconfig }, { http });
  machine = made.machine;
  return { made, asked, told };
}

describe("Multus's own cases", () => {
  test("delegates executed in order", async () => {
    const made = node();
    await made.call("ADD", conf({ delegates: [weave, other] }));
    await made.call("DEL", conf({ delegates: [weave, other] }));
    expect(said(made)).toEqual(["ADD weave eth0", "ADD other net1", "DEL other net1", "DEL weave eth0"]);
  });

  test("an empty-result delegate", async () => {
    const empty = { ...other, answers: {} };
    const made = node();
    expect(await made.call("ADD", conf({ delegates: [weave, empty] }))).toMatchObject({
      value: { interfaces: [{ name: "eth0" }] },
    });
    expect(await made.call("ADD", conf({ delegates: [empty] }), { containerId: "pod2" })).toEqual(ok({}));
  });

  test("faulty netns", () => {
    const variables = { CNI_COMMAND: "ADD", CNI_CONTAINERID: "pod1", CNI_IFNAME: "eth0", CNI_NETNS: "" };
    expect(parseEnvironment(variables)).toMatchObject({ ok: false, error: { id: "env.missing", code: 4 } });
  });

  test("bad JSON", () => {
    expect(parseNetworkConfig(`{"type": "multus", "delegates": [}`)).toMatchObject({
      ok: false,
      error: { error: { id: "config.json", code: 6 } },
    });
  });

  test("cleanup on failure including the failing delegate", async () => {
    const made = node();
    const delegates = [weave, { ...other, fails: "ADD" }, { ...other, type: "third" }];
    expect(await made.call("ADD", conf({ delegates }))).toMatchObject({ ok: false, error: { code: 999 } });
    expect(said(made)).toEqual(["ADD weave eth0", "ADD other net1", "DEL other net1", "DEL weave eth0"]);
    expect(made.machine.disk.stat(record).ok).toBe(false);
  });

  test.each<[string, string, object | undefined, string[] | string]>([
    ["UID match", "u1", {}, ["ADD weave eth0"]],
    ["UID mismatch", "u2", {}, "kube.pod-uid"],
    ["UID mismatch of a static pod", "u2", { "kubernetes.io/config.source": "file" }, ["ADD weave eth0"]],
    ["pod missing", "u1", undefined, "kube.pod-gone"],
  ])("%s", async (_case, uid, annotations, expected) => {
    const { made } = nodeWithApi(uid, annotations);
    const outcome = await made.call("ADD", withApi);
    expect(outcome.ok ? said(made) : outcome.error.id).toEqual(expected);
  });

  test("UID absent", async () => {
    const { made } = nodeWithApi("u2", {});
    const args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web";
    expect(await made.call("ADD", withApi, { args })).toMatchObject({ ok: true });
  });

  test("kubelet runtimeConfig reaches the primary only (portMappings not leaking)", async () => {
    const made = node();
    const portMappings = [{ hostPort: 8080, containerPort: 80 }];
    const config = conf({ delegates: [list, { ...list, name: "list2" }], runtimeConfig: { portMappings } });
    await made.call("ADD", config);
    expect(
      made.calls.map(({ type, ifname, config: { runtimeConfig } }) => [type, ifname, runtimeConfig]),
    ).toEqual([
      ["weave", "eth0", undefined],
      ["portmap", "eth0", { portMappings }],
      ["weave", "net1", undefined],
      ["portmap", "net1", undefined],
    ]);
  });

  test("ADD then DEL after the pod is gone", async () => {
    const { made, asked } = nodeWithApi("u1", { [networks]: "net-a" });
    expect(await made.call("ADD", withApi)).toMatchObject({ ok: true });
    const before = asked.length;
    expect(await made.call("DEL", withApi, { netns: "" })).toMatchObject({ ok: true });
    expect(said(made).slice(2)).toEqual(["DEL other net1", "DEL weave eth0"]);
    expect(asked.slice(before), "DEL needs no API").toEqual([]);
  });

  test("DEL without a cache", async () => {
    const made = node();
    expect(await made.call("DEL", conf({ delegates: [weave, other] }))).toMatchObject({ ok: true });
    expect(said(made)).toEqual(["DEL other net1", "DEL weave eth0"]);
  });

  test.each<[string, object]>([
    ["single confs", weave],
    ["lists", { ...list, plugins: [{ type: "weave" }] }],
  ])("STATUS and GC for %s", async (_case, delegate) => {
    const made = node();
    const valid = [{ containerID: "pod1", ifname: "eth0" }];
    const config = conf({ delegates: [delegate], "cni.dev/valid-attachments": valid });
    await made.call("ADD", config);
    expect(await made.call("STATUS", config)).toMatchObject({ ok: true });
    expect(await made.call("GC", config)).toMatchObject({ ok: true });
    expect(said(made)).toEqual(["ADD weave eth0", "STATUS weave", "GC weave"]);
    expect(made.calls[2]?.config["cni.dev/valid-attachments"]).toEqual(valid);
  });

  test.each<[string, string, string[] | string]>([
    ["short annotation", "net-a, shop/net-b@data", ["ADD weave eth0", "ADD other net1", "ADD third data"]],
    [
      "JSON annotation",
      `[{"name":"net-b","interface":"data"},{"name":"net-a"}]`,
      ["ADD weave eth0", "ADD third data", "ADD other net2"],
    ],
    ["an empty annotation", "", ["ADD weave eth0"]],
    ["a/b/c", "a/b/c", "annotation.syntax"],
    ["a@b@c", "a@b@c", "annotation.syntax"],
    ["a long interface", "net-a@sixteencharacter", "annotation.interface"],
    ["a spaced interface", "net-a@a b", "annotation.interface"],
    ["invalid JSON", `[{"name":`, "annotation.json"],
    ["network missing", "net-c", "kube.unknown-network"],
    ["on-disk config", "by-file", ["ADD weave eth0", "ADD third net1"]],
    ["the same NAD twice", "net-a,net-a", ["ADD weave eth0", "ADD other net1", "ADD other net2"]],
    ["name collisions: @eth0", "net-a@eth0", "meta.name-collision"],
    ["name collisions: duplicates", "net-a@x,net-b@x", "annotation.interface"],
    ["name collisions: the name that another gets by itself", "net-a@net2,net-b", "meta.name-collision"],
    [
      "unsupported capability: fail",
      `[{"name":"net-a","bandwidth":{"ingressRate":1,"ingressBurst":1}}]`,
      "meta.capability",
    ],
    [
      "ips together with ipam-claim-reference: error",
      `[{"name":"net-a","ips":["10.1.0.5"],"ipam-claim-reference":"c"}]`,
      "annotation.value",
    ],
  ])("%s", async (_case, text, expected) => {
    expect(await added(conf(), asking(text))).toEqual(expected);
  });

  test("name injected", async () => {
    const made = node();
    await made.call("ADD", conf(), asking("net-a"));
    expect(made.calls[1]?.config.name).toBe("net-a");
  });

  test.each<[string, object, string[]]>([
    ["NAD", { clusterNetwork: "blue" }, ["ADD third eth0"]],
    ["file", { clusterNetwork: "/etc/cni/net.d/10-list.conflist" }, ["ADD weave eth0", "ADD portmap eth0"]],
    ["directory", { clusterNetwork: "/etc/cni/net.d" }, ["ADD weave eth0", "ADD portmap eth0"]],
    ["name", { clusterNetwork: "list1", confDir: "/etc/cni/net.d" }, ["ADD weave eth0", "ADD portmap eth0"]],
  ])("clusterNetwork by %s", async (_case, config, expected) => {
    expect(await added(conf(config))).toEqual(expected);
  });

  test("default network override", async () => {
    const annotations = { [defaultNetwork]: "blue", [networks]: "net-a" };
    expect(await added(conf(), { annotations })).toEqual(["ADD third eth0", "ADD other net1"]);
    expect(await added(conf(), { annotations: { [defaultNetwork]: "blue,blue" } })).toBe(
      "annotation.default-network",
    );
  });

  test.each<[string, object, string, string[] | string]>([
    ["isolation violated", { namespaceIsolation: true }, "team/private", "meta.cross-namespace"],
    [
      "isolation violated: default is replaced",
      { namespaceIsolation: true, globalNamespaces: "team" },
      "default/global",
      "meta.cross-namespace",
    ],
    [
      "isolation allowed: a global namespace",
      { namespaceIsolation: true },
      "default/global",
      ["ADD weave eth0", "ADD other net1"],
    ],
    [
      "isolation allowed: one's own",
      { namespaceIsolation: true },
      "shop/net-a",
      ["ADD weave eth0", "ADD other net1"],
    ],
    ["isolation off", {}, "team/private", ["ADD weave eth0", "ADD other net1"]],
  ])("%s", async (_case, config, text, expected) => {
    expect(await added(conf(config), asking(text))).toEqual(expected);
  });

  test("isolation violated: the operator's own field is named", async () => {
    const outcome = await node().call("ADD", conf({ namespaceIsolation: true }), asking("team/private"));
    expect(outcome).toMatchObject({
      error: { details: expect.stringContaining("of default (globalNamespaces)") },
    });
  });

  test("isolation bypass: the default network is under it, too", async () => {
    const about = { annotations: { [defaultNetwork]: "team/private" } };
    expect(await added(conf({ namespaceIsolation: true }), about)).toBe("meta.cross-namespace");
    expect(await added(conf(), about)).toEqual(["ADD other eth0"]);
  });

  test("cni-args merge", async () => {
    const more = nad("shop", "args", {
      cniVersion: "1.1.0",
      type: "other",
      args: { cni: { a: 1, b: 1 }, keep: 1 },
    });
    const made = node(more);
    await made.call("ADD", conf(), asking(`[{"name":"args","cni-args":{"b":2,"c":3}}]`));
    expect(made.calls[1]?.config.args).toEqual({ cni: { a: 1, b: 2, c: 3 }, keep: 1 });
  });

  test("CNI_ARGS values containing =", async () => {
    const made = node();
    const args = `${podArgs};TOKEN=a=b==`;
    await made.call("ADD", conf(), { args });
    expect(made.calls[0]?.args).toBe(args);
  });

  test("addresses and MAC in CNI_ARGS, of that network alone and on ADD alone", async () => {
    const made = node();
    const bare = "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web";
    const about = asking(
      `[{"name":"net-a","ips":["10.1.0.5/24","fd00::5"],"mac":"02:00:00:00:00:01"},{"name":"net-b"}]`,
      { args: bare },
    );
    const outcome = await made.call("ADD", conf(), about);
    const result = outcome.ok ? JSON.parse(JSON.stringify(outcome.value)) : {};
    await made.call("CHECK", conf({ prevResult: { cniVersion: "1.1.0", ...result } }), about);
    await made.call("DEL", conf(), { args: "" });
    const own = `${bare};IgnoreUnknown=true;MAC=02:00:00:00:00:01;IP=10.1.0.5/24,fd00::5`;
    expect(made.calls.map(({ verb, type, args }) => `${verb} ${type} ${args}`)).toEqual([
      `ADD weave ${bare}`,
      `ADD other ${own}`,
      `ADD third ${bare}`,
      `CHECK weave ${bare}`,
      `CHECK other ${bare}`,
      `CHECK third ${bare}`,
      `DEL third ${bare}`,
      `DEL other ${bare}`,
      `DEL weave ${bare}`,
    ]);
  });

  test("arguments that its plugin cannot read: DEL goes without them, and the pod can be deleted", async () => {
    const refusing: Handler = ({ env }) =>
      env.CNI_ARGS?.includes("IP=") ? exited(1, '{"code":999,"msg":"two are too many"}') : exited(0, "");
    const made = node(nad("shop", "dual", { cniVersion: "1.1.0", type: "picky" }), {
      executables: { "/bin/cni/picky": refusing },
    });
    const about = asking('[{"name":"dual","ips":["10.1.0.5","fd00::5"]}]');
    expect(await made.call("ADD", conf(), about)).toMatchObject({
      error: { msg: expect.stringContaining("two are too many") },
    });
    expect(await made.call("DEL", conf(), about)).toMatchObject({ ok: true });
  });

  test("a list cached and restored without losing a field", async () => {
    const made = node();
    const plugins = [
      { type: "weave", own: { deep: [1, { a: null }] }, mtu: 9000 },
      { type: "tuning", sysctl: { "net.core.somaxconn": "500" } },
    ];
    await made.call("ADD", conf({ delegates: [{ ...list, plugins }] }));
    await made.call("DEL", conf({ delegates: [other] }));
    const [first, second, ...deleted] = made.calls;
    expect(deleted.map(({ verb, type }) => `${verb} ${type}`)).toEqual(["DEL tuning", "DEL weave"]);
    const sent = (call: typeof first) => ({ ...call?.config, prevResult: undefined });
    expect(sent(deleted[0])).toEqual(sent(second));
    expect(sent(deleted[1])).toEqual(sent(first));
    expect(sent(first)).toMatchObject(plugins[0] ?? {});
  });

  test("only the primary's result is returned", async () => {
    const outcome = await node().call("ADD", conf(), asking("net-a"));
    expect(outcome).toMatchObject({ value: { interfaces: [{ name: "eth0" }] } });
    expect(outcome.ok && (outcome.value as { interfaces: object[] }).interfaces).toHaveLength(1);
  });
});

describe("what its users' issues add", () => {
  const torn = { [record]: "{" };

  test("NAD deleted and cache lost: nothing is invented, and the primary is deleted", async () => {
    const made = node();
    expect(await made.call("DEL", conf(), asking("gone"))).toMatchObject({ ok: true });
    expect(said(made)).toEqual(["DEL weave eth0"]);
    expect(made.warnings().join()).toContain("gone");
  });

  test("torn cache: what can be derived is deleted, and only then is it put aside", async () => {
    const made = node(torn);
    expect(await made.call("DEL", conf(), asking("net-a"))).toMatchObject({ ok: true });
    expect(said(made)).toEqual(["DEL other net1", "DEL weave eth0"]);
    const broken = node(torn);
    expect(await broken.call("DEL", conf({ delegates: [] }))).toMatchObject({
      error: { id: "attachments.lost" },
    });
    expect(broken.machine.disk.stat(record).ok).toBe(true);
  });

  test("DEL retried after a delegate's failure", async () => {
    const made = node();
    const delegates = [weave, { ...other, fails: "DEL" }];
    await made.call("ADD", conf({ delegates }));
    for (const _try of [1, 2]) {
      expect(await made.call("DEL", conf({ delegates }))).toMatchObject({ ok: false, error: { code: 999 } });
    }
    expect(said(made).slice(2)).toEqual([
      "DEL other net1",
      "DEL weave eth0",
      "DEL other net1",
      "DEL weave eth0",
    ]);
    expect(made.machine.disk.stat(record).ok).toBe(true);
  });

  test("GC with the runtime's attachments: a stale one is deleted, each network has its own valid set", async () => {
    const made = node();
    const config = conf({ delegates: [weave, other] });
    await made.call("ADD", config);
    await made.call("ADD", config, { containerId: "stale", netns: "/run/netns/stale" });
    const extra = { "cni.dev/valid-attachments": [{ containerID: "pod1", ifname: "eth0" }] };
    expect(await made.call("GC", config, { extra })).toMatchObject({ ok: true });
    expect(said(made).slice(4)).toEqual(["DEL other net1", "DEL weave eth0", "GC weave", "GC other"]);
    const valid = made.calls.slice(6).map(({ config: sent }) => sent["cni.dev/valid-attachments"]);
    expect(valid).toEqual([
      [{ containerID: "pod1", ifname: "eth0" }],
      [{ containerID: "pod1", ifname: "net1" }],
    ]);
  });

  test("CHECK of secondaries", async () => {
    const made = node(nad("shop", "drifts", { ...other, fails: "CHECK" }));
    const outcome = await made.call("ADD", conf(), asking("net-a,drifts"));
    const result = outcome.ok ? JSON.parse(JSON.stringify(outcome.value)) : {};
    const check = await made.call("CHECK", conf({ prevResult: { cniVersion: "1.1.0", ...result } }));
    expect(check).toMatchObject({ ok: false, error: { code: 999, msg: expect.stringContaining("net2") } });
    expect(said(made).slice(3)).toEqual(["CHECK weave eth0", "CHECK other net1", "CHECK other net2"]);
    expect(made.calls[4]?.config.prevResult).toMatchObject({ interfaces: [{ name: "net1" }] });
  });

  test("the same device twice: two networks of one resource get two", async () => {
    const nic = { "k8s.v1.cni.cncf.io/resourceName": "vendor.com/nic" };
    const entry = {
      PodUID: "u1",
      ContainerName: "c",
      ResourceName: "vendor.com/nic",
      DeviceIDs: { "0": ["d1", "d2"] },
    };
    const checkpoint = { Data: { PodDeviceEntries: [entry], RegisteredDevices: {} }, Checksum: 0 };
    const more = {
      ...nad("shop", "fast", { cniVersion: "1.1.0", type: "other" }, nic),
      "/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint": checkpoint,
    };
    const made = node(more);
    expect(await made.call("ADD", conf(), asking("fast,fast"))).toMatchObject({ ok: true });
    expect(made.calls.slice(1).map(({ config }) => config.deviceID)).toEqual(["d1", "d2"]);
    expect(await added(conf(), asking("fast,fast,fast"), more)).toBe("device.none");
  });

  test("status for results without an interface", async () => {
    const { made, told } = nodeWithApi("u1", { [networks]: "silent" });
    expect(await made.call("ADD", withApi)).toMatchObject({ ok: true });
    expect(told.map((text) => JSON.parse(text))).toEqual([
      [
        { name: "weave1", interface: "eth0", default: true, dns: {} },
        { name: "shop/silent", dns: {} },
      ],
    ]);
  });

  test("API slower than 250 ms", async () => {
    const { made, asked } = nodeWithApi("u1", { [networks]: "net-a" }, 2000);
    expect(await made.call("ADD", withApi)).toMatchObject({ ok: true });
    expect(said(made)).toEqual(["ADD weave eth0", "ADD other net1"]);
    expect(asked).toEqual([
      "GET /api/v1/namespaces/shop/pods/web",
      "PATCH /api/v1/namespaces/shop/pods/web/status",
    ]);
  });
});

/** A node with a pod's namespace that has these default routes, such as `4 10.1.0.1 eth0`. */
async function nodeWithRoutes(...own: string[]) {
  const pod = await createPodNetwork("/run/netns/pod1");
  pod.add("eth0", ["10.1.0.5/24", "fd01::5/64"]);
  pod.add("net1", ["10.2.0.5/24", "fd02::5/64"]);
  pod.setRoutes(
    ["4 10.1.0.1 eth0", "6 fd01::1 eth0", ...own].map((each) =>
      each.replace(/ (\S+) /, " default via $1 dev "),
    ),
  );
  const ips = [{ address: "10.2.0.5/24" }, { address: "fd02::5/64" }];
  const both = {
    cniVersion: "1.1.0",
    type: "other",
    answers: { interfaces: [{ name: "net1", sandbox: "/run/netns/pod1" }], ips },
  };
  const made = node({ ...nad("shop", "both", both), "/run/netns/pod1": "" }, { network: pod.network });
  const routes = () => pod.routes().map((each) => each.replace(/ default via (\S+) dev (\S+).*/, " $1 $2"));
  return { made, routes };
}

describe("default-route", () => {
  test.each<[string, string, string[]]>([
    ["gateways nil", `[{"name":"both","default-route":null}]`, ["4 10.1.0.1 eth0", "6 fd01::1 eth0"]],
    [
      "gateways single: the other family stays",
      `[{"name":"both","default-route":["10.2.0.1"]}]`,
      ["6 fd01::1 eth0", "4 10.2.0.1 net1"],
    ],
    [
      "gateways dual: dual-stack default-route",
      `[{"name":"both","default-route":["10.2.0.1","fd02::1"]}]`,
      ["4 10.2.0.1 net1", "6 fd02::1 net1"],
    ],
    [
      "gateways empty: this network's own are taken away, not the others'",
      `[{"name":"both","default-route":[]}]`,
      ["4 10.1.0.1 eth0", "6 fd01::1 eth0"],
    ],
  ])("%s", async (_case, text, expected) => {
    // In one case, net1's plugin has set a route by itself.
    const { made, routes } = await nodeWithRoutes(...(text.includes("[]") ? ["4 10.2.0.9 net1"] : []));
    expect(await made.call("ADD", conf(), asking(text))).toMatchObject({ ok: true });
    expect(routes().sort()).toEqual([...expected].sort());
  });

  test("several gateways of one family are an error, before anything runs", async () => {
    const { made } = await nodeWithRoutes();
    const text = `[{"name":"both","default-route":["10.2.0.1"]},{"name":"both","default-route":["10.2.0.2"]}]`;
    const outcome = await made.call("ADD", conf(), asking(text));
    expect(outcome).toMatchObject({ ok: false, error: { id: "route.several" } });
    expect(said(made)).toEqual([]);
  });
});
