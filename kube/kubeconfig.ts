import { kindOf } from "../cni/config.ts";
import { type CniError, failWith } from "../cni/errors.ts";
import { isObject, type JsonObject, parseJson } from "../cni/json.ts";
import { isOnLoopback, loopbackWord } from "../cni/loopback.ts";
import { withoutTrailingSlashes } from "../cni/slashes.ts";
import type { TlsMaterial } from "../sys/http.ts";
import { fail, type Outcome, ok } from "../sys/outcome.ts";
import type { Sys } from "../sys/sys.ts";
import { isUnset, quote } from "./text.ts";

/** The API server's address, how it proves its identity, and how we prove ours. */
export interface KubeAccess {
  /** `https://10.0.0.1:6443`, without a slash at the end. */
  readonly server: string;
  readonly tls: TlsMaterial | undefined;
  readonly token: KubeToken;
}

/** The kubelet and others renew a token's file, so the file is read for each request. */
export type KubeToken =
  | { readonly kind: "none" }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "file"; readonly path: string };

/** The word that the configuration's `kubeconfig` may have instead of a path. */
export const inCluster = "in-cluster";

const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Reads the access that a configuration names. Errors: `kube.kubeconfig`, `kube.kubeconfig-unsupported`. */
export async function readAccess(
  sys: Sys,
  kubeconfig: string,
  variables: Readonly<Record<string, string | undefined>>,
): Promise<Outcome<KubeAccess, CniError>> {
  return kubeconfig === inCluster ? readInCluster(sys, variables) : readKubeconfig(sys, kubeconfig);
}

/** The access that every container of a pod has: two variables and the service account's folder. */
function readInCluster(
  sys: Sys,
  variables: Readonly<Record<string, string | undefined>>,
): Outcome<KubeAccess, CniError> {
  const refuse = (why: string): Outcome<never, CniError> =>
    failWith(
      "invalidConfig",
      "kube.kubeconfig",
      `find the Kubernetes API in the environment (kubeconfig "${inCluster}"): ${why}`,
      "A runtime on the node has no such environment; give the path of a kubeconfig file.",
    );
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT: port = "" } = variables;
  if (host === "") return refuse("KUBERNETES_SERVICE_HOST is not set");
  if (!/^\d{1,5}$/.test(port)) return refuse(`KUBERNETES_SERVICE_PORT is ${quote(port)}, not a port`);
  const ca = readPem(sys, `${serviceAccount}/ca.crt`);
  if (!ca.ok) return refuse(ca.error);
  return ok({
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    tls: { ca: ca.value },
    token: { kind: "file", path: `${serviceAccount}/token` },
  });
}

async function readKubeconfig(sys: Sys, path: string): Promise<Outcome<KubeAccess, CniError>> {
  const text = sys.files.read(path);
  if (!text.ok) return wrong(path, text.error.message);
  const document = await parseText(text.value);
  if (!document.ok) return wrong(path, document.error);
  const chosen = choose(document.value);
  if (!chosen.ok) return wrong(path, chosen.error);
  const fields = refusedFields(chosen.value);
  if (fields.length > 0) return unsupported(path, fields);
  const access = accessOf(sys, path.slice(0, path.lastIndexOf("/")), chosen.value);
  return access.ok ? access : wrong(path, access.error);
}

function wrong(path: string, why: string): Outcome<never, CniError> {
  return failWith(
    "invalidConfig",
    "kube.kubeconfig",
    `read the kubeconfig ${path}: ${why}`,
    "The configuration's kubeconfig names this file; docs/configuration.md says what it may hold.",
  );
}

/** The parser of YAML is loaded only for a file that is not JSON, since it costs an ADD several milliseconds. */
async function parseText(text: string): Promise<Outcome<JsonObject, string>> {
  // A parser's own words would repeat the text, which holds tokens and keys.
  const json = parseJson(text);
  const parsed = json.ok ? json : await (await import("./yaml.ts")).readDocument(text);
  if (!parsed.ok) return fail("it is neither JSON nor YAML");
  return isObject(parsed.value) ? ok(parsed.value) : fail(`it is ${kindOf(parsed.value)}, not an object`);
}

