import { spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import type { WorkNetwork } from "./events.ts";
import type { OnDisk, Owned } from "./on-disk.ts";

/** The plugins that are called in the machine, their configurations, and what they keep on its disk. */

const disk = "/disk";
const definitions = "/run/networks";
const program = "/project/dist/hawser";
const pluginPath = "/project/dist:/project/plugins";
const places = {
  records: `${disk}/records`,
  addresses: `${disk}/addresses`,
  flat: `${disk}/flat`,
  journal: `${disk}/journal`,
};

const hostLocal = (subnet: string) => ({
  type: process.env.HOST_LOCAL ?? "hawser-host-local",
  dataDir: places.addresses,
  ranges: [[{ subnet }]],
});

const flat = {
  type: "hawser-flat",
  pool: "flat",
  store: { dir: places.flat },
  journalDir: places.journal,
  identity: "container",
  hold: "0",
  ranges: [[{ subnet: "10.71.0.0/26" }]],
};

const networks: Readonly<Record<WorkNetwork, { readonly plugin: string; readonly config: object }>> = {
  pods: {
    plugin: program,
    config: {
      type: "hawser",
      // An emulated processor of a busy host is slow.
      timeout: "5m",
      stateDir: places.records,
      definitionsDir: definitions,
      confDir: `${definitions}/none`,
      networks: ["flat"],
      delegate: { type: "bridge", bridge: "pods0", ipam: hostLocal("10.70.0.0/26") },
    },
  },
  direct: {
    plugin:
      process.env.HOST_LOCAL === undefined
        ? "/project/dist/hawser-host-local"
        : "/project/plugins/host-local",
    config: { type: "hawser-host-local", ipam: hostLocal("10.72.0.0/26") },
  },
  flat: { plugin: "/project/dist/hawser-flat", config: { type: "hawser-flat", ipam: flat } },
};

export function prepare(): void {
  // The kernel would load them while the first plugins wait for their links.
  spawnSync("modprobe", ["-a", "bridge", "veth"]);
  fs.mkdirSync(`${definitions}/default`, { recursive: true });
  const secondary = { cniVersion: "1.1.0", name: "second", type: "bridge", bridge: "second0", ipam: flat };
  fs.writeFileSync(`${definitions}/default/flat.conf`, JSON.stringify({ ...secondary, name: "flat" }));
  for (const path of Object.values(places)) fs.mkdirSync(path, { recursive: true });
}

/** `direct-flat`: the name of a network of its own, whose pool the pods' second network shares. */
const nameOf: Readonly<Record<WorkNetwork, string>> = { pods: "pods", direct: "direct", flat: "direct-flat" };

export interface Called {
  readonly ok: boolean;
  readonly addresses: readonly string[];
  readonly said: string;
}

export function makeSandbox(id: string): void {
  spawnSync("ip", ["netns", "add", id]);
}

export function removeSandbox(id: string): void {
  if (fs.existsSync(`/run/netns/${id}`)) spawnSync("ip", ["netns", "delete", id]);
}

export function call(verb: "ADD" | "DEL", network: WorkNetwork, id: string): Promise<Called> {
  const env = { CNI_CONTAINERID: id, CNI_IFNAME: "eth0", CNI_NETNS: `/run/netns/${id}` };
  return run(verb, network, env, {});
}

/** GC of a network, in which these attachments are valid. */
export function collect(network: WorkNetwork, valid: readonly string[]): Promise<Called> {
  const attachments = valid.map((containerID) => ({ containerID, ifname: "eth0" }));
  return run("GC", network, {}, { "cni.dev/valid-attachments": attachments });
}

function run(verb: string, network: WorkNetwork, env: Record<string, string>, more: object): Promise<Called> {
  const { plugin, config } = networks[network];
  const stdin = JSON.stringify({ cniVersion: "1.1.0", name: nameOf[network], ...config, ...more });
  const child = spawn(plugin, {
    env: { PATH: process.env.PATH, CNI_COMMAND: verb, CNI_PATH: pluginPath, ...env },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  child.stdin.end(stdin);
  return new Promise((resolve) => {
    child.once("close", (code) =>
      resolve({
        ok: code === 0,
        addresses: verb === "ADD" && code === 0 ? addressesIn(stdout) : [],
        said: `${stdout}${stderr}`.trim(),
      }),
    );
  });
}

function addressesIn(result: string): string[] {
  const { ips } = JSON.parse(result) as { ips: { address: string }[] };
  return ips.map(({ address }) => address.split("/")[0] ?? "");
}

export function readDisk(): OnDisk {
  return { hostLocal: readHostLocal(), flat: readFlat(), records: readRecords() };
}

/** What lies in the stores besides what their readers tell: temporary files, and whatever no reader knows. */
export function strayFiles(): string[] {
  const names = [places.addresses, places.records, places.journal].flatMap((path) =>
    fs
      .readdirSync(path, { recursive: true, withFileTypes: true })
      .flatMap((entry) => (entry.isFile() ? [`${entry.parentPath}/${entry.name}`] : [])),
  );
  return names.filter((name) => !/\/(last_reserved_ip\.\d+|lock|\.gone\/\d+|\.boot\/[^/]+)$/.test(name));
}

/** What `hawser ipam check` finds wrong in the pool of hawser-flat. */
export function checkFlat(): string[] {
  const { status, stdout } = hawser("ipam", "check", "--pool", "flat", "--dir", places.flat, "--json");
  return status === 0 ? [] : [`ipam check: ${stdout.trim()}`];
}

function readHostLocal(): Owned[] {
  return ["pods", "direct"].flatMap((network) => {
    const folder = `${places.addresses}/${network}`;
    if (!fs.existsSync(folder)) return [];
    return fs
      .readdirSync(folder)
      .filter((name) => /^[0-9.]+$/.test(name))
      .map((address) => ({
        id: (fs.readFileSync(`${folder}/${address}`, "utf8").split("\n")[0] ?? "").trim(),
        address,
      }));
  });
}

function readFlat(): Owned[] {
  const { status, stdout } = hawser("ipam", "list", "--json", "--pool", "flat", "--dir", places.flat);
  // Before the first claim there is no pool.
  if (status !== 0) return [];
  const { holdings } = JSON.parse(stdout) as {
    holdings: { containerId: string; addresses: string[]; condition: string }[];
  };
  return holdings
    .filter(({ condition }) => condition === "used")
    .flatMap(({ containerId, addresses }) => addresses.map((address) => ({ id: containerId, address })));
}

interface Attached {
  readonly containerId: string;
  readonly state: string;
  readonly interfaces?: readonly { readonly addresses?: readonly string[] }[];
}

function readRecords(): OnDisk["records"] {
  const { stdout } = hawser("attachments", "--json", "--state-dir", places.records);
  const { attachments } = JSON.parse(stdout) as { attachments: readonly Attached[] };
  return attachments.map(({ containerId, state, interfaces = [] }) => ({
    id: containerId,
    state,
    addresses: interfaces.flatMap(({ addresses = [] }) => addresses.map((each) => each.split("/")[0] ?? "")),
  }));
}

function hawser(...args: readonly string[]): { status: number | null; stdout: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return { status, stdout: stdout === "" ? stderr : stdout };
}
