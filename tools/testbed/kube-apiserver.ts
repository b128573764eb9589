import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { readDocuments } from "../../kube/yaml.ts";
import type { HttpResponse, TlsMaterial } from "../../sys/http.ts";
import { linux } from "../../sys/linux.ts";
import { must } from "../../sys/outcome-testing.ts";
import { type Authority, type Certificate, makeAuthority, readPair } from "./certificates.ts";
import { etcdBinaries, freePorts, startEtcd, until } from "./etcd.ts";
import type { KubeServer } from "./kube-api.ts";
import type { KubeObject } from "./kube-objects.ts";

const built = join(import.meta.dirname, "../../build/kubernetes");

/** The path in KUBE_APISERVER, or the one that set-up has built, or the one on PATH. */
export function kubeApiserverPath(): string | undefined {
  const { KUBE_APISERVER: named = "", PATH = "" } = process.env;
  const folders = [built, ...PATH.split(delimiter)];
  const candidates = named === "" ? folders.map((folder) => join(folder, "kube-apiserver")) : [named];
  return candidates.find((path) => fs.existsSync(path));
}

/** The reason why no kube-apiserver can run here. Undefined if one can. */
export function noKubeApiserver(): string | undefined {
  if (kubeApiserverPath() === undefined) return "it needs kube-apiserver, which set-up builds with Go";
  return etcdBinaries().length === 0 ? "it needs etcd" : undefined;
}

/** The real API server, with what only it can do. */
export interface RealKubeServer extends KubeServer {
  /** Sends a request as an administrator, or with a token as the token's user. A PATCH is a merge patch. */
  ask(request: ApiServerRequest): Promise<HttpResponse>;
  /** Creates the objects in a file of examples/kubernetes. */
  apply(file: string): Promise<void>;
}

export interface ApiServerRequest {
  readonly method: "GET" | "POST" | "PATCH";
  readonly path: string;
  readonly body?: object;
  readonly token?: string;
}

const user = "hawser";
const token = "token-of-hawser";
const examples = join(import.meta.dirname, "../../examples/kubernetes");

/**
 * Starts a real kube-apiserver with an etcd of its own. The user hawser has the rights that examples/kubernetes gives to the
 * account.
 */
export async function startKubeApiserver(): Promise<RealKubeServer> {
  const [etcdBinary] = etcdBinaries().slice(-1);
  const executable = kubeApiserverPath();
  if (etcdBinary === undefined || executable === undefined) throw new Error(noKubeApiserver());
  const root = fs.mkdtempSync(join(tmpdir(), "hawser-kube-apiserver-"));
  const authority = makeAuthority(root);
  const etcd = await startEtcd(etcdBinary);
  const [port = 0] = await freePorts(1);
  const url = `https://127.0.0.1:${port}`;
  const server = authority.issue("server", "/CN=kube-apiserver", "IP:127.0.0.1");
  const flags = serverFlags(root, port, etcd.endpoints, authority, server);
  const log = fs.openSync(join(root, "server.log"), "a");
  const child = spawn(executable, flags, { stdio: ["ignore", log, log] });
  fs.closeSync(log);
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await gone;
    }
    await etcd.stop();
    fs.rmSync(root, { recursive: true, force: true });
  };
  const admin = authority.issue("admin", "/O=system:masters/CN=admin", "DNS:admin");
  const tls = { ca: fs.readFileSync(authority.caFile, "utf8"), ...readPair(admin) };
  const ask = (request: ApiServerRequest): Promise<HttpResponse> => askAt(url, tls, request);
  const apply = (file: string): Promise<void> => applyFile(ask, join(examples, file));
  try {
    await until("kube-apiserver is ready", async () => {
      if (child.exitCode !== null)
        throw new Error(fs.readFileSync(join(root, "server.log"), "utf8").slice(-2000));
      const ready = await ask({ method: "GET", path: "/readyz" }).catch(() => undefined);
      return ready?.status === 200;
    });
    await furnish(ask, apply);
  } catch (error) {
    await stop();
    throw error;
  }
  const client = authority.issue("client", `/CN=${user}`, "DNS:hawser");
  const audit = join(root, "audit.log");
  let forgotten = 0;
  return {
    url,
    authority,
    client,
    token,
    ask,
    apply,
    create: (object) => create(ask, object),
    read: async (path) => {
      const { status, body } = await ask({ method: "GET", path });
      return status === 200 ? JSON.parse(body) : undefined;
    },
    asked: () => auditedSince(audit, forgotten),
    forget: () => {
      forgotten = auditedSince(audit, 0).length;
    },
    stop,
  };
}

