import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type EtcdCluster, startEtcd } from "../tools/testbed/etcd.ts";
import type { Bench } from "./bench-group.ts";
import { BenchFailure, type TimedCall } from "./timed-call.ts";

/** A network whose addresses one of the IPAM plugins gives. */
export interface BenchPool {
  readonly executable: string;
  /** A file with the network's configuration, as the plugin reads it on stdin. */
  readonly inputFile: string;
}

export interface FlatShape {
  readonly subnet: string;
  /** `0`: a DEL leaves nothing behind. */
  readonly hold: string;
}

/** What the benches of IPAM share: plugins, an etcd of their own, and pools. */
export interface IpamStage {
  readonly etcd: EtcdCluster;
  readonly hostLocal: (who: "reference" | "hawser") => BenchPool;
  readonly flatLocal: (shape: FlatShape) => BenchPool;
  readonly flatEtcd: (shape: FlatShape) => BenchPool;
}

const etcdPath = "/usr/bin/etcd";
const cniVersion = "1.1.0";
let pools = 0;

/** Starts etcd for a group, and ends it in any case. */
export async function withStage<T>(bench: Bench, use: (stage: IpamStage) => Promise<T>): Promise<T> {
  const folder = join(dirname(bench.scene.versionInput), "ipam");
  mkdirSync(folder, { recursive: true });
  // etcd's data lies in the folder of the run, and is removed with it, even when the bench is killed.
  process.env.TMPDIR = folder;
  const etcd = await startEtcd({ name: "etcd", path: mortal(folder) });
  try {
    return await use(stageOf(bench, folder, etcd));
  } finally {
    await etcd.stop();
  }
}

/** Writes a program that runs etcd, and ends it when the bench ends. */
function mortal(folder: string): string {
  if (!existsSync(etcdPath))
    throw new BenchFailure(`missing: ${etcdPath}; run "make setup" ("make bench" does)`);
  const path = join(folder, "mortal-etcd");
  writeFileSync(path, `#!/bin/sh\nexec setpriv --pdeathsig KILL ${etcdPath} "$@"\n`);
  chmodSync(path, 0o700);
  return path;
}

function stageOf({ programs }: Bench, folder: string, etcd: EtcdCluster): IpamStage {
  const beside = (name: string) => join(dirname(programs.hawser), name);
  /** Each network is new, whatever ran before. */
  const write = (ipam: Record<string, unknown>): string => {
    pools += 1;
    const name = `pool-${pools}`;
    const places = { dataDir: join(folder, "addresses"), journalDir: join(folder, "journal") };
    const own = ipam.type === "host-local" ? { dataDir: places.dataDir } : { journalDir: places.journalDir };
    const path = join(folder, `${name}.json`);
    writeFileSync(
      path,
      `${JSON.stringify({ cniVersion, name, type: "bench", ipam: { ...ipam, ...own } })}\n`,
    );
    return path;
  };
  const flat = ({ subnet, hold }: FlatShape, store: object): BenchPool => {
    const inputFile = write({ type: "hawser-flat", node: "bench", ranges: [[{ subnet }]], hold, store });
    return { executable: beside("hawser-flat"), inputFile };
  };
  return {
    etcd,
    hostLocal: (who) => ({
      executable: who === "hawser" ? beside("hawser-host-local") : join(programs.pluginsDir, "host-local"),
      inputFile: write({ type: "host-local", ranges: [[{ subnet: "10.77.0.0/16" }]] }),
    }),
    flatLocal: (shape) => flat(shape, { dir: join(folder, `store-${pools}`) }),
    flatEtcd: (shape) => flat(shape, { etcd: { endpoints: etcd.endpoints } }),
  };
}

/** The call with which a main plugin runs an IPAM plugin. */
export function ipamCall(pool: BenchPool, verb: "ADD" | "DEL", pod: string, containerId: string): TimedCall {
  const env = {
    PATH: process.env.PATH ?? "",
    CNI_COMMAND: verb,
    CNI_CONTAINERID: containerId,
    CNI_NETNS: "/var/run/netns/bench",
    CNI_IFNAME: "eth0",
    CNI_PATH: dirname(pool.executable),
    CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=bench;K8S_POD_NAME=${pod}`,
  };
  return { ...pool, env };
}

/**
 * Fills a pool of a /16 (10.x.0.0): every address but each `gap`-th, all of other pods. Through the command line's own
 * import, so that nothing here knows what lies in the store.
 */
export function fill(
  { programs }: Bench,
  pool: BenchPool,
  block: number,
  isTaken: (index: number) => boolean,
): void {
  const indexes = Array.from({ length: 0xffff - 2 }, (_each, n) => n + 2).filter(isTaken);
  const lines = indexes.map((index) => ({
    identity: `others/pod-${index}/eth0`,
    state: "live",
    containerId: `other-${index}`,
    ifname: "eth0",
    node: "elsewhere",
    network: "bench",
    addresses: [`10.${block}.${index >> 8}.${index & 255}`],
    mac: "",
    generation: 1,
    sinceMs: 0,
    history: [],
  }));
  const file = pool.inputFile.replace(/json$/, "jsonl");
  const text = [{ format: "hawser-flat/1" }, ...lines].map((line) => JSON.stringify(line)).join("\n");
  writeFileSync(file, `${text}\n`);
  const args = ["ipam", "import", file, "--config", pool.inputFile, "--yes"];
  const { status, stdout, stderr } = spawnSync(programs.hawser, args, { encoding: "utf8" });
  if (status !== 0) throw new BenchFailure(`fill a pool: ${stderr}${stdout}`.trim());
}
