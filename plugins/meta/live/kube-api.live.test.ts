import * as fs from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { stringify } from "yaml";
import { definitionPath, podPath } from "../../../kube/api-path.ts";
import { addNamespace, type Bed, install, useBed } from "../../../tools/testbed/bed.ts";
import { answerOf, call, type Ended, errorOf, expectSilence } from "../../../tools/testbed/call.ts";
import { makeAuthority } from "../../../tools/testbed/certificates.ts";
import { type Executable, suite } from "../../../tools/testbed/executables.ts";
import { expectKernelState, linkNames, type PrintedResult } from "../../../tools/testbed/kernel-state.ts";
import { type InjectedFault, type KubeApi, startKubeApi } from "../../../tools/testbed/kube-api.ts";
import { openGate } from "../../../tools/testbed/kube-gate.ts";
import { networkDefinition, pod } from "../../../tools/testbed/kube-objects.ts";
import { leftovers, records } from "../../../tools/testbed/leftovers.ts";
import {
  annotated,
  bridge,
  define,
  hawser,
  macvlan,
  networksAnnotation,
} from "../../../tools/testbed/networks.ts";
import { addPlugin, callNames, calls, forgetCalls } from "../../../tools/testbed/script-plugin.ts";
import { kubeconfigFor, writeKubeconfig } from "../../../tools/testbed/test-kubeconfig.ts";

/** Annotations and definitions from a Kubernetes API over TLS: the requests of an ADD, and the ADD's error if one fails. */

const main = { type: "main" };
const types = { allowedTypes: ["*"], opaqueTypes: ["*"] };
const webPath = podPath("shop", "web");
const [a, b] = ["a", "b"].map((name) => definitionPath("shop", name)) as [string, string];

let api: KubeApi;
beforeAll(async () => {
  api = await startKubeApi();
});
afterAll(() => api.stop());
beforeEach(() => {
  api.fault = () => undefined;
  api.token = "token-of-hawser";
});

/** Creates a pod that asks for two networks that only the API knows. Returns CNI_ARGS. */
function populate(annotation = "a,b@data0"): string {
  api.put(networkDefinition("shop", "a", { cniVersion: "1.1.0", type: "one" }));
  api.put(networkDefinition("shop", "b", { cniVersion: "1.1.0", plugins: [{ type: "two" }] }));
  const { metadata } = api.put(pod("shop", "web", { [networksAnnotation]: annotation }));
  api.forget();
  return `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_UID=${metadata.uid}`;
}

function configuration(bed: Bed, more: object = {}): Record<string, unknown> {
  for (const type of ["main", "one", "two"]) addPlugin(bed, type);
  const kubeconfig = writeKubeconfig(join(bed.root, "kubeconfig"), api);
  // network-status.live.test.ts tests the status that is written to the API.
  return hawser(bed, { delegate: main, kubeconfig, status: "off", ...types, ...more });
}

const attached = ["ADD main eth0", "ADD one net1", "ADD two data0"];

