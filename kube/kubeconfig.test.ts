import { expect, test } from "vitest";
import { stringify } from "yaml";
import { createFake } from "../sys/fake.ts";
import { readAccess } from "./kubeconfig.ts";

const folder = "/etc/cni/hawser";
const path = `${folder}/kubeconfig`;
const pem = (of: string): string => `-----BEGIN ${of}-----\nAAAA\n-----END ${of}-----\n`;
const [ca, cert, key] = [pem("CERTIFICATE"), pem("CERTIFICATE"), pem("EC PRIVATE KEY")];
const files = {
  [`${folder}/ca.crt`]: ca,
  [`${folder}/pki/client.crt`]: cert,
  "/secrets/client.key": key,
  [`${folder}/empty`]: "",
};
const server = "https://10.0.0.1:6443";

function kubeconfig(cluster: object, user: object | undefined, more: object = {}): object {
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      { name: "other", cluster: { server: "https://other" } },
      { name: "here", cluster },
    ],
    users: user === undefined ? [] : [{ name: "hawser", user }],
    contexts: [
      { name: "main", context: { cluster: "here", ...(user === undefined ? {} : { user: "hawser" }) } },
    ],
    "current-context": "main",
    ...more,
  };
}

function read(document: object | string, at = path, variables = {}) {
  const text = typeof document === "string" ? document : JSON.stringify(document);
  return readAccess(createFake({ files: { ...files, [path]: text } }).sys, at, variables);
}

test.each<[string, object, object | undefined, object]>([
  ["a server alone", { server }, undefined, { server, tls: undefined, token: { kind: "none" } }],
  [
    "a path before the API's, a slash at the end",
    { server: `${server}/k8s/c1/` },
    {},
    { server: `${server}/k8s/c1` },
  ],
  ["IPv6", { server: "https://[fd00::1]:6443" }, {}, { server: "https://[fd00::1]:6443" }],
  [
    "IPv4 in brackets, as Multus's installer writes it",
    { server: "https://[10.0.0.1]:6443" },
    {},
    { server: "https://10.0.0.1:6443" },
  ],
  [
    "a name in brackets",
    { server: "https://[api.example]:6443" },
    {},
    { server: "https://api.example:6443" },
  ],
  [
    "http to this machine, said in so many words",
    { server: "http://127.0.0.1:8001", "plain-http": "loopback" },
    {},
    { server: "http://127.0.0.1:8001" },
  ],
  [
    "certificate-authority, by the kubeconfig's folder",
    { server, "certificate-authority": "ca.crt" },
    {},
    { tls: { ca } },
  ],
  ["certificate-authority-data", { server, "certificate-authority-data": btoa(ca) }, {}, { tls: { ca } }],
  [
    "data before a file",
    { server, "certificate-authority-data": btoa(ca), "certificate-authority": "/missing" },
    {},
    { tls: { ca } },
  ],
  [
    "a client certificate by files",
    { server },
    { "client-certificate": "pki/client.crt", "client-key": "/secrets/client.key" },
    { tls: { cert, key } },
  ],
  [
    "a client certificate by data",
    { server },
    { "client-certificate-data": btoa(cert), "client-key-data": btoa(key) },
    { tls: { cert, key } },
  ],
  [
    "tls-server-name",
    { server, "tls-server-name": "api.example" },
    {},
    { tls: { servername: "api.example" } },
  ],
  ["token", { server }, { token: "abc" }, { token: { kind: "text", text: "abc" } }],
  [
    "tokenFile, before a token",
    { server },
    { tokenFile: "token", token: "abc" },
    { token: { kind: "file", path: `${folder}/token` } },
  ],
  [
    "an absolute tokenFile",
    { server },
    { tokenFile: "/run/token" },
    { token: { kind: "file", path: "/run/token" } },
  ],
  ["verification that is not skipped", { server, "insecure-skip-tls-verify": false }, {}, { server }],
  [
    "fields that are empty, null or not known",
    { server, "proxy-url": "", extensions: [{}] },
    { exec: null, x: 1 },
    { server },
  ],
])("%s", async (_case, cluster, user, expected) => {
  const document = kubeconfig(cluster, user);
  const access = await read(document);
  expect(access).toMatchObject({ ok: true, value: expected });
  expect(await read(stringify(document))).toEqual(access);
  expect(await read(JSON.stringify(document, undefined, 2))).toEqual(access);
});

