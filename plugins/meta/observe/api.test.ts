import { describe, expect, test } from "vitest";
import type { HttpHandler } from "../../../sys/fake.ts";
import { Crash, type CrashPoint } from "../../../sys/fake.ts";
import { fail, ok } from "../../../sys/outcome.ts";
import { kubeconfigOfTests } from "../api-testing.ts";
import { createRecordingNode, podArgs } from "../meta-testing.ts";

/** The requests of each verb to the Kubernetes API, on a machine in memory. */

const networks = "k8s.v1.cni.cncf.io/networks";

function definition(namespace: string, name: string, config: unknown, annotations = {}): object {
  const spec = config === undefined ? {} : { config: JSON.stringify(config) };
  return { kind: "NetworkAttachmentDefinition", metadata: { namespace, name, annotations }, spec };
}

const pod = { kind: "Pod", metadata: { name: "web", uid: "u1", annotations: { [networks]: "a,b@data0" } } };
const objects: Readonly<Record<string, object>> = {
  "shop/pods/web": pod,
  "shop/a": definition("shop", "a", { type: "one" }),
  "shop/b": definition("shop", "b", { type: "two" }),
  "shop/file": definition("shop", "file", undefined),
  "blue/open": definition("blue", "open", { type: "one" }, { "v1.hawser-cni.io/allowed-namespaces": "shop" }),
  "blue/closed": definition("blue", "closed", { type: "one" }),
  "kube-system/c": definition("kube-system", "c", { type: "one" }),
  "kube-system/d": definition("kube-system", "d", { type: "two" }),
};

type Files = Readonly<Record<string, unknown>>;

function scene(files: Files = {}) {
  const asked: string[] = [];
  let underWay = 0;
  let mostAtOnce = 0;
  const http: HttpHandler = async ({ method, url }) => {
    // write-status.test.ts tests the status that is written after all attachments stand.
    if (method === "PATCH") return ok({ status: 200, body: "{}" });
    const [, namespace, kind, name] = /namespaces\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(url) ?? [];
    const key = kind === "pods" ? `${namespace}/pods/${name}` : `${namespace}/${name}`;
    asked.push(key);
    mostAtOnce = Math.max(mostAtOnce, ++underWay);
    await Promise.resolve();
    underWay--;
    const many = /^shop\/many/.test(key) ? definition("shop", String(name), { type: "one" }) : undefined;
    const object = objects[key] ?? many;
    if (object !== undefined) return ok({ status: 200, body: JSON.stringify(object) });
    const status = { kind: "Status", code: 404, details: { kind } };
    return ok({ status: 404, body: JSON.stringify(status) });
  };
  const node = createRecordingNode(["main", "one", "two"], { "/k": kubeconfigOfTests, ...files }, { http });
  return { node, asked, mostAtOnce: () => mostAtOnce };
}

const config = {
  cniVersion: "1.1.0",
  name: "pods",
  type: "hawser",
  delegate: { type: "main" },
  kubeconfig: "/k",
  // The status would be one more request. write-status.test.ts tests it.
  status: "off",
  definitionsDir: "/d",
  confDir: "/c",
  stateDir: "/s",
};
const conf = (type: string) => ({ cniVersion: "1.1.0", type });

type Scene = ReturnType<typeof scene>;
const called = ({ node }: Scene) => node.calls.map(({ verb, type, ifname }) => `${verb} ${type} ${ifname}`);

