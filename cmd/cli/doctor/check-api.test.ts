import { expect, test } from "vitest";
import type { MetaConfig } from "../../../plugins/meta/config/config.ts";
import { metaConfig } from "../../../plugins/meta/testing.ts";
import { createFake, type HttpHandler } from "../../../sys/fake.ts";
import type { HttpAttempt } from "../../../sys/http.ts";
import { fail, ok } from "../../../sys/outcome.ts";
import { asRoot, withStat } from "../testing.ts";
import { checkApi } from "./check-api.ts";

const path = "/etc/cni/hawser/kubeconfig";
const server = "https://10.0.0.1:6443";

function kubeconfig(user: object): string {
  return JSON.stringify({
    "current-context": "n",
    contexts: [{ name: "n", context: { cluster: "n", user: "n" } }],
    clusters: [{ name: "n", cluster: { server } }],
    users: [{ name: "n", user }],
  });
}

function status(code: number, more: object = {}): HttpAttempt {
  const document = { kind: "Status", code, message: "the server's words", ...more };
  return ok({ status: code, body: JSON.stringify(document) });
}
const absent = status(404, { details: { kind: "pods" } });

interface Node {
  readonly answer?: HttpHandler;
  readonly user?: object;
  readonly mode?: number;
  readonly named?: string;
  readonly status?: MetaConfig["status"];
}

async function examine({
  answer = () => absent,
  user = {},
  mode = 0o600,
  named = path,
  status = "sync",
}: Node) {
  const fake = createFake({ http: answer, files: { [path]: kubeconfig(user), "/token": "t" } });
  const sys = withStat(asRoot(fake.sys), (_path, stat) => ({ ...stat, mode }));
  const findings = await checkApi(sys, metaConfig({ kubeconfig: named, status }));
  return { findings, effects: fake.effects() };
}

const definitions = "network definitions (network-attachment-definitions.k8s.cni.cncf.io)";

test("none configured: nothing to say", async () => {
  expect(await examine({ named: "" })).toEqual({ findings: [], effects: [] });
});

test("all is well: three requests that change nothing", async () => {
  const { findings, effects } = await examine({ user: { tokenFile: "/token" } });
  expect(findings.map(({ level, what }) => `${level} ${what}`)).toEqual([
    `ok ${path}: only root may write`,
    `ok ${server}: may read pods`,
    `ok ${server}: may read ${definitions}`,
    `ok ${server}: may write pods' network status`,
  ]);
  expect(effects).toEqual([
    `http GET ${server}/api/v1/namespaces/default/pods/hawser-doctor-probe`,
    `http GET ${server}/apis/k8s.cni.cncf.io/v1/namespaces/default/network-attachment-definitions/hawser-doctor-probe`,
    `http PATCH ${server}/api/v1/namespaces/default/pods/hawser-doctor-probe/status`,
  ]);
});

test.each<[MetaConfig["status"], string[]]>([
  ["sync", ["warning Pods start, but their network status is not written. [kube.api-forbidden]"]],
  ["required", ["problem Each ADD of a pod fails. [kube.api-forbidden]"]],
  ["off", []],
])("the right to write the network status is missing: %s", async (wanted, expected) => {
  const { findings } = await examine({
    answer: ({ method, body }) => (method === "PATCH" && body === "{}" ? status(403) : absent),
    status: wanted,
  });
  expect(findings.filter(({ level }) => level !== "ok").map(({ level, why }) => `${level} ${why}`)).toEqual(
    expected,
  );
});

test.each<[string, Node, string, string, string]>([
  ["not there", { named: "/none" }, "problem", "ENOENT", "Correct it"],
  ["unsupported", { user: { exec: {} } }, "problem", "not supported: exec", "Correct it"],
  ["in-cluster", { named: "in-cluster" }, "warning", "cannot be tried by hand", "give the path"],
])("a kubeconfig that is %s", async (_case, node, level, what, todo) => {
  const { findings, effects } = await examine(node);
  expect(findings).toMatchObject([
    { level, area: "api", what: expect.stringContaining(what), todo: expect.stringContaining(todo) },
  ]);
  expect(effects).toEqual([]);
});

test("files that others may read", async () => {
  const { findings } = await examine({ user: { tokenFile: "/token" }, mode: 0o644 });
  expect(findings.filter(({ level }) => level === "warning")).toMatchObject([
    { what: `${path} is open to others`, todo: `chmod 0600 ${path}` },
    { what: "/token is open to others", todo: "chmod 0600 /token" },
  ]);
});

test("one right is missing: the other is asked for all the same", async () => {
  const { findings } = await examine({
    answer: ({ method, url }) => (method === "GET" && url.includes("/pods/") ? status(403) : absent),
  });
  expect(findings.filter(({ area }) => area === "api")).toMatchObject([
    {
      level: "problem",
      what: `get pods default/hawser-doctor-probe at ${server}: 403: the server does not let us (the server's words)`,
      why: "An ADD that needs it fails. [kube.api-forbidden]",
      todo: expect.stringContaining(`Add the rule {"apiGroups":[""],"resources":["pods"],"verbs":["get"]}`),
    },
    { level: "ok", what: `${server}: may read ${definitions}` },
    { level: "ok", what: `${server}: may write pods' network status` },
  ]);
});

test("definitions are not installed", async () => {
  const page: HttpAttempt = ok({ status: 404, body: "404 page not found" });
  const { findings } = await examine({ answer: ({ url }) => (url.includes("/apis/") ? page : absent) });
  expect(findings.find(({ level }) => level !== "ok")).toMatchObject({
    level: "problem",
    todo: expect.stringContaining("CustomResourceDefinition"),
  });
});

test.each<[string, HttpAttempt, string]>([
  ["nobody there", fail({ code: "ECONNREFUSED", message: "refused", sent: "no" }), "kube.api-unreachable"],
  ["an expired token", status(401), "kube.api-unauthorized"],
  ["a failing server", status(500), "kube.api-failing"],
])("%s is told once", async (_case, answer, id) => {
  const { findings, effects } = await examine({ answer: () => answer });
  expect(findings.filter(({ area }) => area === "api")).toMatchObject([
    { level: "problem", why: expect.stringContaining(`[${id}]`) },
  ]);
  expect(effects).toHaveLength(1);
});