suite("what an ADD asks the API", ["root"], (executable) => {
  const bed = useBed({ node: false });
  const add = (config: object, args: string) => call(bed(), executable, { verb: "ADD", config, args });

  test("annotations and definitions local: nothing, and the kubeconfig need not be there", async () => {
    const args = populate();
    for (const [name, type] of [
      ["a", "one"],
      ["b", "two"],
    ] as const)
      define(bed(), name, { type }, "shop");
    const config = annotated(configuration(bed()), "a,b@data0");
    answerOf(await add(config, args));
    expect(callNames(bed())).toEqual(attached);
    expectSilence(await call(bed(), executable, { verb: "DEL", config, args }));
    fs.rmSync(join(bed().root, "kubeconfig"));
    answerOf(await add(config, args));
    expect([api.connections(), api.asked()]).toEqual([0, []]);
  });

  test("annotations not passed: the pod, then every definition at once", async () => {
    const args = populate("a,b@data0,a@again0");
    // No request is answered before all have come.
    let arrived = 0;
    let open = (): void => {};
    const all = new Promise<void>((resolve) => {
      open = resolve;
    });
    api.fault = ({ path }) => {
      if (path === webPath) return undefined;
      if (++arrived === 2) open();
      return { kind: "until", moment: all };
    };
    const config = configuration(bed());
    answerOf(await add(config, args));
    expect(api.asked()[0]).toBe(`get ${webPath}`);
    expect(api.asked().slice(1).toSorted()).toEqual([`get ${a}`, `get ${b}`]);
    expect(api.mostAtOnce()).toBe(2);
    // The connection for the pod is used again for one of the definitions.
    expect(api.connections()).toBe(2);
    expect(callNames(bed())).toEqual([...attached, "ADD one again0"]);
    expect(calls(bed())[1]?.config).toMatchObject({ name: "shop.a", type: "one" });

    api.forget();
    expectSilence(await call(bed(), executable, { verb: "DEL", config, args }));
    expect([api.asked(), leftovers(bed())]).toEqual([[], []]);
  });

  test("annotations passed: the definitions that are not on disk; a file comes first", async () => {
    const args = populate();
    define(bed(), "a", { type: "two" }, "shop");
    answerOf(await add(annotated(configuration(bed()), "a,b"), args));
    expect(api.asked()).toEqual([`get ${b}`]);
    expect(callNames(bed())).toEqual(["ADD main eth0", "ADD two net1", "ADD two net2"]);
  });

  test("a pod without the annotation: the pod alone", async () => {
    populate();
    api.remove(webPath);
    const { metadata } = api.put(pod("shop", "web"));
    answerOf(
      await add(configuration(bed()), `K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_UID=${metadata.uid}`),
    );
    expect([api.asked(), callNames(bed())]).toEqual([[`get ${webPath}`], ["ADD main eth0"]]);
  });

  test("a sandbox of no pod: nothing", async () => {
    populate();
    answerOf(await add(configuration(bed()), ""));
    expect([api.asked(), callNames(bed())]).toEqual([[], ["ADD main eth0"]]);
  });

  test("a static pod has two uids", async () => {
    populate("a");
    api.put(pod("shop", "web", { [networksAnnotation]: "a", "kubernetes.io/config.mirror": "abc" }));
    answerOf(await add(configuration(bed()), "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_UID=abc"));
    expect(callNames(bed())).toEqual(["ADD main eth0", "ADD one net1"]);
  });

  test("a definition without a configuration is the network of its name in confDir, where that is open", async () => {
    const args = populate("a");
    api.put(networkDefinition("shop", "a", undefined));
    fs.writeFileSync(join(bed().confDir, "10-a.conf"), JSON.stringify({ name: "a", type: "two" }));
    const resources = join(bed().root, "resources.json");
    fs.writeFileSync(resources, JSON.stringify({ networks: { a: { namespaces: ["shop"] } } }));
    answerOf(await add(configuration(bed(), { resources }), args));
    expect(callNames(bed())).toEqual(["ADD main eth0", "ADD two net1"]);
  });

  test.each<[string, (bed: Bed) => object | string]>([
    ["in YAML", () => stringify(kubeconfigFor(api))],
    ["with data in place of files", () => withData()],
    [
      "as Multus's installer writes it",
      () => stringify(kubeconfigFor(api, { server: api.url.replace(/\/\/([^:]+)/, "//[$1]") })),
    ],
    ["with a client certificate", () => kubeconfigFor(api, { user: certificate() })],
    ["with a tokenFile beside it", (at) => withTokenFile(at)],
    ["with tls-server-name", () => kubeconfigFor(api, { cluster: { "tls-server-name": "kubernetes" } })],
  ])("a kubeconfig %s", async (_case, make) => {
    const args = populate();
    const config = configuration(bed());
    const made = make(bed());
    fs.writeFileSync(String(config.kubeconfig), typeof made === "string" ? made : JSON.stringify(made));
    answerOf(await add(config, args));
    expect(callNames(bed())).toEqual(attached);
    expect(api.requests.map(({ user }) => user)).toEqual(["hawser", "hawser", "hawser"]);
  });

  test("a token that is renewed while it is refused", async () => {
    const args = populate();
    const config = configuration(bed());
    fs.writeFileSync(String(config.kubeconfig), JSON.stringify(withTokenFile(bed())));
    api.token = "the new one";
    api.fault = ({ number }) => {
      if (number === 0) fs.writeFileSync(join(bed().root, "token"), "the-new-one\n");
      return undefined;
    };
    api.token = "the-new-one";
    answerOf(await add(config, args));
    expect(api.requests.map(({ user }) => user)).toEqual([undefined, "hawser", "hawser", "hawser"]);
  });
});

