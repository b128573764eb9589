import { describe, expect, test } from "vitest";
import { failWith } from "../cni/errors.ts";
import type { JsonObject } from "../cni/json.ts";
import { ok } from "../sys/outcome.ts";
import { fetchAnnotations, fetchDefinition } from "./api-objects.ts";
import { definitionPath, parseApiPath, podPath } from "./api-path.ts";
import type { KubeClient } from "./client.ts";

type Reply = Awaited<ReturnType<KubeClient["get"]>>;

function answering(reply: Reply): { api: KubeClient; paths: string[] } {
  const paths: string[] = [];
  const get: KubeClient["get"] = async (path) => {
    paths.push(path);
    return reply;
  };
  return { api: { get, patch: get }, paths };
}

const refused = failWith<JsonObject>("api", "kube.api-forbidden", "get pods shop/web: 403", "Add the rule");
const absent = failWith<JsonObject>("api", "kube.api-not-found", "404: there is none");
const over = failWith<JsonObject>("api", "kube.api-gone", "410: it is gone");

describe("a pod's annotations", () => {
  const identity = { namespace: "shop", name: "web", uid: "u-1" };
  const pod = (metadata: JsonObject): Reply =>
    ok({ kind: "Pod", metadata: { name: "web", uid: "u-1", ...metadata } });
  const mirror = { "kubernetes.io/config.mirror": "u-1" };
  const file = { "kubernetes.io/config.source": "file" };

  test.each<[string, Reply, Record<string, string>]>([
    ["some", pod({ annotations: { a: "b" } }), { a: "b" }],
    ["none", pod({}), {}],
    ["null", pod({ annotations: null }), {}],
    ["of a static pod, by its mirror", pod({ uid: "m-1", annotations: mirror }), mirror],
  ])("%s", async (_case, reply, expected) => {
    const { api, paths } = answering(reply);
    expect(await fetchAnnotations(api, identity)).toEqual(ok(expected));
    expect(paths).toEqual(["/api/v1/namespaces/shop/pods/web"]);
  });

  test("under Multus's rules a pod that calls itself static is one", async () => {
    const { api } = answering(pod({ uid: "m-1", annotations: file }));
    expect(await fetchAnnotations(api, identity, true)).toEqual(ok(file));
  });

  test("a runtime that tells no uid is believed", async () => {
    const { api } = answering(pod({ annotations: { a: "b" } }));
    expect(await fetchAnnotations(api, { namespace: "shop", name: "web" })).toEqual(ok({ a: "b" }));
  });

  test.each<[string, Reply, number, string, string]>([
    ["a pod that is gone", absent, 11, "kube.pod-gone", "the pod is gone (404: there is none)"],
    ["a pod that is long gone", over, 11, "kube.pod-gone", "the pod is gone (410: it is gone)"],
    [
      "another pod of the name",
      pod({ uid: "u-2" }),
      11,
      "kube.pod-uid",
      `its uid is "u-2", and the sandbox is for "u-1"`,
    ],
    [
      "another pod that calls itself a mirror of something",
      pod({ uid: "u-2", annotations: { "kubernetes.io/config.mirror": "u-3" } }),
      11,
      "kube.pod-uid",
      `its uid is "u-2"`,
    ],
    [
      "another pod that calls itself static",
      pod({ uid: "u-2", annotations: file }),
      11,
      "kube.pod-uid",
      `its uid is "u-2"`,
    ],
    [
      "another pod, from the API",
      pod({ uid: "u-2", annotations: { "kubernetes.io/config.source": "api" } }),
      11,
      "kube.pod-uid",
      "u-2",
    ],
    ["a pod without a uid", ok({ kind: "Pod", metadata: { name: "web" } }), 11, "kube.pod-uid", "undefined"],
    ["no right", refused, 107, "kube.api-forbidden", "get pods shop/web: 403"],
    [
      "another kind",
      ok({ kind: "PodList", metadata: {} }),
      107,
      "kube.api-answer",
      "not the Pod that was asked for",
    ],
    ["another name", pod({ name: "db" }), 107, "kube.api-answer", "not the Pod"],
    ["no metadata", ok({ kind: "Pod" }), 107, "kube.api-answer", "not the Pod"],
    ["annotations of a wrong kind", pod({ annotations: [] }), 107, "kube.api-answer", "not the Pod"],
    ["an annotation that is no text", pod({ annotations: { a: 1 } }), 107, "kube.api-answer", "not the Pod"],
  ])("%s: an error that says what was being done", async (_case, reply, code, id, why) => {
    const got = await fetchAnnotations(answering(reply).api, identity);
    expect(got).toMatchObject({ ok: false, error: { code, id } });
    expect(got.ok ? "" : got.error.msg).toMatch(/^read the annotations of pod shop\/web: /);
    expect(got.ok ? "" : got.error.msg).toContain(why);
  });
});

