import { describe, expect, test } from "vitest";
import { createFake, type Fake, type HttpHandler } from "../sys/fake.ts";
import type { HttpRequest, HttpResponse } from "../sys/http.ts";
import { fail, ok } from "../sys/outcome.ts";
import { definitionPath, podPath } from "./api-path.ts";
import { type ClientLimits, openClient } from "./client.ts";

const server = "https://api:6443";
const web = podPath("shop", "web");
const definition = definitionPath("shop", "storage");
const pod = { kind: "Pod", metadata: { name: "web" } };

function kubeconfig(user: object): string {
  const name = "n";
  return JSON.stringify({
    "current-context": name,
    contexts: [{ name, context: { cluster: name, user: name } }],
    clusters: [{ name, cluster: { server } }],
    users: [{ name, user }],
  });
}

interface Scene {
  readonly fake: Fake;
  readonly requests: readonly HttpRequest[];
  readonly client: ReturnType<typeof openClient>;
}

type Answer = Partial<HttpResponse> | string;

/** A server that gives these answers in turn, the last one ever after; a text is a fault's code. */
function scene(answers: readonly Answer[], user: object = { token: "s3cret" }, limits?: ClientLimits): Scene {
  const requests: HttpRequest[] = [];
  const http: HttpHandler = (request) => {
    const answer = answers[Math.min(requests.length, answers.length - 1)] ?? {};
    requests.push(request);
    if (typeof answer === "string")
      return fail({ code: answer, message: `${answer}: s3cret`, sent: "maybe" });
    return ok({ status: 200, body: JSON.stringify(pod), ...answer });
  };
  const fake = createFake({ http, files: { "/k": kubeconfig(user), "/token": "t1\n" } });
  const options = { kubeconfig: "/k", variables: {}, deadlineMs: Number.POSITIVE_INFINITY };
  return { fake, requests, client: openClient(fake.sys, options, limits) };
}

function refusal(code: number, more: object = {}): Partial<HttpResponse> {
  const status = { kind: "Status", message: "the server says s3cret\u001b", code, ...more };
  return { status: code, body: JSON.stringify(status) };
}

describe("a request", () => {
  test("to get: path, token, what is wanted; the object comes back", async () => {
    const { client, requests } = scene([{}]);
    expect(await client.get(web)).toEqual(ok(pod));
    expect(requests).toEqual([
      {
        method: "GET",
        url: `${server}/api/v1/namespaces/shop/pods/web`,
        headers: { accept: "application/json", "user-agent": "hawser", authorization: "Bearer s3cret" },
        timeoutMs: 10_000,
      },
    ]);
  });

  test("to patch: a merge patch", async () => {
    const { client, requests } = scene([{}]);
    expect(await client.patch(`${web}/status`, { metadata: { uid: "u" } })).toEqual(ok(pod));
    expect(requests).toMatchObject([
      {
        method: "PATCH",
        url: `${server}${web}/status`,
        headers: { "content-type": "application/merge-patch+json" },
        body: `{"metadata":{"uid":"u"}}`,
      },
    ]);
  });

  test("without a token has no authorization", async () => {
    const { client, requests } = scene([{}], {});
    await client.get(web);
    expect(Object.keys(requests[0]?.headers ?? {})).toEqual(["accept", "user-agent"]);
  });

  test("large numbers arrive unharmed", async () => {
    const { client } = scene([{ body: `{"a":12345678901234567890}` }]);
    const got = await client.get(web);
    expect(got.ok && JSON.stringify(got.value)).toBe(`{"a":12345678901234567890}`);
  });

  test("reads nothing before the first one, and the kubeconfig once for several at once", async () => {
    const reads: string[] = [];
    const { machine } = createFake({
      http: () => ok({ status: 200, body: "{}" }),
      files: { "/k": kubeconfig({}) },
    });
    const { sys } = machine.spawn({ onCall: (call) => reads.push(call) });
    const options = { kubeconfig: "/k", variables: {}, deadlineMs: Number.POSITIVE_INFINITY };
    const client = openClient(sys, options);
    expect(reads).toEqual([]);
    await Promise.all([client.get(web), client.get(definition)]);
    expect(reads.filter((call) => call === "read /k")).toHaveLength(1);
    expect(reads.filter((call) => call.startsWith("http"))).toHaveLength(2);
  });

  test("with a kubeconfig that is wrong fails, and sends nothing", async () => {
    const { client, requests } = scene([{}], { exec: {} });
    expect(await client.get(web)).toMatchObject({ error: { id: "kube.kubeconfig-unsupported" } });
    expect(requests).toEqual([]);
  });
});