function certificate(): object {
  return { "client-certificate": api.client.certFile, "client-key": api.client.keyFile };
}

function withTokenFile(bed: Bed): object {
  fs.writeFileSync(join(bed.root, "token"), `${api.token}\n`);
  return kubeconfigFor(api, { user: { tokenFile: "token" } });
}

function withData(): object {
  const data = (path: string) => fs.readFileSync(path, "base64");
  return kubeconfigFor(api, {
    cluster: {
      "certificate-authority": "/missing",
      "certificate-authority-data": data(api.authority.caFile),
    },
    user: {
      "client-certificate-data": data(api.client.certFile),
      "client-key-data": data(api.client.keyFile),
    },
  });
}

suite("an API that is in trouble for a while", ["root"], (executable) => {
  const bed = useBed({ node: false });

  test.each<[string, (number: number) => InjectedFault | undefined, number]>([
    ["slow: 2 s", () => ({ kind: "slow", ms: 2000 }), 3],
    ["failing, then well", (number) => (number < 2 ? { kind: "status", code: 500 } : undefined), 5],
    ["resetting, then well", (number) => (number < 2 ? { kind: "reset" } : undefined), 5],
    ["breaking off, then well", (number) => (number < 2 ? { kind: "truncated" } : undefined), 5],
    [
      "putting off for 1 s",
      (number) => (number < 1 ? { kind: "status", code: 429, retryAfterS: 1 } : undefined),
      4,
    ],
  ])("%s", async (_case, fault, count) => {
    const args = populate();
    api.fault = ({ number }) => fault(number);
    answerOf(await call(bed(), executable, { verb: "ADD", config: configuration(bed()), args }));
    expect(callNames(bed())).toEqual(attached);
    expect(api.requests).toHaveLength(count);
  });
});

