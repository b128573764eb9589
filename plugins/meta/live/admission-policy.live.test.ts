import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { podPath } from "../../../kube/api-path.ts";
import { networkStatusAnnotation } from "../../../kube/pod.ts";
import { useBed } from "../../../tools/testbed/bed.ts";
import { answerOf, call, errorOf } from "../../../tools/testbed/call.ts";
import { until } from "../../../tools/testbed/etcd.ts";
import { suite } from "../../../tools/testbed/executables.ts";
import {
  noKubeApiserver,
  type RealKubeServer,
  startKubeApiserver,
} from "../../../tools/testbed/kube-apiserver.ts";
import { networkDefinition, pod } from "../../../tools/testbed/kube-objects.ts";
import { annotated, hawser, networksAnnotation } from "../../../tools/testbed/networks.ts";
import { addPlugin } from "../../../tools/testbed/script-plugin.ts";
import { writeKubeconfig } from "../../../tools/testbed/test-kubeconfig.ts";

/**
 * The rights of a node's token in a real kube-apiserver, by rbac.yaml alone and with admission-policy.yaml. The DaemonSet's pod
 * has this token, and the API server binds it to the pod and its node.
 */

const missing = noKubeApiserver();
const reason = missing === undefined ? "" : ` (skipped: ${missing})`;
const accountPath = "/api/v1/namespaces/kube-system/serviceaccounts/hawser";
const status = (text: string) => ({ annotations: { [networkStatusAnnotation]: text } });