const pods = { apiGroups: [""], resources: ["pods"], verbs: ["get"] };

describe("an answer that no second try makes better", () => {
  test.each<[string, Answer, number, string, string, string]>([
    [
      "no JSON",
      { body: "<html>s3cret" },
      107,
      "kube.api-answer",
      "the answer is no JSON object",
      "Is this an API server",
    ],
    [
      "more than anybody has to say",
      "EMSGSIZE",
      107,
      "kube.api-answer",
      "EMSGSIZE: ",
      "Is this an API server",
    ],
    ["what is compressed", "ENOTSUP", 107, "kube.api-answer", "ENOTSUP: ", "Is this an API server"],
    ["JSON that is no object", { body: "[]" }, 107, "kube.api-answer", "the answer is no JSON object", ""],
    ["nothing", { body: "" }, 107, "kube.api-answer", "the answer is no JSON object", ""],
    [
      "another server",
      "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      107,
      "kube.api-untrusted",
      "certificate is not trusted",
      "certificate-authority",
    ],
    [
      "another host",
      "ERR_TLS_CERT_ALTNAME_INVALID",
      107,
      "kube.api-untrusted",
      "certificate is not trusted",
      "tls-server-name",
    ],
    [
      "unauthorised",
      refusal(401),
      107,
      "kube.api-unauthorized",
      "401: the server does not know us",
      "has expired",
    ],
    [
      "forbidden",
      refusal(403),
      107,
      "kube.api-forbidden",
      "403: the server does not let us",
      `Add the rule ${JSON.stringify(pods)}`,
    ],
    [
      "not found",
      refusal(404, { details: { kind: "pods" } }),
      107,
      "kube.api-not-found",
      "404: there is none",
      "",
    ],
    [
      "no such resource",
      { status: 404, body: "404 page not found\n" },
      107,
      "kube.api-unknown-resource",
      "no such resource",
      "CustomResourceDefinition",
    ],
    ["in conflict", refusal(409), 107, "kube.api-conflict", "409: it has changed meanwhile", ""],
    [
      "another object's",
      refusal(422, { details: { causes: [{ field: "x" }, { field: "metadata.uid" }] } }),
      107,
      "kube.api-conflict",
      "422: it is another object",
      "",
    ],
    [
      "invalid",
      refusal(422, { details: { causes: [{ field: "spec" }] } }),
      107,
      "kube.api-refused",
      "422: the server refuses",
      "log",
    ],
    ["gone", refusal(410), 107, "kube.api-gone", "410: it is gone", ""],
    ["a bad request", refusal(400), 107, "kube.api-refused", "400: the server refuses", "log"],
    ["a redirection", { status: 302, body: "" }, 107, "kube.api-refused", "302: the server refuses", ""],
  ])("%s", async (_case, answer, code, id, why, todo) => {
    const { client, requests } = scene([answer]);
    const { error } = (await client.get(web)) as unknown as { error: { msg: string; details: string } };
    expect(error).toMatchObject({ code, id });
    expect(error.msg).toContain(`get pods shop/web at ${server}: `);
    expect(error.msg).toContain(why);
    expect(error.details).toContain(todo);
    expect(JSON.stringify(error)).not.toMatch(/s3cret|\\u001b/);
    expect(requests).toHaveLength(1);
  });

  test.each([390, 396, 400])(
    "a token that a server's own words end in is not shown, cut after %i",
    async (at) => {
      const said = `${"x".repeat(at)} s3cret-token-of-hawser and more`;
      const { client } = scene([refusal(403, { message: said })], { token: "s3cret-token-of-hawser" });
      expect(JSON.stringify(await client.get(web))).not.toMatch(/s3|cret|hawser a/);
    },
  );

  test.each([
    [`${web}/status`, { apiGroups: [""], resources: ["pods/status"], verbs: ["patch"] }],
    [
      definition,
      { apiGroups: ["k8s.cni.cncf.io"], resources: ["network-attachment-definitions"], verbs: ["patch"] },
    ],
  ])("the right that is missing is named: patch %s", async (path, rule) => {
    const { client } = scene([refusal(403)]);
    expect(await client.patch(path, {})).toMatchObject({
      error: { details: `Add the rule ${JSON.stringify(rule)} to a ClusterRole of its user.` },
    });
  });

  test("the server's own words are shown, cut", async () => {
    const { client } = scene([refusal(403, { message: `pods "web" is forbidden${"!".repeat(1000)}` })]);
    const { error } = (await client.get(web)) as unknown as { error: { msg: string } };
    expect(error.msg).toContain(`does not let us (pods "web" is forbidden!!!`);
    expect(error.msg.length).toBeLessThan(600);
  });
});