test.each<[string, object, object, string]>([
  [
    "insecure-skip-tls-verify",
    { server, "insecure-skip-tls-verify": true },
    {},
    "give certificate-authority-data",
  ],
  ["proxy-url", { server, "proxy-url": "http://proxy" }, {}, "by itself"],
  ["exec", { server }, { exec: { command: "aws" } }, "use tokenFile or a client certificate"],
  ["auth-provider", { server }, { "auth-provider": { name: "gcp" } }, "use tokenFile"],
  ["username", { server }, { username: "u", password: "secret" }, "use tokenFile"],
  ["password", { server }, { username: "u", password: "secret" }, "use tokenFile"],
  ["as", { server }, { as: "admin" }, "name the user itself"],
])("%s is refused by name, with what to do", async (field, cluster, user, advice) => {
  const access = await read(kubeconfig(cluster, user));
  expect(access).toMatchObject({ ok: false, error: { code: 2, id: "kube.kubeconfig-unsupported" } });
  const { msg = "" } = access.ok ? {} : access.error;
  expect(msg).toContain(`read the kubeconfig ${path}: not supported: `);
  expect(msg).toMatch(new RegExp(`(: |; )${field} \\(`));
  expect(msg).toContain(advice);
  expect(msg).not.toContain("secret");
});

const main = { name: "main", context: { cluster: "here", user: "hawser" } };

test.each<[string, object | string, string]>([
  ["not there", path, "ENOENT"],
  ["empty", "", "it is null, not an object"],
  ["broken JSON", `{"token": "secret"`, "it is neither JSON nor YAML"],
  ["broken YAML", `users: [secret\n  x: "`, "it is neither JSON nor YAML"],
  ["aliases beyond measure", bomb(), "it is neither JSON nor YAML"],
  ["a list", "- secret\n", "it is an array, not an object"],
  [
    "without a current-context",
    kubeconfig({ server }, {}, { "current-context": "" }),
    "it has no current-context",
  ],
  ["without the context", kubeconfig({ server }, {}, { contexts: [] }), `contexts has no entry "main"`],
  [
    "with contexts of a wrong kind",
    kubeconfig({ server }, {}, { contexts: {} }),
    "contexts is an object, not an array",
  ],
  [
    "a context without a cluster",
    kubeconfig({ server }, {}, { contexts: [{ name: "main" }] }),
    `context "main" names no cluster`,
  ],
  ["without the cluster", kubeconfig({ server }, {}, { clusters: null }), `clusters has no entry "here"`],
  ["without the user", kubeconfig({ server }, {}, { users: [] }), `users has no entry "hawser"`],
  [
    "a user of a wrong kind",
    kubeconfig({ server }, {}, { users: [{ name: "hawser", user: "secret" }] }),
    `user of "hawser" is a string, not an object`,
  ],
  [
    "a user's name of a wrong kind",
    kubeconfig({ server }, {}, { contexts: [{ ...main, context: { ...main.context, user: 7 } }] }),
    "user is a number, not a name",
  ],
  ["without a server", kubeconfig({}, {}), "the cluster has no server"],
  ["a server that is no URL", kubeconfig({ server: "10.0.0.1" }, {}), `server "10.0.0.1" is no URL`],
  [
    "a server of another protocol",
    kubeconfig({ server: "ftp://x" }, {}),
    `server "ftp://x" is no address of an API server`,
  ],
  ["a server with a query", kubeconfig({ server: "https://x/?a" }, {}), "is no address of an API server"],
  ["a password in the server", kubeconfig({ server: "https://u:secret@x" }, {}), "a URL with a user in it"],
  ["http", kubeconfig({ server: "http://x" }, {}), `whoever answers at "http://x" would decide`],
  [
    "http to this machine",
    kubeconfig({ server: "http://127.0.0.1:8001" }, {}),
    "would decide what root runs",
  ],
  [
    "http to another machine, whatever is said",
    kubeconfig({ server: "http://x", "plain-http": "loopback" }, {}),
    "would decide what root runs here; give https:",
  ],
  [
    "a token without TLS",
    kubeconfig({ server: "http://[::1]:1", "plain-http": "loopback" }, { token: "secret" }),
    "a token is not sent to a server of http:",
  ],
  [
    "certificates without TLS",
    kubeconfig(
      { server: "http://localhost", "plain-http": "loopback", "certificate-authority": "ca.crt" },
      {},
    ),
    "give https:",
  ],
  [
    "an authority that is not there",
    kubeconfig({ server, "certificate-authority": "none" }, {}),
    "certificate-authority: ENOENT",
  ],
  [
    "an authority that is none",
    kubeconfig({ server, "certificate-authority": "empty" }, {}),
    `${folder}/empty holds no PEM text`,
  ],
  [
    "data that is not base64",
    kubeconfig({ server, "certificate-authority-data": "sec*ret" }, {}),
    "certificate-authority-data is no PEM text in base64",
  ],
  [
    "data that is no PEM",
    kubeconfig({ server }, { "client-key-data": btoa("secret") }),
    "client-key-data is no PEM text in base64",
  ],
  [
    "a certificate without a key",
    kubeconfig({ server }, { "client-certificate": "ca.crt" }),
    "belong together",
  ],
  [
    "a key without a certificate",
    kubeconfig({ server }, { "client-key": "/secrets/client.key" }),
    "belong together",
  ],
  ["a token that no header can carry", kubeconfig({ server }, { token: "sec\nret" }), "token is no token"],
  ["a token that is a number", kubeconfig({ server }, { token: 7 }), "token is a number, not a text"],
])("a kubeconfig that is %s is refused", async (_case, document, why) => {
  const missing = document === path;
  const access = await read(missing ? "" : document, missing ? "/missing" : path);
  expect(access).toMatchObject({ ok: false, error: { code: 7, id: "kube.kubeconfig" } });
  const { msg = "" } = access.ok ? {} : access.error;
  expect(msg).toContain(`read the kubeconfig ${missing ? "/missing" : path}: `);
  expect(msg).toContain(why);
  expect(msg).not.toMatch(/sec(\*|\\n|\n)?ret/);
});