interface Chosen {
  readonly cluster: JsonObject;
  readonly user: JsonObject;
}

/** The cluster and the user that `current-context` names. */
function choose(document: JsonObject): Outcome<Chosen, string> {
  const name = document["current-context"];
  if (typeof name !== "string" || name === "") return fail("it has no current-context");
  const context = entry(document, "contexts", "context", name);
  if (!context.ok) return context;
  const { cluster, user } = context.value;
  if (typeof cluster !== "string") return fail(`context ${quote(name)} names no cluster`);
  const found = entry(document, "clusters", "cluster", cluster);
  if (!found.ok) return found;
  if (isUnset(user)) return ok({ cluster: found.value, user: {} });
  if (typeof user !== "string") return fail(`context ${quote(name)}: user is ${kindOf(user)}, not a name`);
  const known = entry(document, "users", "user", user);
  return known.ok ? ok({ cluster: found.value, user: known.value }) : known;
}

/** The inner object of this name in `[{"name": ..., "<inner>": {...}}, ...]`. */
function entry(document: JsonObject, list: string, inner: string, name: string): Outcome<JsonObject, string> {
  const entries = document[list] ?? [];
  if (!Array.isArray(entries)) return fail(`${list} is ${kindOf(entries)}, not an array`);
  const found = entries.find((each) => isObject(each) && each.name === name);
  if (!isObject(found)) return fail(`${list} has no entry ${quote(name)}`);
  const value = found[inner] ?? {};
  return isObject(value)
    ? ok(value)
    : fail(`${list}: ${inner} of ${quote(name)} is ${kindOf(value)}, not an object`);
}

/** Fields that client-go knows and Hawser refuses, each with what to do instead. */
const refused: Readonly<Record<keyof Chosen, Readonly<Record<string, string>>>> = {
  cluster: {
    "insecure-skip-tls-verify":
      "whoever answers would decide what root runs here; give certificate-authority-data",
    "proxy-url": "name a server that the node reaches by itself",
  },
  user: {
    exec: "no program is run for credentials; use tokenFile or a client certificate",
    "auth-provider": "use tokenFile or a client certificate",
    username: "use tokenFile or a client certificate",
    password: "use tokenFile or a client certificate",
    as: "name the user itself, not another one that it acts as",
    "as-uid": "name the user itself",
    "as-groups": "name the user itself",
    "as-user-extra": "name the user itself",
  },
};

function refusedFields(chosen: Chosen): string[] {
  return (["cluster", "user"] as const).flatMap((part) =>
    Object.entries(refused[part])
      .filter(([field]) => !isUnset(chosen[part][field]) && chosen[part][field] !== false)
      .map(([field, advice]) => `${field} (${advice})`),
  );
}

function unsupported(path: string, fields: readonly string[]): Outcome<never, CniError> {
  return failWith(
    "unsupportedField",
    "kube.kubeconfig-unsupported",
    `read the kubeconfig ${path}: not supported: ${fields.join("; ")}`,
    "What is supported stands in docs/configuration.md.",
  );
}

function accessOf(sys: Sys, folder: string, { cluster, user }: Chosen): Outcome<KubeAccess, string> {
  const server = serverOf(cluster.server);
  if (!server.ok) return server;
  const isBare = server.value.startsWith("http:");
  if (isBare && !(cluster["plain-http"] === loopbackWord && isOnLoopback(server.value)))
    return fail(`whoever answers at ${quote(server.value)} would decide what root runs here; give https:`);
  const tls = tlsOf(sys, folder, cluster, user);
  if (!tls.ok) return tls;
  const token = tokenOf(folder, user);
  if (!token.ok) return token;
  // Without TLS, everybody between us and the server could read the token or the password.
  if (isBare && token.value.kind !== "none")
    return fail("a token is not sent to a server of http:; give https:");
  if (isBare && tls.value !== undefined)
    return fail("certificates are of no use with a server of http:; give https:");
  return ok({ server: server.value, tls: tls.value, token: token.value });
}