describe("ADD asks the API", () => {
  test.each<[string, object, Record<string, string> | undefined, Files, string[], string[]]>([
    [
      "for the pod and its definitions if the runtime passes no annotations",
      {},
      undefined,
      {},
      ["shop/pods/web", "shop/a", "shop/b"],
      ["ADD main eth0", "ADD one net1", "ADD two data0"],
    ],
    [
      "for definitions alone if the runtime passes the annotations",
      {},
      { [networks]: "a,b" },
      {},
      ["shop/a", "shop/b"],
      ["ADD main eth0", "ADD one net1", "ADD two net2"],
    ],
    [
      "for definitions that are not on disk",
      {},
      { [networks]: "a,b" },
      { "/d/shop/a.conf": conf("two") },
      ["shop/b"],
      ["ADD main eth0", "ADD two net1", "ADD two net2"],
    ],
    [
      "for nothing if all definitions are on disk",
      { kubeconfig: "/none" },
      { [networks]: "a" },
      { "/d/shop/a.conf": conf("two") },
      [],
      ["ADD main eth0", "ADD two net1"],
    ],
    ["for nothing for a pod without annotations", { kubeconfig: "/none" }, {}, {}, [], ["ADD main eth0"]],
    ["for nothing without a kubeconfig", { kubeconfig: "" }, undefined, {}, [], ["ADD main eth0"]],
    [
      "once for a definition that is named twice",
      { networks: ["shop/a"] },
      { [networks]: "a,a" },
      {},
      ["shop/a"],
      ["ADD main eth0", "ADD one net1", "ADD one net2", "ADD one net3"],
    ],
    [
      "for a definition whose configuration lies in confDir",
      {},
      { [networks]: "file" },
      {
        "/c/10-x.conf": { name: "file", type: "two" },
        "/etc/cni/hawser/resources.json": { networks: { file: { namespaces: ["shop"] } } },
      },
      ["shop/file"],
      ["ADD main eth0", "ADD two net1"],
    ],
    [
      "for a definition of another namespace that opens itself",
      {},
      { [networks]: "blue/open" },
      {},
      ["blue/open"],
      ["ADD main eth0", "ADD one net1"],
    ],
  ])("%s", async (_case, changes, annotations, files, expected, calls) => {
    const made = scene(files);
    const about = annotations === undefined ? {} : { annotations };
    const added = await made.node.call(
      "ADD",
      { ...config, allowedTypes: ["*"], opaqueTypes: ["*"], ...changes },
      about,
    );
    expect(added).toMatchObject({ ok: true });
    expect([made.asked, called(made)]).toEqual([expected, calls]);
  });

  test("for the primary, the operator's and the pod's own networks at once", async () => {
    const { node, asked, mostAtOnce } = scene();
    const { delegate: _delegate, ...others } = config;
    const multus = { ...others, type: "multus", clusterNetwork: "c", defaultNetworks: ["d", "c"] };
    const about = { annotations: { [networks]: "a,b" } };
    expect(await node.call("ADD", multus, about)).toMatchObject({ ok: true });
    // Two networks with the same definition need one request for it.
    expect([[...asked].sort(), mostAtOnce()]).toEqual([
      ["kube-system/c", "kube-system/d", "shop/a", "shop/b"],
      4,
    ]);
  });

  test("for 40 definitions, 16 at once, each one once", async () => {
    const names = Array.from({ length: 40 }, (_each, index) => `many${index}`);
    const { node, asked, mostAtOnce } = scene();
    const about = { annotations: { [networks]: names.join(",") } };
    expect(
      await node.call("ADD", { ...config, allowedTypes: ["*"], opaqueTypes: ["*"] }, about),
    ).toMatchObject({ ok: true });
    expect([asked.length, new Set(asked).size, mostAtOnce()]).toEqual([40, 40, 16]);
  });

  test("Multus's clusterNetwork and defaultNetworks, too", async () => {
    const made = scene();
    const multus = {
      cniVersion: "1.1.0",
      name: "m",
      type: "multus",
      clusterNetwork: "c",
      defaultNetworks: ["c"],
    };
    const added = await made.node.call("ADD", { ...multus, status: "off", kubeconfig: "/k" });
    expect(added).toMatchObject({ ok: true });
    expect(made.asked[0]).toBe("shop/pods/web");
    expect(new Set(made.asked.slice(1))).toEqual(new Set(["shop/a", "shop/b", "kube-system/c"]));
  });

  test.each([
    ["is there", "blue/closed"],
    ["is not there", "blue/none"],
  ])("and never tells whether a closed network of another namespace %s", async (_case, name) => {
    const { node } = scene();
    const refused = await node.call("ADD", config, { annotations: { [networks]: name } });
    expect(JSON.stringify(refused).replaceAll(name, "X")).toMatch(/X may not be used from there/);
    expect(JSON.stringify(refused)).not.toContain("none either");
    expect(refused).toMatchObject({ error: { id: "meta.cross-namespace" } });
  });

  test("for nothing without a kubeconfig: a definition that is not on disk is an error", async () => {
    const { node, asked } = scene();
    const about = { annotations: { [networks]: "a" } };
    const refused = await node.call("ADD", { ...config, kubeconfig: "" }, about);
    expect(refused).toMatchObject({ error: { id: "kube.unknown-network" } });
    expect(asked).toEqual([]);
  });

  test("and reports every error at once", async () => {
    const { node } = scene();
    const refused = await node.call("ADD", config, { annotations: { [networks]: "x,y" } });
    expect(refused).toMatchObject({ error: { id: "kube.unknown-network" } });
    expect(JSON.stringify(refused)).toMatch(/shop\/x: .*The Kubernetes API has none either.*shop\/y: /);
  });
});

