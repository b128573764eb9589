import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, expect } from "vitest";
import { type Bed, bedVariable, namesIn, processesOf } from "./bed.ts";
import { type Ended, enterNode, startProgram } from "./call.ts";
import { type Cri, connectCri, type PodSandbox } from "./cri-calls.ts";
import { until } from "./etcd.ts";
import { findProgram, isBuilt, pluginDir } from "./executables.ts";
import { pauseImage, writePauseImage } from "./pause-image.ts";

/**
 * A containerd that one test has to itself. It runs in the bed's node, or, if the bed has none, on the machine's own network.
 */
export interface Containerd {
  readonly cri: Cri;
  /** The newest version of the specification that this containerd's libcni speaks. */
  readonly cniVersion: "1.0.0" | "1.1.0";
  /** Asks for a pod as the kubelet does. Returns the sandbox's ID. */
  runPod(pod: Omit<PodSandbox, "cgroupParent">, givenUp?: AbortSignal): Promise<string>;
  /** Waits until the networks whose configurations containerd has loaded are `names`. */
  awaitNetworks(names: readonly string[]): Promise<void>;
  /** Runs `ctr` with these arguments. */
  ctr(args: readonly string[]): Promise<Ended>;
  /** The path by which the test reaches a path of the node. */
  path(inside: string): string;
  /** Runs a program in the node: with its folders, its processes, its network. */
  run(argv: readonly string[], env?: Readonly<Record<string, string>>, stdin?: string): Promise<Ended>;
  /** containerd's log, for what it says about a plugin. */
  log(): string;
  /** Ends containerd and all that it has started, and removes what it has put outside of the bed's folder. */
  stop(): Promise<void>;
}

/** A containerd that the live suites use. */
export interface ContainerdBinary {
  /** The name, such as `containerd of the system`. */
  readonly name: string;
  /** The folder of containerd, its shim and its ctr. */
  readonly folder: string;
}

const built = join(dirname(dirname(import.meta.dirname)), "build/containerd");

/**
 * The system's containerd and the newer one that set-up has built. HAWSER_TEST_CONTAINERD names folders of others, with colons
 * between them.
 */
export function containerdBinaries(): ContainerdBinary[] {
  const named = process.env.HAWSER_TEST_CONTAINERD ?? "";
  if (named !== "") return named.split(":").map((folder) => ({ name: `containerd in ${folder}`, folder }));
  const system = { name: "containerd of the system", folder: dirname(findProgram("containerd") ?? "") };
  return isBuilt(built) ? [system, { name: "containerd 2", folder: built }] : [system];
}

/**
 * The node as containerd sees it. A mount namespace lays folders of the bed over those that containerd, its shims, ctr and
 * libcni write to. So all of them are at their usual paths, and none is the machine's. /etc keeps its contents. In the node's
 * own process namespace nothing outlives the first process, which waits for its children as init does.
 */
const node = `set -e
root=$1 net_d=$2 bin=$3; shift 3
mount -t tmpfs tmpfs "$root/etc"
mkdir "$root/etc/upper" "$root/etc/work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$root/etc/upper,workdir=$root/etc/work" /etc
mount --bind "$root/var-lib" /var/lib
mount --bind "$root/opt" /opt
mkdir -p /etc/cni/net.d /opt/cni/bin
mount --bind "$net_d" /etc/cni/net.d
mount --bind "$bin" /opt/cni/bin
mount --bind "$root/run" /run
"$@" &
wait`;

/** Some test machines lack the right that runc needs to lower its OOM score. A native snapshot needs no rights at all. */
const configuration = `version = 2
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.opt"]
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "${pauseImage}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
`;

/** This variable is in the environment of containerd and of all that it starts. */
const ownVariable = "HWT_CONTAINERD";
const prefix = "hwt-";
const cgroups = "/sys/fs/cgroup";
let count = 0;

/**
 * Starts a containerd in each test of the suite around, when the test first asks for it. It ends with the test, even if the
 * test fails.
 */
export function useContainerd(bed: () => Bed, binary: ContainerdBinary): () => Promise<Containerd> {
  let runtime: Containerd | undefined;
  afterEach(async () => {
    await runtime?.stop();
    const left = runtime === undefined ? [] : processesOf(bed(), ownVariable);
    runtime = undefined;
    expect(left, "processes that containerd has left").toEqual([]);
  });
  return async () => {
    runtime ??= await startContainerd(bed(), binary);
    return runtime;
  };
}

