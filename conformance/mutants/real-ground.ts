import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { dirname } from "node:path";
import { parseLinks, parseRoutes } from "../linux/kernel.ts";
import type { MachineLink, MachineRoute } from "../machine.ts";
import type { DelegateEnd, Ground } from "./ground.ts";

/** The real machine, for the test plugin as an executable. */
export function realGround(env: Readonly<Record<string, string>>): Ground {
  const ip = (netns: string, ...args: string[]): string =>
    execFileSync("ip", netns === "" ? args : ["-n", nameOf(netns), ...args], {
      encoding: "utf8",
      stdio: "pipe",
    });
  return {
    ownNetns: isOwn(env.CNI_NETNS ?? "") ? (env.CNI_NETNS ?? "") : "",
    others: 0,
    cwd: process.cwd(),
    hasNamespace: (path) => fs.existsSync(path),
    links: (netns): MachineLink[] => parseLinks(ip(netns, "-j", "addr")),
    addLink: (netns, name, nodeEnd) => {
      ip("", "link", "add", nodeEnd, "type", "veth", "peer", "name", name, "netns", nameOf(netns));
      ip("", "link", "set", nodeEnd, "up");
      ip(netns, "link", "set", name, "up");
    },
    setDown: (netns, name) => void ip(netns, "link", "set", name, "down"),
    deleteLink: (netns, name) => void ip(netns, "link", "del", name),
    addAddress: (netns, link, address) => void ip(netns, "addr", "add", address, "dev", link),
    deleteAddress: (netns, link, address) => void ip(netns, "addr", "del", address, "dev", link),
    routes: (netns): MachineRoute[] => parseRoutes(ip(netns, "-j", "-4", "route"), 4),
    addRoute: (netns, dst, gateway) => void ip(netns, "route", "add", dst, "via", gateway),
    read: (path) => attemptOr(() => fs.readFileSync(path, "utf8"), undefined),
    write: (path, text, mode = 0o600) => {
      fs.mkdirSync(dirname(path), { recursive: true });
      fs.writeFileSync(path, text, { mode });
    },
    remove: (path) => fs.rmSync(path, { force: true }),
    list: (folder) => attemptOr(() => fs.readdirSync(folder).sort(), []),
    isFile: (path) => attemptOr(() => fs.statSync(path).isFile(), false),
    run: runReal,
    lock,
    pause,
  };
}

function nameOf(netns: string): string {
  return netns.slice(netns.lastIndexOf("/") + 1);
}

function isOwn(netns: string): boolean {
  return attemptOr(() => fs.statSync(netns).ino === fs.statSync("/proc/self/ns/net").ino, false);
}

function runReal(
  path: string,
  env: Readonly<Record<string, string>>,
  stdin: string,
  netns?: string,
): DelegateEnd {
  const argv = netns === undefined ? [path] : ["nsenter", `--net=${netns}`, path];
  const [file = "", ...args] = argv;
  const startMs = performance.now();
  const done = spawnSync(file, args, { env, input: stdin, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  return {
    exitCode: done.status ?? undefined,
    signal: done.signal ?? undefined,
    stdout: done.stdout ?? "",
    stderr: done.stderr ?? "",
    tookS: (performance.now() - startMs) / 1000 - 0.5,
    busy: (done.error as NodeJS.ErrnoException | undefined)?.code === "ETXTBSY",
  };
}

/** The lock is a folder: of several processes only one can make it. */
function lock(path: string): () => void {
  fs.mkdirSync(dirname(path), { recursive: true });
  while (!attemptOr(() => fs.mkdirSync(path) === undefined, false)) pause();
  return () => fs.rmdirSync(path);
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
}

/** Returns what the action returns or, where it throws, `otherwise`. */
export function attemptOr<T, U>(action: () => T, otherwise: U): T | U {
  try {
    return action();
  } catch {
    return otherwise;
  }
}