/** Multus's installer puts every host into brackets, IPv6 or not: Go understands it, a URL's own grammar does not. */
const needlessBrackets = /^(https?:\/\/)\[([^\]:]+)\]/i;

function serverOf(value: JsonObject[string] | undefined): Outcome<string, string> {
  if (typeof value !== "string" || value === "") return fail("the cluster has no server");
  const text = value.replace(needlessBrackets, "$1$2");
  if (!URL.canParse(text)) return fail(`server ${quote(value)} is no URL`);
  const { protocol, username, password, search, hash, origin, pathname } = new URL(text);
  // The message does not repeat the address: it may hold a password.
  if (username !== "" || password !== "") return fail("server: a URL with a user in it is not supported");
  if ((protocol !== "https:" && protocol !== "http:") || search !== "" || hash !== "")
    return fail(`server ${quote(value)} is no address of an API server; write it like https://10.0.0.1:6443`);
  return ok(`${origin}${withoutTrailingSlashes(pathname)}`);
}

function tlsOf(
  sys: Sys,
  folder: string,
  cluster: JsonObject,
  user: JsonObject,
): Outcome<TlsMaterial | undefined, string> {
  const material: Record<string, string> = {};
  for (const [part, from, field] of [
    ["ca", cluster, "certificate-authority"],
    ["cert", user, "client-certificate"],
    ["key", user, "client-key"],
  ] as const) {
    const pem = pemOf(sys, folder, from, field);
    if (!pem.ok) return pem;
    if (pem.value !== undefined) material[part] = pem.value;
  }
  if ((material.cert === undefined) !== (material.key === undefined))
    return fail("client-certificate and client-key belong together, and one is missing");
  const name = textField(cluster, "tls-server-name");
  if (!name.ok) return name;
  if (name.value !== undefined) material.servername = name.value;
  return ok(Object.keys(material).length === 0 ? undefined : material);
}

/** `<field>-data`, in base64, comes before the file that `<field>` names, as in client-go. */
function pemOf(
  sys: Sys,
  folder: string,
  from: JsonObject,
  field: string,
): Outcome<string | undefined, string> {
  const data = textField(from, `${field}-data`);
  if (!data.ok) return data;
  if (data.value !== undefined) {
    const pem = decodeBase64(data.value);
    return pem?.includes("-----BEGIN ") ? ok(pem) : fail(`${field}-data is no PEM text in base64`);
  }
  const path = textField(from, field);
  if (!path.ok || path.value === undefined) return path;
  const pem = readPem(sys, absolute(folder, path.value));
  return pem.ok ? pem : fail(`${field}: ${pem.error}`);
}

function readPem(sys: Sys, path: string): Outcome<string, string> {
  const text = sys.files.read(path);
  if (!text.ok) return fail(text.error.message);
  return text.value.includes("-----BEGIN ") ? ok(text.value) : fail(`${path} holds no PEM text`);
}

function decodeBase64(text: string): string | undefined {
  try {
    return atob(text);
  } catch {
    return undefined;
  }
}

/** With both a file and a token, the file is used, as in client-go. */
function tokenOf(folder: string, user: JsonObject): Outcome<KubeToken, string> {
  const path = textField(user, "tokenFile");
  if (!path.ok) return path;
  if (path.value !== undefined) return ok({ kind: "file", path: absolute(folder, path.value) });
  const text = textField(user, "token");
  if (!text.ok) return text;
  if (text.value === undefined) return ok({ kind: "none" });
  return isToken(text.value) ? ok({ kind: "text", text: text.value }) : fail("token is no token");
}

/** Whether a header can carry the token. An engine that refuses a header's value shows the value in its error. */
export function isToken(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

function textField(from: JsonObject, field: string): Outcome<string | undefined, string> {
  const value = from[field];
  if (isUnset(value)) return ok(undefined);
  return typeof value === "string" ? ok(value) : fail(`${field} is ${kindOf(value)}, not a text`);
}

function absolute(folder: string, path: string): string {
  return path.startsWith("/") ? path : `${folder}/${path}`;
}