describe.skipIf(missing !== undefined)(`the rights of a node's token${reason}`, () => {
  let server: RealKubeServer;
  /** The tokens of the DaemonSet's pods on node-1 and node-2. */
  let tokens: readonly string[] = [];
  let count = 0;

  beforeAll(async () => {
    server = await startKubeApiserver();
    tokens = [await daemonsToken("node-1"), await daemonsToken("node-2")];
  });
  afterAll(() => server?.stop());

  async function daemonsToken(node: string): Promise<string> {
    await server.ask({ method: "POST", path: "/api/v1/nodes", body: { metadata: { name: node } } });
    const daemon = pod("kube-system", `hawser-${node}`);
    const spec = { ...(daemon.spec as object), nodeName: node, serviceAccountName: "hawser" };
    await server.create({ ...daemon, spec });
    return await tokenFor({ kind: "Pod", apiVersion: "v1", name: daemon.metadata.name });
  }

  async function tokenFor(boundObjectRef?: object): Promise<string> {
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { boundObjectRef } };
    const answer = await server.ask({ method: "POST", path: `${accountPath}/token`, body });
    expect(answer.status, answer.body).toBe(201);
    return (JSON.parse(answer.body) as { status: { token: string } }).status.token;
  }

  /** Creates a pod in a namespace of its own. Returns the pod's path. */
  async function newPod(node: string | undefined, metadata: object = {}): Promise<string> {
    const made = pod(`shop-${++count}`, "web", { [networksAnnotation]: "a", "example.org/x": "y" });
    const { nodeName: _none, ...unbound } = made.spec as { nodeName: string };
    const spec = node === undefined ? unbound : { ...unbound, nodeName: node };
    await server.create({ ...made, metadata: { ...made.metadata, ...metadata }, spec });
    return podPath(made.metadata.namespace, "web");
  }

  async function patch(path: string, body: object, token?: string): Promise<{ code: number; said: string }> {
    const by = token === undefined ? {} : { token };
    const answer = await server.ask({ method: "PATCH", path: `${path}/status`, body, ...by });
    return { code: answer.status, said: (JSON.parse(answer.body) as { message?: string }).message ?? "" };
  }

  test("by rbac.yaml: definitions and pods are read, pods' status is patched, and that is all", async () => {
    const path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
    const answer = await server.ask({
      method: "POST",
      path,
      body: { spec: { namespace: "default" } },
      token: tokens[0] ?? "",
    });
    const { resourceRules } = (JSON.parse(answer.body) as { status: { resourceRules: Rule[] } }).status;
    const own = resourceRules.filter(({ resources }) => !resources[0]?.startsWith("selfsubject"));
    expect(own.map(({ verbs, resources }) => `${verbs} ${resources}`).toSorted()).toEqual([
      "get network-attachment-definitions",
      "get pods",
      "patch pods/status",
    ]);
  });

  test("by rbac.yaml alone, a token reads every pod, and writes all of every pod's status", async () => {
    const path = await newPod("node-2");
    expect((await server.ask({ method: "GET", path, token: tokens[0] ?? "" })).status).toBe(200);
    const body = { status: { podIP: "10.9.9.9" }, metadata: { labels: { app: "stolen" } } };
    expect(await patch(path, body, tokens[0])).toMatchObject({ code: 200 });
    expect(await server.read(path)).toMatchObject(body);
    // The request that doctor makes.
    const probe = { metadata: { annotations: { "hawser.example/hawser-doctor-probe": "" } } };
    const answer = await server.ask({
      method: "PATCH",
      path: `${path}/status?dryRun=All`,
      body: probe,
      token: tokens[0] ?? "",
    });
    expect(answer.status).toBe(200);
    expect(await server.read(path)).not.toMatchObject(probe);
  });

  describe("with the policy", () => {
    beforeAll(async () => {
      await server.apply("admission-policy.yaml");
      const path = await newPod("node-1");
      await until("the policy is in force", async () => {
        const { code } = await patch(path, { metadata: { labels: { app: String(++count) } } }, tokens[0]);
        return code === 422;
      });
    });

    test.each<[string, object]>([
      ["its first status", { metadata: status("[]") }],
      ["nothing", {}],
      ["the annotation away", { metadata: { annotations: { [networkStatusAnnotation]: null } } }],
    ])("the pod's own node may write %s", async (_what, body) => {
      const path = await newPod("node-1");
      expect(await patch(path, body, tokens[0])).toEqual({ code: 200, said: "" });
    });

    test("and another status after the first, and the first again", async () => {
      const path = await newPod("node-1");
      for (const text of ["[1]", "[2]", "[2]", "[1]"]) {
        expect(await patch(path, { metadata: status(text) }, tokens[0])).toEqual({ code: 200, said: "" });
        expect((await server.read(path))?.metadata.annotations).toEqual({
          [networksAnnotation]: "a",
          "example.org/x": "y",
          [networkStatusAnnotation]: text,
        });
      }
    });

    const itself = "not its status or its spec";
    const annotation = "and no other annotation";
    const labels = "and no other metadata";
    test.each<[string, object, string]>([
      ["podIP", { status: { podIP: "10.9.9.9" } }, itself],
      ["podIPs", { status: { podIPs: [{ ip: "10.9.9.9" }] } }, itself],
      ["phase", { status: { phase: "Failed" } }, itself],
      ["a condition", { status: { conditions: [{ type: "Ready", status: "True" }] } }, itself],
      ["hostIP", { status: { hostIP: "10.9.9.9" } }, itself],
      ["a container's status", { status: { containerStatuses: [containerStatus] } }, itself],
      ["the message", { status: { message: "x" } }, itself],
      ["the status as a whole", { status: null }, itself],
      ["a label more", { metadata: { labels: { tier: "db" } } }, labels],
      ["another label", { metadata: { labels: { app: "db" } } }, labels],
      ["no labels", { metadata: { labels: null } }, labels],
      ["the prefix of its name", { metadata: { generateName: "web-" } }, labels],
      ["a finalizer", { metadata: { finalizers: ["example.org/stay"] } }, labels],
      ["an annotation more", { metadata: { annotations: { "example.org/z": "1" } } }, annotation],
      ["another annotation", { metadata: { annotations: { "example.org/x": "z" } } }, annotation],
      [
        "the pod's choice of networks",
        { metadata: { annotations: { [networksAnnotation]: "b" } } },
        annotation,
      ],
      ["an annotation less", { metadata: { annotations: { "example.org/x": null } } }, annotation],
      ["no annotations", { metadata: { annotations: null } }, annotation],
      [
        "a key that is nearly ours",
        { metadata: { annotations: { [`${networkStatusAnnotation}s`]: "" } } },
        annotation,
      ],
    ])("nobody's token writes %s, alone or with its annotation", async (_what, body, said) => {
      const path = await newPod("node-1");
      const before = await server.read(path);
      const { metadata = {} } = body as { metadata?: { annotations?: object | null } };
      const both = { ...metadata.annotations, ...status("[]").annotations };
      for (const each of [body, { ...body, metadata: { ...metadata, annotations: both } }]) {
        if (metadata.annotations === null && each !== body) continue;
        expect(await patch(path, each, tokens[0])).toEqual({
          code: 422,
          said: expect.stringContaining(said),
        });
      }
      expect(await server.read(path)).toEqual(before);
    });

    test("what the API server itself takes from the pod as it was stays: spec, owners, generation", async () => {
      const path = await newPod("node-1");
      const owner = { apiVersion: "v1", kind: "Pod", name: "x", uid: "u-1" };
      for (const body of [
        { spec: { nodeName: "node-2", hostNetwork: true } },
        { metadata: { ownerReferences: [owner] } },
        { metadata: { generation: 99 } },
      ]) {
        const before = await server.read(path);
        expect(await patch(path, body, tokens[0])).toEqual({ code: 200, said: "" });
        expect(await server.read(path)).toEqual(before);
      }
    });

    const another = "pods on the node that its token is for";
    test("another node's pod is not written, nor one that has no node", async () => {
      for (const node of ["node-2", undefined]) {
        const path = await newPod(node);
        expect(await patch(path, { metadata: status("[]") }, tokens[0])).toEqual({
          code: 422,
          said: expect.stringContaining(another),
        });
      }
      const path = await newPod("node-2");
      expect(await patch(path, { metadata: status("[]") }, tokens[1])).toMatchObject({ code: 200 });
    });

    test("a token that is bound to the node itself writes as well; one that names no node writes nothing", async () => {
      const path = await newPod("node-1");
      const bound = await tokenFor({ kind: "Node", apiVersion: "v1", name: "node-1" });
      expect(await patch(path, { metadata: status("[1]") }, bound)).toMatchObject({ code: 200 });
      const free = await tokenFor();
      expect(await patch(path, { metadata: status("[2]") }, free)).toEqual({
        code: 422,
        said: expect.stringContaining(another),
      });
    });

    test("other users write what they may", async () => {
      const path = await newPod("node-1");
      expect(await patch(path, { status: { podIP: "10.9.9.9" } })).toMatchObject({ code: 200 });
      expect(await patch(path, { metadata: { labels: { app: "db" } } })).toMatchObject({ code: 200 });
    });

    test("the token reads every pod all the same", async () => {
      const path = await newPod("node-2");
      expect((await server.ask({ method: "GET", path, token: tokens[0] ?? "" })).status).toBe(200);
    });

    test("the token ends with the DaemonSet's pod", async () => {
      const [before, after] = [await daemonsToken("node-3"), await daemonsToken("node-3")];
      const path = await newPod("node-3");
      expect(await patch(path, { metadata: status("[1]") }, before)).toMatchObject({ code: 200 });
      const name = "hawser-node-3";
      const deleteOptions = { gracePeriodSeconds: 0 };
      const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name }, deleteOptions };
      const evict = `${podPath("kube-system", name)}/eviction`;
      const evicted = await server.ask({ method: "POST", path: evict, body: eviction });
      expect(evicted.status, evicted.body).toBe(201);
      expect(await patch(path, { metadata: status("[2]") }, after)).toMatchObject({ code: 401 });
    });

    suite("hawser", ["root"], (executable) => {
      const bed = useBed({ node: false });

      async function add(node: string) {
        const path = await newPod(node);
        const { metadata } = (await server.read(path)) ?? pod("", "");
        await server.create(networkDefinition(metadata.namespace, "a", { cniVersion: "1.1.0", type: "one" }));
        for (const type of ["main", "one"]) addPlugin(bed(), type);
        const tokenFile = join(bed().root, "token");
        fs.writeFileSync(tokenFile, tokens[0] ?? "", { mode: 0o600 });
        const kubeconfig = writeKubeconfig(join(bed().root, "kubeconfig"), server, { user: { tokenFile } });
        const more = {
          delegate: { type: "main" },
          kubeconfig,
          status: "required",
          allowedTypes: ["*"],
          opaqueTypes: ["one"],
        };
        const config = annotated(hawser(bed(), more), "a");
        const args = `K8S_POD_NAMESPACE=${metadata.namespace};K8S_POD_NAME=web;K8S_POD_UID=${metadata.uid}`;
        return { path, config, ended: await call(bed(), executable, { verb: "ADD", config, args }) };
      }

      test("writes what it writes under the policy", async () => {
        const { path, ended } = await add("node-1");
        answerOf(ended);
        const text = (await server.read(path))?.metadata.annotations?.[networkStatusAnnotation] ?? "[]";
        expect(JSON.parse(text)).toMatchObject([{ name: "pods", default: true }, { interface: "net1" }]);
      });

      test("is told by doctor that it may write nothing else", async () => {
        const { config, ended } = await add("node-1");
        answerOf(ended);
        const file = join(bed().root, "10-pods.conf");
        fs.writeFileSync(file, JSON.stringify({ ...config, runtimeConfig: undefined }));
        const { stdout } = spawnSync(executable.path, ["doctor", "--config", file, "--json"], {
          encoding: "utf8",
        });
        const { findings } = JSON.parse(stdout) as { findings: { area: string; what: string }[] };
        expect(findings.filter(({ area }) => area === "api").map(({ what }) => what)).toContain(
          `${server.url}: may write nothing else of pods' status`,
        );
      });

      test("says whose pod it may not write", async () => {
        const error = errorOf((await add("node-2")).ended);
        expect(error.details).toContain("[kube.api-refused]");
        expect(`${error.msg} ${error.details}`).toContain(another);
      });
    });
  });
});

interface Rule {
  readonly verbs: readonly string[];
  readonly resources: readonly string[];
}

const containerStatus = {
  name: "main",
  ready: true,
  started: true,
  restartCount: 0,
  image: "x",
  imageID: "x",
  state: { running: {} },
};