function serverFlags(
  root: string,
  port: number,
  endpoints: readonly string[],
  { caFile }: Authority,
  { certFile, keyFile }: Certificate,
): string[] {
  const tokens = join(root, "tokens.csv");
  fs.writeFileSync(tokens, `${token},${user},1\n`);
  const policy = join(root, "policy.yaml");
  const rules = [{ level: "Metadata", users: [user] }, { level: "None" }];
  const omitStages = ["ResponseStarted", "ResponseComplete", "Panic"];
  fs.writeFileSync(
    policy,
    JSON.stringify({ apiVersion: "audit.k8s.io/v1", kind: "Policy", omitStages, rules }),
  );
  return [
    `--etcd-servers=${endpoints.join(",")}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${port}`,
    `--tls-cert-file=${certFile}`,
    `--tls-private-key-file=${keyFile}`,
    `--client-ca-file=${caFile}`,
    "--anonymous-auth=false",
    `--token-auth-file=${tokens}`,
    "--authorization-mode=RBAC",
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${certFile}`,
    `--service-account-signing-key-file=${keyFile}`,
    // No controller makes service accounts here.
    "--disable-admission-plugins=ServiceAccount",
    "--service-cluster-ip-range=10.96.0.0/24",
    `--audit-policy-file=${policy}`,
    `--audit-log-path=${join(root, "audit.log")}`,
    "--audit-log-mode=blocking-strict",
  ];
}

type Ask = RealKubeServer["ask"];

async function askAt(
  url: string,
  tls: TlsMaterial,
  { method, path, body, token: bearer }: ApiServerRequest,
): Promise<HttpResponse> {
  const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  return must(
    await linux.http.request({
      method,
      url: url + path,
      headers: {
        accept: "application/json",
        ...(body && { "content-type": type }),
        ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      },
      timeoutMs: 10_000,
      // If a client shows a certificate, the server ignores its token.
      tls: bearer === undefined ? tls : { ca: tls.ca ?? "" },
      ...(body && { body: JSON.stringify(body) }),
    }),
  );
}

/** Creates an object. One that is there already stays as it is. */
async function post(ask: Ask, path: string, body: object): Promise<unknown> {
  const answer = await ask({ method: "POST", path, body });
  if (![200, 201, 409].includes(answer.status))
    throw new Error(`POST ${path}: ${answer.status} ${answer.body}`);
  return JSON.parse(answer.body);
}

/** The path of the folder in which the API keeps objects of a kind. */
function placeOf({ apiVersion, kind, metadata }: KubeObject): string {
  const root = apiVersion.includes("/") ? "/apis" : "/api";
  const plural =
    kind === "NetworkAttachmentDefinition"
      ? "network-attachment-definitions"
      : `${kind.toLowerCase().replace(/y$/, "ie")}s`;
  const within = metadata.namespace === undefined ? "" : `/namespaces/${metadata.namespace}`;
  return `${root}/${apiVersion}${within}/${plural}`;
}

async function create(ask: Ask, object: KubeObject): Promise<KubeObject> {
  await post(ask, "/api/v1/namespaces", { metadata: { name: object.metadata.namespace } });
  return (await post(ask, placeOf(object), object)) as KubeObject;
}

async function applyFile(ask: Ask, path: string): Promise<void> {
  const documents = must(await readDocuments(fs.readFileSync(path, "utf8")));
  for (const document of documents) {
    const object = document as unknown as KubeObject;
    await post(ask, placeOf(object), object);
  }
}

/** Creates the resource of definitions, and gives the rights of hawser's account to the user of the token file as well. */
async function furnish(ask: Ask, apply: RealKubeServer["apply"]): Promise<void> {
  const isThere = async (path: string): Promise<boolean> =>
    (await ask({ method: "GET", path })).status === 200;
  await until("its own namespaces are there", () => isThere("/api/v1/namespaces/kube-system"));
  await apply("crd.yaml");
  await apply("rbac.yaml");
  await post(ask, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
    metadata: { name: "hawser-user" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "hawser" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: user }],
  });
  const definitions = "/apis/k8s.cni.cncf.io/v1/network-attachment-definitions";
  await until("the definitions are served", () => isThere(definitions));
}

/** The requests of the user hawser, by the audit log. The server writes a request there before it answers. */
function auditedSince(path: string, forgotten: number): string[] {
  const lines = fs.existsSync(path) ? fs.readFileSync(path, "utf8").split("\n") : [];
  return lines
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { verb: string; requestURI: string })
    .map(({ verb, requestURI }) => `${verb} ${requestURI}`)
    .slice(forgotten);
}
