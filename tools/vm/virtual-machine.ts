import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { type CpioEntry, fileMode, folderMode, printCpio, programMode } from "./cpio.ts";
import { findProgram, type ImagePart, imageParts, makeRootImage, releaseOf } from "./root-image.ts";

export const project = dirname(dirname(import.meta.dirname));
const folder = join(project, "build/vm");
const kernel = join(folder, "kernel");
/** What the kernel needs before it can mount the root image, in this order. */
const firstModules = [
  ...["virtio/virtio_ring", "virtio/virtio", "virtio/virtio_pci_legacy_dev", "virtio/virtio_pci_modern_dev"],
  ...["virtio/virtio_pci", "block/virtio_blk", "char/virtio_console"],
];

export interface VirtualMachineOptions {
  /** A shell script, and its arguments. */
  readonly script: string;
  readonly args?: readonly string[];
  /** Files that the script finds in /inputs, by name. */
  readonly inputs?: Readonly<Record<string, string>>;
  /** An image of ext4 that is mounted at /disk and written through to the disk. */
  readonly disk?: string;
  /** Virtio network cards without a wire. Their PCI addresses are 0000:00:10.0, 0000:00:11.0 and so on. */
  readonly cards?: number;
  readonly memoryMiB?: number;
  readonly processors?: number;
  /** The folder of this run, which has its console, its output and its results. */
  readonly folder: string;
  readonly onOutput?: (text: string) => void;
}

export interface VirtualMachine {
  readonly pid: number;
  /** Ends when the machine is off, by itself or by `cut`. */
  readonly ended: Promise<void>;
  /** Cuts the power: the process of the machine gets SIGKILL. */
  cut(): void;
}

/** The executables and plugins of this project, as the virtual machine has them. */
export function ownParts(): ImagePart[] {
  const names = (path: string) => fs.readdirSync(join(project, path)).filter((name) => !name.startsWith("."));
  const isShipped = (name: string) => !/^(hawser-node|hawser-arm64|release)$/.test(name);
  return [
    ...names("dist")
      .filter(isShipped)
      .map((name) => ({ from: join(project, "dist", name), to: `/project/dist/${name}` })),
    ...names("build/plugins").map((name) => ({
      from: join(project, "build/plugins", name),
      to: `/project/plugins/${name}`,
    })),
    ...["expectations", "profiles"].flatMap((name) =>
      names(`conformance/${name}`).map((file) => ({
        from: join(project, "conformance", name, file),
        to: `/project/conformance/${name}/${file}`,
      })),
    ),
    { from: join(project, "node_modules/bun/bin/bun.exe"), to: "/usr/bin/bun" },
  ];
}

/** Starts a machine. Its root image is made before, if need be. */
export function startMachine(options: VirtualMachineOptions): VirtualMachine {
  fs.mkdirSync(options.folder, { recursive: true });
  const image = join(folder, "root.img");
  makeRootImage(image, kernel, imageParts(kernel, ownParts()));
  const initial = join(options.folder, "initial.cpio");
  fs.writeFileSync(initial, printCpio(initialFiles(options)));
  const log = fs.openSync(join(options.folder, "qemu.log"), "w");
  // The kernel ends the machine with this process, however this process ends.
  const command = ["--pdeathsig", "KILL", "qemu-system-x86_64", ...qemuArguments(options, image, initial)];
  const child = spawn("setpriv", command, {
    // If its stdin ended, qemu would take the port "output" for closed.
    stdio: ["pipe", "pipe", log],
  });
  fs.closeSync(log);
  return machineOf(child, options.onOutput ?? (() => {}));
}

function machineOf(child: ChildProcess, onOutput: (text: string) => void): VirtualMachine {
  const pid = child.pid;
  if (pid === undefined) throw new Error("setpriv cannot be started: run tools/setup vm");
  child.stdout?.setEncoding("utf8").on("data", onOutput);
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  return { pid, ended, cut: () => void child.kill("SIGKILL") };
}

