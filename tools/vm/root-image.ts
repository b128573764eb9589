import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { libraries } from "./libraries.ts";

/** A file or a folder of this machine, and where the virtual machine has it. */
export interface ImagePart {
  readonly from: string;
  readonly to: string;
}

/** The machine's own programs that the virtual machine has, besides what busybox does. */
const programs = [
  "dash",
  "date",
  "ip",
  "bridge",
  "tc",
  "nft",
  "iptables",
  "ip6tables",
  "nsenter",
  "setpriv",
  "unshare",
  "mount",
];
/** What busybox does. Its own `ip` and `nsenter` can do too little. */
const applets = [
  ...[
    "awk",
    "basename",
    "cat",
    "chmod",
    "cmp",
    "cp",
    "cut",
    "dd",
    "depmod",
    "df",
    "diff",
    "dirname",
    "dmesg",
  ],
  ...[
    "echo",
    "env",
    "expr",
    "false",
    "find",
    "grep",
    "head",
    "hostname",
    "id",
    "insmod",
    "kill",
    "ln",
    "ls",
    "lsmod",
  ],
  ...[
    "mkdir",
    "mkfifo",
    "mknod",
    "mktemp",
    "modprobe",
    "mv",
    "nproc",
    "od",
    "ping",
    "poweroff",
    "ps",
    "readlink",
  ],
  ...[
    "realpath",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "sleep",
    "sort",
    "stat",
    "sync",
    "sysctl",
    "tail",
    "tar",
    "tee",
  ],
  ...["test", "timeout", "touch", "tr", "true", "umount", "uname", "uniq", "uptime", "usleep", "wc", "xargs"],
];
/** Modules of the kernel, by their folders. The rest is drivers of machines that this one is not. */
const moduleFolders = [
  "net",
  "lib",
  "crypto",
  "arch",
  "drivers/net",
  "drivers/virtio",
  "drivers/block",
  "drivers/char",
];

const settings = {
  passwd: "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
  group: "root:x:0:\nnogroup:x:65534:\n",
  protocols: "ip 0 IP\nicmp 1 ICMP\ntcp 6 TCP\nudp 17 UDP\n",
};

/** Everything that the image is made of. `kernel` is the unpacked package of the kernel. */
export function imageParts(kernel: string, own: readonly ImagePart[]): ImagePart[] {
  const found = programs.map((name) => ({ name, path: findProgram(name) }));
  const paths = [...found.map(({ path }) => path), ...own.map(({ from }) => from)];
  const modules = join("lib/modules", releaseOf(kernel));
  return [
    ...found.map(({ name, path }) => ({ from: path, to: `/usr/bin/${name}` })),
    ...libraries(paths).map((path) => ({ from: path, to: merged(path) })),
    { from: xtablesFolder(), to: xtablesFolder() },
    { from: findProgram("busybox"), to: "/usr/bin/busybox" },
    ...moduleFolders.map((name) => ({
      from: join(kernel, modules, "kernel", name),
      to: `/usr/${modules}/kernel/${name}`,
    })),
    ...own,
  ];
}

/** Makes the image if it is not there, or if one of its parts has changed. */
export function makeRootImage(file: string, kernel: string, parts: readonly ImagePart[]): void {
  const made = `${JSON.stringify({ applets, parts: parts.map(stateOf) })}\n`;
  const stamp = `${file}.made`;
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, "utf8") === made) return;
  fs.rmSync(stamp, { force: true });
  const folder = fs.mkdtempSync(`${file}-`);
  try {
    for (const { from, to } of parts) place(fs.realpathSync(from), `${folder}${to}`);
    for (const name of applets) linkTo("busybox", join(folder, "usr/bin", name));
    for (const name of ["bin", "sbin", "lib", "lib64"])
      linkTo(`usr/${name.replace("s", "")}`, join(folder, name));
    linkTo("bin", join(folder, "usr/sbin"));
    linkTo("dash", join(folder, "usr/bin/sh"));
    for (const [name, text] of Object.entries(settings)) write(join(folder, "etc", name), text);
    execFileSync("busybox", ["depmod", "-b", join(folder, "usr"), releaseOf(kernel)]);
    writeFileSystem(file, folder);
    fs.writeFileSync(stamp, made);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

export function releaseOf(kernel: string): string {
  const [release] = fs.readdirSync(join(kernel, "lib/modules"));
  if (release === undefined) throw new Error(`${kernel} has no modules: run tools/setup vm`);
  return release;
}

function writeFileSystem(file: string, folder: string): void {
  const kib = Number(execFileSync("du", ["-sk", folder], { encoding: "utf8" }).split("\t")[0]);
  fs.rmSync(file, { force: true });
  const how = ["-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d", folder, file];
  execFileSync("/sbin/mke2fs", [...how, `${Math.ceil(kib * 1.1) + 32_768}k`]);
}

export function findProgram(name: string): string {
  for (const folder of ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]) {
    const path = join(folder, name);
    if (fs.existsSync(path)) return fs.realpathSync(path);
  }
  throw new Error(`the program ${name} is missing: run tools/setup all`);
}

/** iptables loads its matches and targets as libraries that it does not name. */
function xtablesFolder(): string {
  const folder = `/usr/lib/${process.arch === "x64" ? "x86_64" : "aarch64"}-linux-gnu/xtables`;
  if (fs.existsSync(folder)) return folder;
  throw new Error("the libraries of iptables are missing: run tools/setup all");
}

function merged(path: string): string {
  return path.startsWith("/usr/") ? path : `/usr${path}`;
}

function stateOf({ from, to }: ImagePart): readonly (string | number)[] {
  const { mtimeMs, size } = fs.statSync(from);
  return [from, to, mtimeMs, size];
}

/** A hard link is enough, because the folder is only read. Another file system than the project's needs a copy. */
function place(from: string, to: string): void {
  if (fs.statSync(from).isDirectory()) {
    for (const name of fs.readdirSync(from)) place(join(from, name), join(to, name));
    return;
  }
  fs.mkdirSync(dirname(to), { recursive: true });
  try {
    // Also of a symbolic link: the link itself.
    fs.linkSync(from, to);
  } catch {
    fs.copyFileSync(from, to);
    fs.chmodSync(to, fs.statSync(from).mode);
  }
}

function linkTo(target: string, path: string): void {
  fs.mkdirSync(dirname(path), { recursive: true });
  fs.rmSync(path, { force: true });
  fs.symlinkSync(target, path);
}

function write(path: string, text: string): void {
  fs.mkdirSync(dirname(path), { recursive: true });
  fs.writeFileSync(path, text);
}
