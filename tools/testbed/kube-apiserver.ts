import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { TlsMaterial } from "../../sys/http.ts";
import { linux } from "../../sys/linux.ts";
import { type Authority, type Certificate, makeAuthority, readPair } from "./certificates.ts";
import { etcdBinaries, freePorts, startEtcd, until } from "./etcd.ts";
import type { KubeServer } from "./kube-api.ts";
import type { KubeObject } from "./kube-objects.ts";

const built = join(import.meta.dirname, "../../build/kubernetes");

/** KUBE_APISERVER, else the one that set-up has built, else the one on PATH. */
export function kubeApiserverPath(): string | undefined {
  const { KUBE_APISERVER: named = "", PATH = "" } = process.env;
  const folders = [built, ...PATH.split(delimiter)];
  const candidates = named === "" ? folders.map((folder) => join(folder, "kube-apiserver")) : [named];
  return candidates.find((path) => fs.existsSync(path));
}

/** Why there can be none here; undefined when there can. */
export function noKubeApiserver(): string | undefined {
  if (kubeApiserverPath() === undefined) return "it needs kube-apiserver, which set-up builds with Go";
  return etcdBinaries().length === 0 ? "it needs etcd" : undefined;
}

const user = "hawser";
const token = "token-of-hawser";

/** The real one, with an etcd of its own, the definitions' CustomResourceDefinition, and the rights that hawser needs. */
export async function startKubeApiserver(): Promise<KubeServer> {
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
  const post: Post = (path, body) => postTo(url, tls, path, body);
  try {
    await until("kube-apiserver is ready", async () => {
      if (child.exitCode !== null)
        throw new Error(fs.readFileSync(join(root, "server.log"), "utf8").slice(-2000));
      return (await ask(url, tls, "GET", "/readyz"))?.status === 200;
    });
    await furnish(url, tls, post);
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
    create: (object) => create(post, object),
    read: async (path) => {
      const answer = await ask(url, tls, "GET", path);
      return answer?.status === 200 ? JSON.parse(answer.body) : undefined;
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

type Post = (path: string, body: object) => Promise<unknown>;

async function ask(url: string, tls: TlsMaterial, method: "GET" | "POST", path: string, body?: object) {
  const reply = await linux.http.request({
    method,
    url: url + path,
    headers: { accept: "application/json", ...(body && { "content-type": "application/json" }) },
    timeoutMs: 10_000,
    tls,
    ...(body && { body: JSON.stringify(body) }),
  });
  return reply.ok ? reply.value : undefined;
}

/** What is there already is left as it is. */
async function postTo(url: string, tls: TlsMaterial, path: string, body: object): Promise<unknown> {
  const answer = await ask(url, tls, "POST", path, body);
  if (answer === undefined || ![200, 201, 409].includes(answer.status))
    throw new Error(`POST ${path}: ${answer?.status} ${answer?.body}`);
  return JSON.parse(answer.body);
}

async function create(post: Post, object: KubeObject): Promise<KubeObject> {
  const { apiVersion, kind, metadata } = object;
  await post("/api/v1/namespaces", { metadata: { name: metadata.namespace } });
  const root = apiVersion.includes("/") ? "/apis" : "/api";
  const plural = kind === "Pod" ? "pods" : "network-attachment-definitions";
  return (await post(
    `${root}/${apiVersion}/namespaces/${metadata.namespace}/${plural}`,
    object,
  )) as KubeObject;
}

/** The definitions' resource, and the rights of hawser's user. */
async function furnish(url: string, tls: TlsMaterial, post: Post): Promise<void> {
  const group = "k8s.cni.cncf.io";
  const plural = "network-attachment-definitions";
  const names = { plural, singular: "network-attachment-definition", kind: "NetworkAttachmentDefinition" };
  const spec = { type: "object", properties: { config: { type: "string" } } };
  const schema = { openAPIV3Schema: { type: "object", properties: { spec } } };
  await post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: "Namespaced",
      names,
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
  });
  const rules = [
    { apiGroups: [""], resources: ["pods"], verbs: ["get"] },
    { apiGroups: [""], resources: ["pods/status"], verbs: ["patch"] },
    { apiGroups: [group], resources: [plural], verbs: ["get"] },
  ];
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  await post(`${rbac}/clusterroles`, { metadata: { name: user }, rules });
  await post(`${rbac}/clusterrolebindings`, {
    metadata: { name: user },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: user },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: user }],
  });
  await until(
    "the definitions are served",
    async () => (await ask(url, tls, "GET", `/apis/${group}/v1/${plural}`))?.status === 200,
  );
}

/** What hawser's user has asked for, as the audit log has it before anything is answered. */
function auditedSince(path: string, forgotten: number): string[] {
  const lines = fs.existsSync(path) ? fs.readFileSync(path, "utf8").split("\n") : [];
  return lines
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { verb: string; requestURI: string })
    .map(({ verb, requestURI }) => `${verb} ${requestURI}`)
    .slice(forgotten);
}