test.each([
  ["Bun", "FailedToOpenSocket"],
  ["Node", "ERR_OSSL_PEM_NO_START_LINE"],
])("certificates that cannot be used are told at once, as %s says it", async (_engine, code) => {
  const { client, requests } = scene([code]);
  expect(await client.get(web)).toMatchObject({
    error: { id: "kube.kubeconfig", msg: expect.stringContaining(`a certificate or key`) },
  });
  expect(requests).toHaveLength(1);
});

describe("what may pass is tried again", () => {
  test.each<[string, Answer, string]>([
    ["too many requests", { status: 429, body: "" }, "kube.api-busy"],
    ["a failing server", { status: 500, body: "" }, "kube.api-failing"],
    ["no server behind a balancer", { status: 503, body: "no backend" }, "kube.api-failing"],
    ["nobody there", "ECONNREFUSED", "kube.api-unreachable"],
    ["a connection reset", "ECONNRESET", "kube.api-unreachable"],
    ["an answer that was cut off", "EBADMSG", "kube.api-unreachable"],
  ])("%s", async (_case, answer, id) => {
    const passing = scene([answer, answer, {}]);
    expect(await passing.client.get(web)).toEqual(ok(pod));
    expect(passing.requests).toHaveLength(3);
    const lasting = scene([answer]);
    const got = await lasting.client.get(web);
    expect(got).toMatchObject({ ok: false, error: { code: 11, id } });
    expect(JSON.stringify(got)).toContain("It was tried 6 times.");
    expect(JSON.stringify(got)).not.toContain("s3cret");
    expect(lasting.requests).toHaveLength(6);
  });

  test("with pauses that double, each of them half to whole", async () => {
    const times: number[] = [];
    const { machine } = createFake({
      files: { "/k": kubeconfig({}) },
      http: () => {
        times.push(machine.clock.monotonicMs());
        return ok({ status: 500, body: "" });
      },
    });
    const { sys } = machine.spawn();
    await openClient(sys, { kubeconfig: "/k", variables: {}, deadlineMs: 1e9 }).get(web);
    const pauses = times.slice(1).map((time, index) => (time - (times[index] ?? 0)) / (100 * 2 ** index));
    expect(pauses).toHaveLength(5);
    for (const pause of pauses) expect(pause >= 0.49 && pause <= 1).toBe(true);
    expect(new Set(pauses).size).toBeGreaterThan(1);
  });

  test("when the server says so", async () => {
    const { client, fake } = scene([{ status: 429, body: "", retryAfter: "7" }, {}]);
    expect(await client.get(web)).toEqual(ok(pod));
    expect(fake.sys.clock.monotonicMs()).toBe(7000);
  });

  test("but not when it says so for longer than we may wait", async () => {
    const { client, requests } = scene([{ status: 429, body: "", retryAfter: "31" }]);
    expect(await client.get(web)).toMatchObject({
      error: {
        id: "kube.api-busy",
        details: expect.stringMatching(/^It was tried once. It asks to be asked again in 31 s/),
      },
    });
    expect(requests).toHaveLength(1);
  });
});

