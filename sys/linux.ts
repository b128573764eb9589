// Named imports: a namespace import makes the bundle copy all of node:fs, which costs a plugin a millisecond.
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmdirSync,
  type Stats,
  statSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { attempt } from "./fault.ts";
import { harmless } from "./harmless.ts";
import { requestHttp } from "./linux-http.ts";
import { readBounded } from "./linux-read.ts";
import { onStop, stopSignal } from "./linux-stop.ts";
import { fail } from "./outcome.ts";
import { parseIdentity, printIdentity, printOperation, unknownBoot } from "./process-identity.ts";
import type { Clock, FileStat, Files, Processes, Random, Sys } from "./sys.ts";

const files: Files = {
  read: (path, maxBytes) => attempt(() => readBounded(path, maxBytes)),
  write: (path, text, options) =>
    attempt(() => {
      const { O_WRONLY, O_CREAT, O_EXCL, O_TRUNC, O_NOFOLLOW } = constants;
      const flags = O_WRONLY | O_CREAT | O_NOFOLLOW | (options.exclusive === true ? O_EXCL : O_TRUNC);
      const descriptor = openSync(path, flags, options.mode);
      try {
        writeAll(descriptor, text);
        if (options.sync === true) fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
    }),
  syncFolder: (path) => attempt(() => syncPath(path, constants.O_RDONLY | constants.O_DIRECTORY)),
  rename: (from, to) => attempt(() => renameSync(from, to)),
  link: (existing, path) => attempt(() => linkSync(existing, path)),
  symlink: (target, path) => attempt(() => symlinkSync(target, path)),
  copy: (from, to, mode) =>
    attempt(() => {
      copyFileSync(from, to, constants.COPYFILE_EXCL);
      // The copy has the rights of the original, whatever the umask.
      chmodSync(to, mode);
      syncPath(to, constants.O_RDONLY);
    }),
  remove: (path) => attempt(() => unlinkSync(path)),
  makeFolder: (path, mode) => attempt(() => makeFolder(path, mode)),
  removeFolder: (path) => attempt(() => rmdirSync(path)),
  list: (path) => attempt(() => readdirSync(path).sort()),
  stat: (path) => attempt(() => toFileStat(statSync(path))),
  readLink: (path) => attempt(() => readlinkSync(path)),
  realPath: (path) => attempt(() => realpathSync.native(path)),
};

/**
 * The mode of missing folders above ours: they are open to others, and only our own folder has the mode that was asked
 * for.
 */
const parentMode = 0o755;

function makeFolder(path: string, mode: number): void {
  for (let tries = 0; ; tries++) {
    try {
      mkdirSync(path, { mode });
      return;
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EEXIST" && statSync(path).isDirectory()) return;
      // It tries again if somebody has removed an empty parent meanwhile.
      if (code !== "ENOENT" || tries === 3) throw error;
      mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: parentMode });
    }
  }
}

function syncPath(path: string, flags: number): void {
  const descriptor = openSync(path, flags);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function toFileStat(stat: Stats): FileStat {
  const kind = stat.isFile() ? "file" : stat.isDirectory() ? "folder" : "other";
  return {
    kind,
    mode: stat.mode & 0o7777,
    uid: stat.uid,
    sizeBytes: stat.size,
    modifiedMs: stat.mtimeMs,
    identity: `${stat.dev}:${stat.ino}`,
  };
}

/** A pipe may take less than it was given. */
export function writeAll(descriptor: number, text: string): void {
  // Buffer.from costs a process that does nothing else with it a tenth of a millisecond.
  const bytes = new TextEncoder().encode(text);
  let offset = 0;
  while (offset < bytes.length) {
    try {
      offset += writeSync(descriptor, bytes, offset, bytes.length - offset);
    } catch (error) {
      // A full non-blocking pipe: its reader is slow and still there.
      if ((error as { code?: string }).code !== "EAGAIN") throw error;
    }
  }
}

/** When a process started: field 22 of /proc/<pid>/stat. The name before it may have spaces and brackets. */
function startOf(pid: number): string | undefined {
  const text = files.read(`/proc/${pid}/stat`);
  if (!text.ok) return undefined;
  const fields = text.value.slice(text.value.lastIndexOf(")") + 2).split(" ");
  // A zombie does nothing any more, so it counts as ended.
  return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
}

function bootId(): string {
  const text = files.read("/proc/sys/kernel/random/boot_id");
  return text.ok ? text.value.slice(0, 8) : unknownBoot;
}

/** The identity of this process. It never changes, and a verb asks for it several times. */
let identity: string | undefined;
let operation: string | undefined;

const self = (): string =>
  (identity ??= printIdentity({
    bootId: bootId(),
    pid: process.pid,
    startTicks: startOf(process.pid) ?? "0",
  }));

const processes: Processes = {
  // node:child_process costs a plugin that runs nobody a third of a millisecond.
  run: async (request) => (await import("./linux-run.ts")).runProcess(request),
  pid: () => process.pid,
  self,
  bootId,
  operation: () => (operation ??= printOperation(self(), random.hex(32))),
  isAlive: (text) => {
    const asked = parseIdentity(text);
    return asked?.bootId === bootId() && startOf(asked.pid) === asked.startTicks;
  },
  // Loaded late: few processes look for another one.
  find: async (variable, values) =>
    (await import("./linux-find.ts")).findProcesses(variable, values, startOf),
  kill: ({ pid, startTicks }, signal) => {
    const found = startOf(pid);
    if (found === startTicks) return attempt(() => void process.kill(pid, signal));
    const why = found === undefined ? "it has ended" : "it is another one by now";
    return fail({ code: "ESRCH", message: `ESRCH: kill ${pid}: ${why}` });
  },
  stopRequested: () => stopSignal(),
};

/** The longest time of a timer. A timer with a longer time fires at once. */
const longestTimerMs = 2 ** 31 - 1;

function alarm(durationMs: number, ring: (signal?: string) => void): () => void {
  const end = (signal?: string): void => {
    cancel();
    ring(signal);
  };
  const cancel = (): void => {
    clearTimeout(timer);
    silence();
  };
  const timer = setTimeout(end, Math.min(durationMs, longestTimerMs), undefined);
  const silence = onStop(end);
  return cancel;
}

const clock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (durationMs) => new Promise((resolve) => setTimeout(resolve, durationMs)),
  sleepUnlessStopped: (durationMs) => new Promise((resolve) => void alarm(durationMs, resolve)),
  alarm,
};

const random: Random = {
  hex: (digits) => {
    const bytes = crypto.getRandomValues(new Uint8Array(Math.ceil(digits / 2)));
    // A loop: the first `Array.from` of a process takes a tenth of a millisecond.
    let text = "";
    for (const byte of bytes) text += (0x100 + byte).toString(16).slice(1);
    return text.slice(0, digits);
  },
};

export const linux: Sys = {
  files,
  processes,
  http: { request: requestHttp },
  // Loaded late: node:http2 costs milliseconds, and few pods have a device.
  rpc: { call: async (request) => (await import("./linux-rpc.ts")).callRpc(request) },
  // Loaded late: the foreign functions cost a tenth of a millisecond, and most verbs ask the kernel nothing.
  network: { open: async (path) => (await import("./linux-network.ts")).openNamespace(path) },
  clock,
  random,
  warn: (line) => void attempt(() => writeAll(2, `${harmless(line)}\n`)),
};
