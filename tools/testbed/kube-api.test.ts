import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { definitionPath, podPath } from "../../kube/api-path.ts";
import { linux } from "../../sys/linux.ts";
import { readPair } from "./certificates.ts";
import { type InjectedFault, type KubeApi, startKubeApi } from "./kube-api.ts";
import { networkDefinition, pod } from "./kube-objects.ts";
import { shapeProblems } from "./kube-schema.ts";

let api: KubeApi;
beforeEach(async () => {
  api = await startKubeApi();
});
afterEach(() => api.stop());

const web = podPath("shop", "web");
const patchType = { "content-type": "application/merge-patch+json" };

interface Asking {
  readonly method?: "GET" | "PATCH";
  readonly headers?: Record<string, string>;
  readonly body?: object | string;
  readonly withCertificate?: boolean;
}

async function ask(path: string, asking: Asking = {}) {
  const { method = "GET", headers = { authorization: `Bearer ${api.token}` }, body } = asking;
  const ca = readFileSync(api.authority.caFile, "utf8");
  const text = typeof body === "object" ? JSON.stringify(body) : body;
  return linux.http.request({
    method,
    url: `${api.url}${path}`,
    headers: body === undefined ? headers : { ...headers, ...patchType, ...asking.headers },
    timeoutMs: 5000,
    ...(text === undefined ? {} : { body: text }),
    tls: { ca, ...(asking.withCertificate ? readPair(api.client) : {}) },
  });
}

async function said(path: string, asking?: Asking) {
  const reply = await ask(path, asking);
  if (!reply.ok) return reply.error.code;
  const document = JSON.parse(reply.value.body);
  return document.kind === "Status" ? [document.code, document.reason, document.message] : document;
}

describe("fixtures have the shapes of the real API", () => {
  test.each([
    ["a pod", pod("shop", "web", { a: "b" })],
    ["a definition", networkDefinition("shop", "a", { type: "bridge" }, { a: "b" })],
    ["a definition without a configuration", networkDefinition("shop", "a", undefined)],
  ])("%s, before and after it is created", (_case, object) => {
    expect(shapeProblems(object.kind, object)).toEqual([]);
    expect(shapeProblems(object.kind, api.put(object))).toEqual([]);
  });

  test.each<[string, object, string]>([
    ["a field that there is not", { stauts: {} }, "Pod.stauts: unknown"],
    ["a spec without containers", { spec: {} }, "Pod.spec.containers: missing"],
    ["a container without a name", { spec: { containers: [{}] } }, "Pod.spec.containers[0].name: missing"],
    [
      "an annotation that is no text",
      { metadata: { annotations: { a: 1 } } },
      "Pod.metadata.annotations.a: integer, not string",
    ],
    [
      "a date that is none",
      { metadata: { creationTimestamp: "now" } },
      "Pod.metadata.creationTimestamp: no date",
    ],
  ])("%s is refused", (_case, change, problem) => {
    expect(shapeProblems("Pod", { ...pod("shop", "web"), ...change })).toEqual([problem]);
  });
});

describe("who asks", () => {
  test.each<[string, Asking, unknown]>([
    ["the token", {}, expect.objectContaining({ kind: "Pod" })],
    ["the certificate", { headers: {}, withCertificate: true }, expect.objectContaining({ kind: "Pod" })],
    ["nobody", { headers: {} }, [401, "Unauthorized", "Unauthorized"]],
    [
      "another token, whatever the certificate",
      { headers: { authorization: "Bearer x" }, withCertificate: true },
      [401, "Unauthorized", "Unauthorized"],
    ],
  ])("%s", async (_case, asking, expected) => {
    api.put(pod("shop", "web"));
    expect(await said(web, asking)).toEqual(expected);
  });

  test("what he may not do is told in the real server's words", async () => {
    api.rights.delete("get pods");
    expect(await said(web)).toEqual([
      403,
      "Forbidden",
      `pods "web" is forbidden: User "hawser" cannot get resource "pods" in API group "" in the namespace "shop"`,
    ]);
  });
});

describe("objects", () => {
  test("one that is not there", async () => {
    expect(await said(web)).toEqual([404, "NotFound", `pods "web" not found`]);
    expect(await said(definitionPath("shop", "a"))).toEqual([
      404,
      "NotFound",
      `network-attachment-definitions.k8s.cni.cncf.io "a" not found`,
    ]);
  });

  test("a merge patch of annotations: added, replaced, taken away; the version counts", async () => {
    const { metadata } = api.put(pod("shop", "web", { a: "1", b: "2" }));
    const annotations = { a: "3", b: null, c: "4" };
    const body = { metadata: { uid: metadata.uid, annotations } };
    expect(await said(`${web}/status`, { method: "PATCH", body })).toMatchObject({
      metadata: { uid: metadata.uid, annotations: { a: "3", c: "4" }, resourceVersion: "2" },
    });
    expect(api.at(web)?.metadata.annotations).toEqual({ a: "3", c: "4" });
  });

  test.each<[string, object | string, Record<string, string>, number]>([
    ["with another uid", { metadata: { uid: "x" } }, {}, 422],
    ["of another version", { metadata: { resourceVersion: "0" } }, {}, 409],
    ["that makes no pod of it", { metadata: { annotations: { a: 1 } } }, {}, 422],
    ["that is no JSON", "{", {}, 400],
    ["of another type", {}, { "content-type": "application/json" }, 415],
  ])("a patch %s is refused", async (_case, body, headers, code) => {
    const before = api.put(pod("shop", "web"));
    const authorization = `Bearer ${api.token}`;
    const answer = await said(`${web}/status`, {
      method: "PATCH",
      body,
      headers: { authorization, ...headers },
    });
    expect(answer[0]).toBe(code);
    expect(api.at(web)).toEqual(before);
  });
});

describe("faults", () => {
  test.each<[InjectedFault, unknown]>([
    [
      { kind: "status", code: 429, retryAfterS: 3 },
      { ok: true, value: expect.objectContaining({ status: 429, retryAfter: "3" }) },
    ],
    [
      { kind: "status", code: 410 },
      { ok: true, value: expect.objectContaining({ status: 410 }) },
    ],
    [
      { kind: "body", text: "404 page not found", code: 404 },
      { ok: true, value: expect.objectContaining({ status: 404, body: "404 page not found" }) },
    ],
    [{ kind: "reset" }, { ok: false, error: expect.objectContaining({ code: "ECONNRESET" }) }],
    [{ kind: "truncated" }, { ok: false, error: expect.objectContaining({ sent: "maybe" }) }],
  ])("%j", async (fault, expected) => {
    api.fault = () => fault;
    expect(await ask(web)).toEqual(expected);
  });

  test("requests are counted, also those at once", async () => {
    api.fault = ({ number }) => (number < 3 ? { kind: "slow", ms: 200 } : undefined);
    await Promise.all([ask(web), ask(web), ask(web)]);
    expect([api.requests.length, api.mostAtOnce()]).toEqual([3, 3]);
    api.forget();
    await ask(web);
    expect(api.requests).toEqual([{ number: 0, method: "GET", path: web, user: "hawser" }]);
    expect(api.mostAtOnce()).toBe(1);
  });
});
