import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TlsMaterial } from "../../sys/http.ts";
import { linux } from "../../sys/linux.ts";
import { must } from "../../sys/outcome-testing.ts";
import type { Authority, Certificate } from "./certificates.ts";
import { findProgram, isBuilt } from "./executables.ts";

/** An etcd executable that the live suites use. */
export interface EtcdBinary {
  /** The name, such as `etcd 3.5`. */
  readonly name: string;
  readonly path: string;
}

const repository = join(import.meta.dirname, "../..");

/** The system's etcd and those that set-up has built. HAWSER_TEST_ETCD names others, with colons between them. */
export function etcdBinaries(): EtcdBinary[] {
  const named = process.env.HAWSER_TEST_ETCD ?? "";
  const built = ["build/etcd/etcd-3.5", "build/etcd/etcd-3.6"].map((path) => join(repository, path));
  const system = findProgram("etcd") ?? "/usr/bin/etcd";
  const paths = named === "" ? [system, ...built] : named.split(":");
  return paths.filter(isBuilt).map((path) => ({
    name: path === system ? "etcd of the system" : path.slice(path.lastIndexOf("/") + 1),
    path,
  }));
}

export interface EtcdMember {
  /** The URL for clients: `http://127.0.0.1:40001`. */
  readonly url: string;
  /**
   * Starts the member (again). Returns when it serves, or with `listening` when it takes connections: a cluster without a
   * leader does no more.
   */
  start(waitFor?: "healthy" | "listening"): Promise<void>;
  /** Ends the member, by SIGKILL unless another signal is given. Returns when it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Stops the member's process (SIGSTOP): connections are made, and nothing answers. */
  pause(): void;
  resume(): void;
}

export interface EtcdCluster {
  readonly endpoints: readonly string[];
  readonly members: readonly EtcdMember[];
  /** Posts to the first member. Throws if etcd refuses. */
  post(path: string, body: object, token?: string): Promise<Record<string, unknown>>;
  /** Ends every member by its process ID, and removes its folder. */
  stop(): Promise<void>;
}

export interface EtcdOptions {
  readonly members?: number;
  readonly tls?: {
    readonly authority: Authority;
    readonly server: Certificate;
    /** If given, clients need a certificate, and `post` uses this one. */
    readonly client?: Certificate;
  };
  readonly flags?: readonly string[];
}

/** This is not the prefix of the beds, since a bed removes stale folders of its own prefix. */
const prefix = "hawser-cluster-";
let count = 0;

/** Starts a cluster on free ports of the loopback. Each member has a folder of its own. */
export async function startEtcd({ path }: EtcdBinary, options: EtcdOptions = {}): Promise<EtcdCluster> {
  sweepStale();
  const root = fs.mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-${++count}-`));
  const size = options.members ?? 1;
  const ports = await freePorts(2 * size);
  const scheme = options.tls === undefined ? "http" : "https";
  const urls = ports.map((port, index) => `${index < size ? scheme : "http"}://127.0.0.1:${port}`);
  const peers = urls.slice(size);
  const initial = peers.map((url, index) => `m${index}=${url}`).join(",");
  const material = readMaterial(options.tls);
  const members = urls.slice(0, size).map((url, index) => {
    const flags = [
      "--name",
      `m${index}`,
      "--data-dir",
      join(root, `m${index}`),
      "--initial-cluster",
      initial,
    ];
    const own = peers[index] ?? "";
    const places = [
      ...["--listen-client-urls", url, "--advertise-client-urls", url],
      ...["--listen-peer-urls", own, "--initial-advertise-peer-urls", own],
    ];
    const all = [...flags, ...places, ...tlsFlags(options.tls), ...(options.flags ?? [])];
    return newMember(path, url, all, join(root, `m${index}.log`), material);
  });
  const stop = async (): Promise<void> => {
    await Promise.all(members.map((member) => member.stop()));
    fs.rmSync(root, { recursive: true });
  };
  const started = await Promise.allSettled(members.map((member) => member.start()));
  for (const one of started) {
    if (one.status === "fulfilled") continue;
    await stop();
    throw one.reason;
  }
  return {
    endpoints: members.map(({ url }) => url),
    members,
    post: (route, body, token) => post(members[0]?.url ?? "", route, body, token, material),
    stop,
  };
}

function readMaterial(tls: EtcdOptions["tls"]): TlsMaterial | undefined {
  if (tls === undefined) return undefined;
  const read = (path: string): string => fs.readFileSync(path, "utf8");
  const { client } = tls;
  const pair = client === undefined ? {} : { cert: read(client.certFile), key: read(client.keyFile) };
  return { ca: read(tls.authority.caFile), ...pair };
}

