import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import { type Executable, pluginDir } from "./executables.ts";

/** What one test has to itself: folders and network namespaces. They are removed with the bed. */
export interface Bed {
  readonly root: string;
  readonly stateDir: string;
  readonly definitionsDir: string;
  readonly confDir: string;
  /** The folder in which host-local keeps its addresses. */
  readonly dataDir: string;
  /** The folder of plugins that the test itself makes. In CNI_PATH it comes before the reference plugins. */
  readonly binDir: string;
  readonly logDir: string;
  readonly effectsDir: string;
  /** CNI_PATH. */
  readonly path: string;
  /** The namespace that operations run in, so that no bridge touches the machine's own network. Undefined until it is made. */
  node: string | undefined;
  readonly namespaces: string[];
}

export interface BedNamespace {
  readonly name: string;
  /** The path that runtimes give in CNI_NETNS. */
  readonly path: string;
}

/** Every process that a bed starts has this variable in its environment. By it the bed's leftovers are told from others'. */
export const bedVariable = "HWT_BED";
const namespaceFolder = "/var/run/netns";
const prefix = "hwt-";
let count = 0;

/** Makes a bed for each test of the suite around. */
export function useBed(options: { readonly node: boolean }): () => Bed {
  let bed: Bed | undefined;
  beforeEach(() => {
    bed = makeBed();
    if (options.node) addNode(bed);
  });
  afterEach(() => {
    if (bed !== undefined) removeBed(bed);
  });
  return () => {
    if (bed === undefined) throw new Error("a bed is there only within a test");
    return bed;
  };
}

function makeBed(): Bed {
  sweepStale();
  const root = fs.mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`));
  const folder = (name: string): string => {
    fs.mkdirSync(join(root, name));
    return join(root, name);
  };
  const binDir = folder("bin");
  return {
    root,
    stateDir: join(root, "state"),
    definitionsDir: folder("definitions"),
    confDir: folder("net.d"),
    dataDir: join(root, "addresses"),
    binDir,
    logDir: folder("log"),
    effectsDir: folder("effects"),
    path: `${binDir}:${pluginDir}`,
    node: undefined,
    namespaces: [],
  };
}

function removeBed(bed: Bed): void {
  for (const pid of processesOf(bed)) endProcess(pid);
  for (const name of bed.namespaces) execFileSync("ip", ["netns", "del", name]);
  fs.rmSync(bed.root, { recursive: true });
  fs.rmSync(locksOf(bed.root), { recursive: true, force: true });
}

/** The folder in which hawser has the locks of all state folders below this one. */
export function locksOf(root: string): string {
  return join("/run/hawser", root);
}

export function addNamespace(bed: Bed): BedNamespace {
  const name = `${prefix}${process.pid}-${++count}`;
  execFileSync("ip", ["netns", "add", name]);
  bed.namespaces.push(name);
  return { name, path: join(namespaceFolder, name) };
}

export function removeNamespace(bed: Bed, { name }: BedNamespace): void {
  execFileSync("ip", ["netns", "del", name]);
  bed.namespaces.splice(bed.namespaces.indexOf(name), 1);
}

/** The node's namespace, with one network card `uplink0` for macvlan: one end of a veth pair. */
function addNode(bed: Bed): void {
  const { name } = addNamespace(bed);
  execFileSync("ip", ["-n", name, "link", "set", "lo", "up"]);
  execFileSync("ip", ["-n", name, "link", "add", "uplink0", "type", "veth", "peer", "name", "switch0"]);
  for (const link of ["uplink0", "switch0"]) execFileSync("ip", ["-n", name, "link", "set", link, "up"]);
  bed.node = name;
}

/** Puts the executable into CNI_PATH under the names `hawser` and `multus`. */
export function install(bed: Bed, executable: Executable): void {
  for (const name of ["hawser", "multus"]) fs.symlinkSync(executable.path, join(bed.binDir, name));
}

/**
 * Live processes that the bed's operations have started, directly or through others. With `variable`, only those that have it
 * in their environment.
 */
export function processesOf(bed: Bed, variable = bedVariable): number[] {
  const mark = `${bedVariable}=${bed.root}`;
  return runningPids().filter((pid) => {
    const environ = readOrEmpty(`/proc/${pid}/environ`).split("\0");
    return environ.includes(mark) && environ.some((entry) => entry.startsWith(`${variable}=`));
  });
}

/** Removes leftovers of tests that were killed before they could clean up. */
function sweepStale(): void {
  const owner = (name: string): string => name.slice(prefix.length).split("-")[0] ?? "";
  const stale = (folder: string): string[] =>
    namesIn(folder).filter((name) => name.startsWith(prefix) && !fs.existsSync(`/proc/${owner(name)}`));
  for (const name of stale(namespaceFolder)) execFileSync("ip", ["netns", "del", name]);
  for (const name of stale(tmpdir()))
    for (const path of [join(tmpdir(), name), locksOf(join(tmpdir(), name))])
      fs.rmSync(path, { recursive: true, force: true });
}

function runningPids(): number[] {
  return namesIn("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // The process has ended by itself.
  }
}

/** The names in a folder. None if there is no folder. */
export function namesIn(folder: string): string[] {
  return fs.existsSync(folder) ? fs.readdirSync(folder).sort() : [];
}

function readOrEmpty(path: string): string {
  try {
    return fs.readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