describe("an ADD that is stopped while it asks has done nothing", () => {
  test.each<[CrashPoint, number]>([
    ["before", 0],
    ["half", 0],
    ["after", 0],
    ["half", 1],
    ["after", 2],
  ])("%s request %i", async (when, number) => {
    const made = scene();
    const before = made.node.machine.disk.paths();
    const adding = made.node.call("ADD", config, { processAt: (process) => process.crashAt(number, when) });
    await expect(adding).rejects.toBeInstanceOf(Crash);
    expect([called(made), made.node.machine.disk.paths()]).toEqual([[], before]);
  });

  test.each([0, 1, 2])("request %i fails for good", async (number) => {
    const made = scene();
    const before = made.node.machine.disk.paths();
    const code = "UNABLE_TO_VERIFY_LEAF_SIGNATURE";
    const refused = await made.node.call("ADD", config, {
      processAt: (process) => process.failAt(number, code),
    });
    expect(refused).toMatchObject(fail({ id: "kube.api-untrusted" }));
    expect([called(made), made.node.machine.disk.paths()]).toEqual([[], before]);
  });
});

describe("the other verbs do not ask the API", () => {
  const open = { ...config, allowedTypes: ["*"], opaqueTypes: ["*"], networks: ["shop/a"] };

  test("with a record: CHECK, STATUS, GC, DEL", async () => {
    const made = scene();
    const added = await made.node.call("ADD", open);
    const prevResult = JSON.parse(JSON.stringify(added.ok ? added.value : undefined));
    made.asked.length = 0;
    const told = { ...open, prevResult: { cniVersion: "1.1.0", ...prevResult } };
    expect(await made.node.call("CHECK", told)).toMatchObject({ ok: true });
    expect(await made.node.call("STATUS", open)).toMatchObject({ ok: true });
    const valid = [{ containerID: "pod1", ifname: "eth0" }];
    expect(await made.node.call("GC", { ...open, "cni.dev/valid-attachments": valid })).toMatchObject({
      ok: true,
    });
    made.node.calls.length = 0;
    expect(await made.node.call("DEL", told)).toMatchObject({ ok: true });
    expect(called(made)).toEqual(["DEL two data0", "DEL one net2", "DEL one net1", "DEL main eth0"]);
    expect(made.asked).toEqual([]);
  });

  test.each<[string, Files, Record<string, string> | undefined, string[], string]>([
    ["no annotations", {}, undefined, ["DEL main eth0"], "the pod's annotations, network shop/a"],
    [
      "what is on disk, under the names of the ADD",
      { "/d/shop/b.conf": conf("two") },
      { [networks]: "b,x,b" },
      ["DEL two net4", "DEL two net2", "DEL main eth0"],
      "network shop/a, network shop/x",
    ],
  ])("DEL without a record: %s", async (_case, files, annotations, expected, told) => {
    const made = scene(files);
    const about = annotations === undefined ? {} : { annotations };
    expect(await made.node.call("DEL", open, about)).toMatchObject({ ok: true });
    expect([made.asked, called(made)]).toEqual([[], expected]);
    expect(made.node.warnings()).toEqual([
      `hawser: DEL of container pod1 without a record: not known here, and so not deleted: ${told}`,
    ]);
  });

  test("DEL in Multus's words without a record, the primary being the API's", async () => {
    const made = scene();
    const multus = { cniVersion: "1.1.0", name: "m", type: "multus", clusterNetwork: "c", kubeconfig: "/k" };
    expect(await made.node.call("DEL", multus, { args: podArgs })).toMatchObject({ ok: true });
    expect([made.asked, called(made)]).toEqual([[], []]);
    expect(made.node.warnings().join()).toContain("not deleted: the pod's annotations, the primary network");
  });

  test.each<[string, Record<string, unknown>, string]>([
    ["is not there", {}, "kube.kubeconfig"],
    [
      "names a token that is not there",
      {
        "/none": {
          ...kubeconfigOfTests,
          contexts: [{ name: "n", context: { cluster: "n", user: "n" } }],
          users: [{ name: "n", user: { tokenFile: "t" } }],
        },
      },
      "kube.token",
    ],
  ])("STATUS tells of a kubeconfig that %s", async (_case, files, id) => {
    const { node } = scene(files);
    const status = await node.call("STATUS", { ...config, kubeconfig: "/none" });
    expect(status).toMatchObject({ error: { code: 50, id } });
  });
});