/** Starts containerd. Returns when it serves and has its sandbox image. */
async function startContainerd(bed: Bed, { folder }: ContainerdBinary): Promise<Containerd> {
  sweepStale();
  const root = join(bed.root, `containerd-${++count}`);
  for (const name of ["etc", "var-lib", "opt", "run", "image"])
    fs.mkdirSync(join(root, name), { recursive: true });
  fs.writeFileSync(join(root, "config.toml"), configuration);
  linkPlugins(bed);
  const child = spawnNode(bed, folder, root);
  const cri = connectCri(join(root, "run/containerd/containerd.sock"));
  const cgroup = `${prefix}${process.pid}-${count}`;
  const log = (): string => fs.readFileSync(join(root, "log"), "utf8");
  const stop = async (): Promise<void> => {
    cri.close();
    await endNode(child);
    removeCgroups(cgroup);
  };
  const inside = (argv: readonly string[], env = {}, stdin = ""): Promise<Ended> =>
    startProgram({ ...bed, node: undefined }, [...enter(child), ...argv], env, stdin).ended;
  try {
    const version = await awaitService(child, cri, log);
    const ctr = (args: readonly string[]): Promise<Ended> => inside([join(folder, "ctr"), ...args]);
    await importImage(cri, ctr, root);
    // /var/run is a link that would lead out of the node.
    const path = (absolute: string): string =>
      `/proc/${firstProcess(child)}/root${absolute.replace("/var/run/", "/run/")}`;
    return {
      cri,
      cniVersion: version.startsWith("1.") ? "1.0.0" : "1.1.0",
      runPod: (pod, givenUp) => cri.run({ ...pod, cgroupParent: `/${cgroup}` }, givenUp),
      awaitNetworks: (names) =>
        until(
          `containerd has the networks ${names}`,
          async () => String(await cri.networks()) === String(names),
        ),
      ctr,
      path,
      run: inside,
      log,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** containerd 1.x knows one folder of plugins. It runs loopback itself, so loopback must be in that folder, too. */
function linkPlugins(bed: Bed): void {
  for (const name of namesIn(pluginDir)) {
    const link = join(bed.binDir, name);
    if (!name.startsWith(".") && !fs.existsSync(link)) fs.symlinkSync(join(pluginDir, name), link);
  }
}

function spawnNode(bed: Bed, folder: string, root: string): ChildProcess {
  const output = fs.openSync(join(root, "log"), "a");
  // If the test is killed, all of this ends with it.
  const bound = ["--pdeathsig", "KILL", ...enterNode(bed.node)];
  const apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", node];
  const served = [join(folder, "containerd"), "--config", join(root, "config.toml")];
  const argv = [...bound, ...apart, "sh", root, bed.confDir, bed.binDir, ...served];
  const PATH = `${folder}:${process.env.PATH}:/usr/sbin:/sbin`;
  const child = spawn("setpriv", argv, {
    env: { PATH, [bedVariable]: bed.root, [ownVariable]: root },
    stdio: ["ignore", output, output],
  });
  fs.closeSync(output);
  return child;
}

/** The first process of the node's process namespace, by the ID that it has outside. */
function firstProcess({ pid }: ChildProcess): number {
  return Number(fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8"));
}

function enter(child: ChildProcess): string[] {
  return ["nsenter", "--target", String(firstProcess(child)), "--mount", "--pid", "--net"];
}

async function awaitService(child: ChildProcess, cri: Cri, log: () => string): Promise<string> {
  let version: string | undefined;
  await until("containerd serves", async () => {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`containerd has ended: ${log().slice(-4000)}`);
    }
    version = await cri.version();
    return version !== undefined;
  });
  return version?.split(" ")[1]?.replace(/^v/, "") ?? "";
}

/** Ends the node's first process. With it the kernel ends all others, and `child` ends when they are gone. */
async function endNode(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  process.kill(firstProcess(child) || (child.pid ?? 0), "SIGKILL");
  await gone;
}

async function importImage(cri: Cri, ctr: Containerd["ctr"], root: string): Promise<void> {
  const archive = join(root, "pause.tar");
  writePauseImage(join(root, "image"), archive);
  const ended = await ctr(["--namespace", "k8s.io", "images", "import", "--no-unpack", archive]);
  if (ended.exitCode !== 0) throw new Error(`ctr images import: ${ended.stderr}`);
  await until("containerd's CRI has the sandbox image", () => cri.hasImage(pauseImage));
}

/** The folders that may hold a cgroup: the one hierarchy of cgroup v2, or one for each controller of cgroup v1. */
function cgroupFolders(): string[] {
  return [cgroups, ...namesIn(cgroups).map((name) => join(cgroups, name))];
}

function removeCgroups(name: string): void {
  for (const each of cgroupFolders()) removeCgroup(join(each, name));
}

function removeCgroup(path: string): void {
  if (!fs.existsSync(path)) return;
  for (const entry of fs.readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroup(join(path, entry.name));
  }
  fs.rmdirSync(path);
}

/** Removes the cgroups of a run that was killed. Its processes have ended with it. */
function sweepStale(): void {
  for (const each of cgroupFolders()) {
    for (const name of namesIn(each).filter((one) => one.startsWith(prefix))) {
      const owner = name.slice(prefix.length).split("-")[0] ?? "";
      if (!fs.existsSync(`/proc/${owner}`)) removeCgroup(join(each, name));
    }
  }
}

/** Writes into the folder of configurations as an operator should: a complete file, renamed within the folder. */
export function writeConf(bed: Bed, name: string, config: object | string): void {
  const text = typeof config === "string" ? config : JSON.stringify(config);
  const draft = join(bed.confDir, `.${name}`);
  fs.writeFileSync(draft, text);
  fs.renameSync(draft, join(bed.confDir, name));
}