function bomb(): string {
  const lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"];
  for (let n = 1; n < 9; n++)
    lines.push(
      `a${n}: &a${n} [${Array(9)
        .fill(`*a${n - 1}`)
        .join(",")}]`,
    );
  return lines.join("\n");
}

const account = "/var/run/secrets/kubernetes.io/serviceaccount";
const inside = { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" };

test.each([
  ["10.96.0.1", "https://10.96.0.1:443"],
  ["fd00:96::1", "https://[fd00:96::1]:443"],
])("in a cluster at %s", async (host, expected) => {
  const { sys } = createFake({ files: { [`${account}/ca.crt`]: ca } });
  const variables = { ...inside, KUBERNETES_SERVICE_HOST: host };
  expect(await readAccess(sys, "in-cluster", variables)).toEqual({
    ok: true,
    value: { server: expected, tls: { ca }, token: { kind: "file", path: `${account}/token` } },
  });
});

test.each<[string, Record<string, string>, string]>([
  ["no host", {}, "KUBERNETES_SERVICE_HOST is not set"],
  ["no port", { KUBERNETES_SERVICE_HOST: "h" }, `KUBERNETES_SERVICE_PORT is "", not a port`],
  ["no authority", inside, `${account}/ca.crt`],
])("in a cluster with %s is refused", async (_case, variables, why) => {
  const access = await readAccess(createFake().sys, "in-cluster", variables);
  expect(access).toMatchObject({
    ok: false,
    error: { code: 7, id: "kube.kubeconfig", msg: expect.stringContaining(why) },
  });
});

test("YAML as client-go takes it: a byte order mark, quotes over lines of any depth, a key twice", async () => {
  const text = `\ufeff${stringify(kubeconfig({ server: "SERVER" }, { token: "abc" }))}current-context: main\n`;
  const found = await read(text.replace("SERVER", '"https://\\\n10.0.0.1:\\\n\t6443"'));
  expect(found).toMatchObject({ ok: true, value: { server, token: { kind: "text", text: "abc" } } });
});