function tlsFlags(tls: EtcdOptions["tls"]): string[] {
  if (tls === undefined) return [];
  const server = ["--cert-file", tls.server.certFile, "--key-file", tls.server.keyFile];
  return tls.client === undefined
    ? server
    : [...server, "--client-cert-auth", "--trusted-ca-file", tls.authority.caFile];
}

function newMember(
  path: string,
  url: string,
  flags: readonly string[],
  log: string,
  material: TlsMaterial | undefined,
): EtcdMember {
  let child: ChildProcess | undefined;
  const isThere = (): boolean => child !== undefined && child.exitCode === null && child.signalCode === null;
  return {
    url,
    start: async (waitFor = "healthy") => {
      const output = fs.openSync(log, "a");
      child = spawn(path, flags, { stdio: ["ignore", output, output] });
      fs.closeSync(output);
      await until(`etcd at ${url} is ${waitFor}; see ${log}`, async () => {
        if (!isThere()) throw new Error(`etcd has ended: ${fs.readFileSync(log, "utf8").slice(-2000)}`);
        const health = await get(`${url}/health`, material);
        return waitFor === "listening" ? health !== undefined : health?.includes('"true"') === true;
      });
    },
    stop: async (signal = "SIGKILL") => {
      if (child === undefined || !isThere()) return;
      const gone = new Promise((resolve) => child?.once("exit", resolve));
      child.kill(signal);
      await gone;
    },
    pause: () => void child?.kill("SIGSTOP"),
    resume: () => void child?.kill("SIGCONT"),
  };
}

async function get(url: string, tls: TlsMaterial | undefined): Promise<string | undefined> {
  const reply = await linux.http.request({
    method: "GET",
    url,
    headers: {},
    timeoutMs: 2000,
    ...(tls === undefined ? {} : { tls }),
  });
  return reply.ok ? reply.value.body : undefined;
}

async function post(
  url: string,
  path: string,
  body: object,
  token: string | undefined,
  tls: TlsMaterial | undefined,
): Promise<Record<string, unknown>> {
  const reply = must(
    await linux.http.request({
      method: "POST",
      url: url + path,
      headers: token === undefined ? {} : { authorization: token },
      body: JSON.stringify(body),
      timeoutMs: 10_000,
      ...(tls === undefined ? {} : { tls }),
    }),
  );
  if (reply.status !== 200) throw new Error(`${path}: ${reply.status} ${reply.body}`);
  return JSON.parse(reply.body);
}

/** Makes root and a user whose role allows everything under `prefix` and nothing else. Then it turns authentication on. */
export async function turnOnUsers(
  cluster: EtcdCluster,
  user: { name: string; password: string; prefix: string },
): Promise<void> {
  const bytes = (text: string): string => Buffer.from(text, "utf8").toString("base64");
  const permission = {
    permType: "READWRITE",
    key: bytes(`${user.prefix}/`),
    range_end: bytes(`${user.prefix}0`),
  };
  await cluster.post("/v3/auth/user/add", { name: "root", password: "root" });
  await cluster.post("/v3/auth/role/add", { name: "root" });
  await cluster.post("/v3/auth/user/grant", { user: "root", role: "root" });
  await cluster.post("/v3/auth/user/add", { name: user.name, password: user.password });
  await cluster.post("/v3/auth/role/add", { name: "pool" });
  await cluster.post("/v3/auth/role/grant", { name: "pool", perm: permission });
  await cluster.post("/v3/auth/user/grant", { user: user.name, role: "pool" });
  await cluster.post("/v3/auth/enable", {});
}

/** Waits for a condition that a loaded machine may take long to reach. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`gave up waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Finds ports on which nobody listens. All are held until the last is found. */
export async function freePorts(wanted: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: wanted }, async () => {
      const server = net.createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as net.AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/**
 * Ends members of runs that were killed before they could end them. The name of a member's folder says which run it belongs to.
 */
function sweepStale(): void {
  for (const name of fs.readdirSync("/proc").filter((each) => /^\d+$/.test(each))) {
    const args = readOrEmpty(`/proc/${name}/cmdline`).split("\0");
    const folder = args[args.indexOf("--data-dir") + 1] ?? "";
    const owner = new RegExp(`^${join(tmpdir(), prefix)}(\\d+)-`).exec(folder)?.[1];
    if (owner !== undefined && !fs.existsSync(`/proc/${owner}`)) process.kill(Number(name), "SIGKILL");
  }
}

function readOrEmpty(path: string): string {
  try {
    return fs.readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