suite("an ADD that the API keeps from being planned", ["root"], (executable) => {
  const bed = useBed({ node: false });

  /** Expects that the ADD is refused, that nothing has been done, and that the error holds no secret. */
  async function refused(config: object, args: string) {
    const ended = await call(bed(), executable, { verb: "ADD", config, args });
    expect([callNames(bed()), leftovers(bed())]).toEqual([[], []]);
    expectNoSecret(ended);
    return errorOf(ended);
  }

  const onPod = (fault: InjectedFault) => (path: string) => (path === webPath ? fault : undefined);
  const onB = (fault: InjectedFault) => (path: string) => (path === b ? fault : undefined);
  const status = (code: number): InjectedFault => ({ kind: "status", code });

  test.each<[string, (path: string) => InjectedFault | undefined, string, number, string]>([
    [
      "401",
      onPod(status(401)),
      "kube.api-unauthorized",
      107,
      "read the annotations of pod shop/web: get pods shop/web at https://",
    ],
    ["410", onPod(status(410)), "kube.pod-gone", 11, "the pod is gone"],
    ["500 for ever", onB(status(500)), "kube.api-failing", 11, "read network definition shop/b"],
    ["429 for ever", onB({ kind: "status", code: 429, retryAfterS: 60 }), "kube.api-busy", 11, "429"],
    [
      "no JSON",
      onB({ kind: "body", text: "<html>" }),
      "kube.api-answer",
      107,
      "the answer is no JSON object",
    ],
    [
      "another object",
      onB({ kind: "body", text: `{"kind":"Pod","metadata":{"name":"b"}}` }),
      "kube.api-answer",
      107,
      "not the NetworkAttachmentDefinition",
    ],
    [
      "no such resource",
      onB({ kind: "body", text: "404 page not found", code: 404 }),
      "kube.api-unknown-resource",
      107,
      "no such resource",
    ],
    ["reset for ever", onB({ kind: "reset" }), "kube.api-unreachable", 11, "ECONNRESET"],
    ["broken off for ever", onB({ kind: "truncated" }), "kube.api-unreachable", 11, "at https://"],
  ])("%s", async (_case, fault, id, code, what) => {
    const args = populate();
    api.fault = ({ path }) => fault(path);
    const error = await refused(configuration(bed()), args);
    expect(error).toMatchObject({ code, details: expect.stringContaining(`[${id}]`) });
    expect(error.msg).toContain(what);
  });

  test("silence: until the ADD's own time is over", async () => {
    const args = populate();
    api.fault = () => ({ kind: "silent" });
    const error = await refused(configuration(bed(), { timeout: "1s" }), args);
    expect(error.details).toContain("[kube.api-unreachable]");
    expect(error.msg).toContain("ETIMEDOUT");
    expect(api.requests).toHaveLength(1);
  });

  test.each([
    ["get pods", { apiGroups: [""], resources: ["pods"], verbs: ["get"] }],
    [
      "get network-attachment-definitions",
      { apiGroups: ["k8s.cni.cncf.io"], resources: ["network-attachment-definitions"], verbs: ["get"] },
    ],
  ])("no right to %s: the rule that is missing is told", async (right, rule) => {
    const args = populate();
    api.rights.delete(right);
    try {
      const { msg, details } = await refused(configuration(bed()), args);
      expect(details).toContain(`Add the rule ${JSON.stringify(rule)}`);
      expect(msg).toContain(`User "hawser" cannot get resource`);
    } finally {
      api.rights.add(right);
    }
  });

  test("a pod that is gone, and another one of its name", async () => {
    const args = populate();
    api.put(pod("shop", "web"));
    expect((await refused(configuration(bed()), args)).details).toContain("[kube.pod-uid]");
    api.remove(webPath);
    expect((await refused(configuration(bed()), args)).details).toContain("[kube.pod-gone]");
  });

  test("definitions that are neither on disk nor in the API: all are told at once", async () => {
    const args = populate("a,x,y");
    const { msg, details } = await refused(configuration(bed()), args);
    expect(`${msg} ${details}`).toMatch(/find network shop\/x: .*\[?.*find network shop\/y: /);
    expect(details).toContain("The Kubernetes API has none either.");
  });

  test("of another namespace's network nothing is told", async () => {
    const args = populate("blue/there,blue/missing");
    api.put(networkDefinition("blue", "there", { type: "one" }));
    const { msg, details } = await refused(configuration(bed()), args);
    expect(msg).toContain("blue/there, blue/missing may not be used from there");
    expect(details).not.toContain("none either");
  });

  test.each<[string, (bed: Bed) => object, string]>([
    ["a server of another authority", (at) => otherAuthority(at), "kube.api-untrusted"],
    [
      "a server of another name",
      () => kubeconfigFor(api, { cluster: { "tls-server-name": "other" } }),
      "kube.api-untrusted",
    ],
    ["nobody there", () => kubeconfigFor(api, { server: "https://127.0.0.1:1" }), "kube.api-unreachable"],
    [
      "another token",
      () => kubeconfigFor(api, { user: { token: "token-of-nobody" } }),
      "kube.api-unauthorized",
    ],
    ["no token and no certificate", () => kubeconfigFor(api, { user: {} }), "kube.api-unauthorized"],
    [
      "exec",
      () => kubeconfigFor(api, { user: { exec: { command: "token-of-hawser" } } }),
      "kube.kubeconfig-unsupported",
    ],
    [
      "a tokenFile that is not there",
      () => kubeconfigFor(api, { user: { tokenFile: "none" } }),
      "kube.token",
    ],
  ])("a kubeconfig with %s", async (_case, make, id) => {
    const args = populate();
    const config = configuration(bed());
    fs.writeFileSync(String(config.kubeconfig), JSON.stringify(make(bed())));
    expect((await refused(config, args)).details).toContain(`[${id}]`);
  });
});

function otherAuthority(bed: Bed): object {
  const { caFile } = makeAuthority(bed.root, "other");
  return kubeconfigFor(api, { cluster: { "certificate-authority": caFile } });
}

function expectNoSecret({ stdout, stderr }: Ended): void {
  expect(stdout + stderr).not.toMatch(/token-of-|BEGIN /);
}

suite("without the API", ["root"], (executable) => {
  const bed = useBed({ node: false });

  test("CHECK, STATUS, GC and DEL ask nothing of it; DEL undoes what the API knew", async () => {
    const args = populate();
    const config = configuration(bed());
    const prevResult = answerOf<PrintedResult>(await call(bed(), executable, { verb: "ADD", config, args }));
    for (const path of [webPath, a, b]) api.remove(path);
    api.fault = () => ({ kind: "silent" });
    api.forget();
    const told = { ...config, prevResult };
    expectSilence(await call(bed(), executable, { verb: "CHECK", config: told, args }));
    expectSilence(await call(bed(), executable, { verb: "STATUS", config }));
    const valid = [{ containerID: "c1", ifname: "eth0" }];
    expectSilence(
      await call(bed(), executable, {
        verb: "GC",
        config: { ...config, "cni.dev/valid-attachments": valid },
      }),
    );
    expect(records(bed())).toEqual(["pods/c1@eth0.json"]);
    expectSilence(await call(bed(), executable, { verb: "DEL", config: told, args }));
    expect(callNames(bed()).filter((name) => name.startsWith("DEL"))).toEqual([
      "DEL two data0",
      "DEL one net1",
      "DEL main eth0",
    ]);
    expect([api.connections(), leftovers(bed())]).toEqual([0, []]);
  });

  test("nor does a record hold a secret", async () => {
    const args = populate();
    const config = configuration(bed());
    expectNoSecret(await call(bed(), executable, { verb: "ADD", config, args }));
    const text = fs.readFileSync(join(bed().stateDir, "pods/c1@eth0.json"), "utf8");
    expect(text).toContain(`"one"`);
    expect(text).not.toMatch(/token-of-|BEGIN /);
  });

  test("DEL without a record: the primary and what is on disk, under the names of the ADD; the rest is told", async () => {
    const args = populate();
    define(bed(), "b", { type: "two" }, "shop");
    const config = annotated(configuration(bed()), "a,b");
    const ended = await call(bed(), executable, { verb: "DEL", config, args });
    expectSilence(ended);
    expect(callNames(bed())).toEqual(["DEL two net2", "DEL main eth0"]);
    expect(ended.stderr).toContain("not known here, and so not deleted: network shop/a");
    forgetCalls(bed());
    const unannotated = await call(bed(), executable, { verb: "DEL", config: configuration(bed()), args });
    expect([callNames(bed()), api.asked()]).toEqual([["DEL main eth0"], []]);
    expect(unannotated.stderr).toContain("not deleted: the pod's annotations");
  });

  test("STATUS tells of a kubeconfig that cannot be read", async () => {
    const config = configuration(bed());
    fs.writeFileSync(
      String(config.kubeconfig),
      JSON.stringify(kubeconfigFor(api, { user: { tokenFile: "none" } })),
    );
    const status = async () => errorOf(await call(bed(), executable, { verb: "STATUS", config }));
    expect(await status()).toMatchObject({ code: 50, details: expect.stringContaining("[kube.token]") });
    fs.rmSync(String(config.kubeconfig));
    expect(await status()).toMatchObject({ code: 50, details: expect.stringContaining("[kube.kubeconfig]") });
  });
});

suite(
  "three networks in the kernel, by the API alone",
  ["root", "bridge", "macvlan", "host-local", "static"],
  (executable: Executable) => {
    const bed = useBed({ node: true });

    test("ADD: kernel state equals the result; DEL leaves nothing, the API being gone", async () => {
      install(bed(), executable);
      api.put(networkDefinition("shop", "a", bridge(bed(), 82)));
      api.put(networkDefinition("shop", "b", macvlan("10.83.0.9/24")));
      const { metadata } = api.put(pod("shop", "web", { [networksAnnotation]: "a,b@data0" }));
      api.forget();
      const kubeconfig = writeKubeconfig(join(bed().root, "kubeconfig"), api, {
        server: await openGate(bed(), api),
      });
      // The definitions name the bed's own dataDir, which only a trusted namespace may do.
      const more = { kubeconfig, status: "off", trustedNamespaces: ["shop"] };
      const config = hawser(bed(), { delegate: bridge(bed(), 81), ...more });
      const args = `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_UID=${metadata.uid}`;
      const sandbox = addNamespace(bed());
      const added = await call(bed(), executable, { verb: "ADD", config, args, netns: sandbox.path });
      const result = answerOf<PrintedResult>(added);
      expect(linkNames(sandbox.name)).toEqual(["data0", "eth0", "net1"]);
      expectKernelState(bed(), sandbox, result);
      expect(api.requests).toHaveLength(3);

      api.fault = () => ({ kind: "silent" });
      expectSilence(await call(bed(), executable, { verb: "DEL", config, args, netns: sandbox.path }));
      expect(linkNames(sandbox.name)).toEqual([]);
      expect(api.requests).toHaveLength(3);
    });
  },
);