describe("time", () => {
  /** A server that never answers. */
  const silent = (options: { deadlineMs: number }) => {
    const http: HttpHandler = () => new Promise(() => {});
    const fake = createFake({ http, files: { "/k": kubeconfig({}) } });
    return { fake, client: openClient(fake.sys, { kubeconfig: "/k", variables: {}, ...options }) };
  };

  test("a try has 10 s, a call 30", async () => {
    const { fake, client } = silent({ deadlineMs: 1e9 });
    expect(await client.get(web)).toMatchObject({
      error: { code: 11, id: "kube.api-unreachable", msg: expect.stringContaining("ETIMEDOUT") },
    });
    expect(fake.sys.clock.monotonicMs()).toBe(30_000);
    expect(fake.effects()).toHaveLength(3);
  });

  test("a patch may have less", async () => {
    const { fake, client } = silent({ deadlineMs: 1e9 });
    expect(await client.patch(web, {}, 2000)).toMatchObject({ error: { id: "kube.api-unreachable" } });
    expect(fake.sys.clock.monotonicMs()).toBe(2000);
  });

  test("and never more than the operation", async () => {
    const { fake, client } = silent({ deadlineMs: 12_000 });
    expect(await client.get(web)).toMatchObject({ error: { id: "kube.api-unreachable" } });
    expect(fake.sys.clock.monotonicMs()).toBe(12_000);
  });
});

describe("a tokenFile", () => {
  const file = { tokenFile: "/token" };
  const sent = (requests: readonly HttpRequest[]) => requests.map(({ headers }) => headers.authorization);

  test("is read for each request", async () => {
    const { client, requests, fake } = scene([{}], file);
    await client.get(web);
    fake.sys.files.write("/token", "t2\n", { mode: 0o600 });
    await client.get(web);
    expect(sent(requests)).toEqual(["Bearer t1", "Bearer t2"]);
  });

  test("that was renewed while we asked: asked again, once", async () => {
    const seen: string[] = [];
    const { machine } = createFake({
      files: { "/k": kubeconfig(file), "/token": "t1" },
      http: ({ headers }) => {
        seen.push(headers.authorization ?? "");
        process.sys.files.write("/token", `t${seen.length + 1}`, { mode: 0o600 });
        return ok({ status: 401, body: "{}" });
      },
    });
    const process = machine.spawn();
    const client = openClient(process.sys, { kubeconfig: "/k", variables: {}, deadlineMs: 1e9 });
    expect(await client.get(web)).toMatchObject({ error: { id: "kube.api-unauthorized" } });
    expect(seen).toEqual(["Bearer t1", "Bearer t2"]);
  });

  test("that is the same as before is not tried again", async () => {
    const { client, requests } = scene([refusal(401)], file);
    expect(await client.get(web)).toMatchObject({ error: { id: "kube.api-unauthorized" } });
    expect(requests).toHaveLength(1);
  });

  test.each([
    ["is not there", undefined, "ENOENT"],
    ["is empty", "", "/token holds no token"],
    ["holds what no header can carry", "s3c\nret", "/token holds no token"],
  ])("that %s", async (_case, text, why) => {
    const { client, requests, fake } = scene([{}], file);
    if (text === undefined) fake.sys.files.remove("/token");
    else fake.sys.files.write("/token", text, { mode: 0o600 });
    expect(await client.get(web)).toMatchObject({
      error: { code: 7, id: "kube.token", msg: expect.stringContaining(why) },
    });
    expect(requests).toEqual([]);
  });
});