function qemuArguments(options: VirtualMachineOptions, image: string, initial: string): string[] {
  const { memoryMiB = 1024, processors = 2, disk, cards = 0 } = options;
  const release = releaseOf(kernel);
  return [
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-nic", "none"],
    ...["-machine", "pc", "-accel", "tcg,thread=multi", "-cpu", "max"],
    ...["-smp", String(processors), "-m", String(memoryMiB)],
    ...["-kernel", join(kernel, `boot/vmlinuz-${release}`), "-initrd", initial],
    // On a busy host the machine's timer may be too late for the kernel, which would give up: no_timer_check.
    ...["-append", "console=ttyS0 quiet panic=-1 mitigations=off no_timer_check rdinit=/init"],
    ...["-serial", `file:${join(options.folder, "console.log")}`],
    ...["-drive", `file=${image},format=raw,if=virtio,readonly=on`],
    // A write is done when it is in the file and the host's disk, as on a disk without a cache of its own.
    ...(disk === undefined ? [] : ["-drive", `file=${disk},format=raw,if=virtio,cache=directsync`]),
    ...["-device", "virtio-serial-pci"],
    ...port("output", "stdio,signal=off"),
    ...port("journal", `file,path=${join(options.folder, "journal")}`),
    ...port("results", `file,path=${join(options.folder, "results.tar")}`),
    ...Array.from({ length: cards }, (_, index) => networkCard(index)).flat(),
  ];
}

function port(name: string, backend: string): string[] {
  return [
    "-chardev",
    `${backend.replace(/^\w+/, `$&,id=${name}`)}`,
    "-device",
    `virtserialport,chardev=${name},name=${name}`,
  ];
}

/** A card on a hub of its own, so that no frame goes anywhere. */
function networkCard(index: number): string[] {
  const mac = `52:54:00:00:00:${(index + 0x10).toString(16)}`;
  const at = (index + 0x10).toString(16);
  return [
    ...["-netdev", `hubport,id=card${index},hubid=${index}`],
    ...["-device", `virtio-net-pci,netdev=card${index},mac=${mac},addr=0x${at},romfile=`],
  ];
}

function initialFiles({ script, args = [], inputs = {}, cards = 0 }: VirtualMachineOptions): CpioEntry[] {
  const modules = join(kernel, "lib/modules", releaseOf(kernel), "kernel");
  const moduleFile = (name: string) => {
    const path = [join(modules, `${name}.ko`), join(modules, "drivers", `${name}.ko`)].find((each) =>
      fs.existsSync(each),
    );
    return path === undefined ? [] : [fs.readFileSync(path)];
  };
  const program = (path: string, content: Uint8Array | string) => ({ path, mode: programMode, content });
  const guestFile = (name: string) => fs.readFileSync(join(import.meta.dirname, "guest", name));
  return [
    program("init", guestFile("init")),
    program("busybox", fs.readFileSync(findProgram("busybox"))),
    { path: "modules", mode: folderMode },
    // The shell sorts the names of the modules.
    ...firstModules.flatMap((name, index) =>
      moduleFile(name).map((content) => ({ path: `modules/${index}.ko`, mode: fileMode, content })),
    ),
    { path: "inputs", mode: folderMode },
    program("inputs/.serve", guestFile("serve")),
    program("inputs/.start", `#!/bin/sh\nexec /inputs/.script ${args.map(quoted).join(" ")}\n`),
    program("inputs/.script", script),
    ...(cards === 0 ? [] : [program("inputs/.cards", "")]),
    ...Object.entries(inputs).map(([name, content]) => ({ path: `inputs/${name}`, mode: fileMode, content })),
  ];
}

export interface ScriptOutcome {
  /** The exit status of the script. It is undefined if the machine ended before the script did. */
  readonly status: number | undefined;
  readonly output: string;
}

/** Runs a script to its end. What it leaves in its /results is in the folder `results` of the run afterwards. */
export async function runScript(options: VirtualMachineOptions, patienceMs: number): Promise<ScriptOutcome> {
  let output = "";
  const onOutput = (text: string) => {
    output += text;
    options.onOutput?.(text);
  };
  const machine = startMachine({ ...options, onOutput });
  const timer = setTimeout(() => machine.cut(), patienceMs);
  await machine.ended;
  clearTimeout(timer);
  const results = join(options.folder, "results");
  fs.rmSync(results, { recursive: true, force: true });
  fs.mkdirSync(results);
  spawnSync("tar", ["-xf", join(options.folder, "results.tar"), "-C", results], { stdio: "ignore" });
  const status = join(results, ".status");
  return { status: fs.existsSync(status) ? Number(fs.readFileSync(status, "utf8")) : undefined, output };
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
