import { describe, expect, test } from "vitest";
import type { MetaConfig } from "../../../plugins/meta/config/config.ts";
import { metaConfig } from "../../../plugins/meta/meta-testing.ts";
import { createFake, type HttpHandler } from "../../../sys/fake.ts";
import type { HttpAttempt } from "../../../sys/http.ts";
import { fail, ok } from "../../../sys/outcome.ts";
import { asRoot, withStat } from "../command-testing.ts";
import { checkApi, type Surroundings } from "./check-api.ts";

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
  readonly around?: Partial<Surroundings>;
}

async function examine({
  answer = () => absent,
  user = {},
  mode = 0o600,
  named = path,
  status = "sync",
  around,
}: Node) {
  const fake = createFake({ http: answer, files: { [path]: kubeconfig(user), "/token": "t" } });
  const sys = withStat(asRoot(fake.sys), (_path, stat) => ({ ...stat, mode }));
  const config = metaConfig({ kubeconfig: named, status });
  const findings = await (around === undefined
    ? checkApi(sys, config)
    : checkApi(sys, config, { annotationsComeAlong: true, pods: [], ...around }));
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

test("the right to read pods is missing where the runtime passes their annotations: nobody needs it", async () => {
  const { findings } = await examine({
    answer: ({ method, url }) => (method === "GET" && url.includes("/pods/") ? status(403) : absent),
    around: {},
  });
  expect(findings.filter(({ area }) => area === "api").slice(0, 2)).toEqual([
    {
      level: "ok",
      area: "api",
      what: `${server}: may not read pods, which only runtimes that pass no annotations (containerd before 1.5, CRI-O before 1.29) need`,
      why: "",
      todo: "",
    },
    { level: "ok", area: "api", what: `${server}: may read ${definitions}`, why: "", todo: "" },
  ]);
});

describe("whether a policy of admission holds the token to the network status", () => {
  const pods = ["a", "b", "c", "d"].map((name) => ({ namespace: "shop", name }));
  const tooMuch = `warning ${server}: may write more of pods' status than the network status`;
  const held = `ok ${server}: may write nothing else of pods' status`;
  const refused = status(422, { details: { kind: "pods", causes: [{ message: "of the policy" }] } });

  test.each<[string, Record<string, HttpAttempt>, string[], number]>([
    ["there is none", { a: ok({ status: 200, body: "{}" }) }, [tooMuch], 1],
    ["there is one", { a: refused }, [held], 1],
    ["the first pod is gone", { b: refused }, [held], 2],
    ["three pods are gone", { d: refused }, [], 3],
  ])("%s", async (_case, answers, expected, tries) => {
    const asked: string[] = [];
    const { findings } = await examine({
      answer: ({ url, body }) => {
        const name = /shop\/pods\/(.*)\/status\?dryRun=All$/.exec(url)?.[1];
        if (name === undefined) return absent;
        asked.push(body ?? "");
        return answers[name] ?? absent;
      },
      around: { pods },
    });
    expect(findings.slice(4).map(({ level, what }) => `${level} ${what}`)).toEqual(expected);
    const annotations = { "hawser.example/hawser-doctor-probe": "" };
    expect(asked).toEqual(Array.from({ length: tries }, () => JSON.stringify({ metadata: { annotations } })));
  });

  test.each<[string, Node]>([
    ["nothing is written at all", { status: "off" }],
    [
      "the right to write is missing",
      { answer: ({ method }) => (method === "PATCH" ? status(403) : absent) },
    ],
    ["no pod is attached", { around: { pods: [] } }],
  ])("is not asked where %s", async (_case, node) => {
    const { effects } = await examine({ around: { pods }, ...node });
    expect(effects.filter((effect) => effect.includes("dryRun"))).toEqual([]);
  });
});