describe("a definition", () => {
  const resource = (spec: JsonObject, more: JsonObject = {}): Reply =>
    ok({
      kind: "NetworkAttachmentDefinition",
      metadata: { name: "storage", namespace: "shop", ...more },
      spec: { ...spec },
    });
  const config = `{"type":"macvlan","id":12345678901234567890}`;
  const place = { namespace: "shop", name: "storage", source: "Kubernetes API", keptIn: "api" };

  test("with a configuration, which gets the definition's name; with annotations", async () => {
    const { api, paths } = answering(resource({ config }, { annotations: { a: "b" } }));
    const got = await fetchDefinition(api, "shop", "storage");
    expect(got).toMatchObject(
      ok({ ...place, annotations: { a: "b" }, config: { type: "macvlan", name: "storage" } }),
    );
    expect(paths).toEqual([
      "/apis/k8s.cni.cncf.io/v1/namespaces/shop/network-attachment-definitions/storage",
    ]);
  });

  test("without a configuration: the file in confDir is meant", async () => {
    const { api } = answering(resource({}));
    expect(await fetchDefinition(api, "shop", "storage")).toEqual(
      ok({ ...place, annotations: {}, config: {} }),
    );
  });

  test.each<[Reply]>([[absent], [over]])("there is none", async (reply) => {
    expect(await fetchDefinition(answering(reply).api, "shop", "storage")).toEqual(ok(undefined));
  });

  test.each<[string, Reply, number, string, string]>([
    ["no right", refused, 107, "kube.api-forbidden", "read network definition shop/storage: get pods"],
    [
      "another kind",
      ok({ kind: "Pod", metadata: { name: "storage" } }),
      107,
      "kube.api-answer",
      "not the NetworkAttachmentDefinition",
    ],
    [
      "another name",
      resource({}, { name: "x" }),
      107,
      "kube.api-answer",
      "not the NetworkAttachmentDefinition",
    ],
    [
      "a broken configuration",
      resource({ config: "{" }),
      7,
      "kube.bad-definition",
      "read network definition shop/storage (Kubernetes API): spec.config is not JSON",
    ],
    ["another namespace", resource({}, { namespace: "blue" }), 7, "kube.bad-definition", "blue"],
  ])("%s", async (_case, reply, code, id, why) => {
    expect(await fetchDefinition(answering(reply).api, "shop", "storage")).toMatchObject({
      ok: false,
      error: { code, id, msg: expect.stringContaining(why) },
    });
  });
});

test.each([
  [podPath("shop", "web"), { group: "", namespace: "shop", resource: "pods", name: "web" }],
  [
    `${podPath("shop", "web")}/status`,
    { group: "", namespace: "shop", resource: "pods/status", name: "web" },
  ],
  [
    definitionPath("shop", "a"),
    { group: "k8s.cni.cncf.io", namespace: "shop", resource: "network-attachment-definitions", name: "a" },
  ],
  ["/version", undefined],
])("%s names its object", (path, expected) => {
  expect(parseApiPath(path)).toEqual(expected);
});

test.each([
  ["../../secrets/s", "..%2F..%2Fsecrets%2Fs"],
  ["a?x#y", "a%3Fx%23y"],
  ["..", ""],
])("a pod that is called %s is in no other path", (name, part) => {
  expect(podPath("shop", name)).toBe(`/api/v1/namespaces/shop/pods/${part}`);
});
