import type { Attempt } from "./fault.ts";
import type { Http } from "./http.ts";
import type { Network } from "./network.ts";
import type { Rpc } from "./rpc.ts";

/**
 * The boundary to the machine. Everything outside `sys/` reaches files, processes, time and chance through this
 * one interface, so that `fake.ts` can stop or fail the program at any single effect.
 */
export interface Sys {
  readonly files: Files;
  readonly processes: Processes;
  readonly http: Http;
  readonly rpc: Rpc;
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  /** Writes one line for people and logs (stderr), made harmless. Results never go here. */
  warn(line: string): void;
}

export interface WriteOptions {
  /** Permission bits of a new file. */
  readonly mode: number;
  /** Refuse (`EEXIST`) when the path exists; never follows a symbolic link. */
  readonly exclusive?: boolean;
  /** Return only when the bytes are on the disk (fsync). */
  readonly sync?: boolean;
}

export interface FileStat {
  readonly kind: "file" | "folder" | "other";
  /** Permission bits only (0o7777). */
  readonly mode: number;
  readonly uid: number;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** Device and inode number: the same by whatever path, and never another file's. */
  readonly identity: string;
}

/** Files are synchronous: a plugin is one short-lived process, and the asynchronous interface costs it start-up. */
export interface Files {
  /** A larger file is refused (`EFBIG`); 16 MiB where nothing is said. */
  read(path: string, maxBytes?: number): Attempt<string>;
  write(path: string, text: string, options: WriteOptions): Attempt;
  /** Makes the entries of a folder durable (fsync of the folder). */
  syncFolder(path: string): Attempt;
  rename(from: string, to: string): Attempt;
  /** A second name for a file; refuses (`EEXIST`) when it exists. */
  link(existing: string, path: string): Attempt;
  /** A symbolic link, `target` as it is written into it; refuses (`EEXIST`) when it exists. */
  symlink(target: string, path: string): Attempt;
  /** A new file with the bytes of another, on the disk when it returns; refuses (`EEXIST`) when it exists. */
  copy(from: string, to: string, mode: number): Attempt;
  remove(path: string): Attempt;
  /** Creates the folder, and its missing parents open to all (0755). Succeeds when it is there. */
  makeFolder(path: string, mode: number): Attempt;
  /** Removes a folder only if it is empty. */
  removeFolder(path: string): Attempt;
  /** The names in a folder, sorted. */
  list(path: string): Attempt<string[]>;
  /** Follows symbolic links. */
  stat(path: string): Attempt<FileStat>;
  /** The target of a symbolic link. Fails with `EINVAL` if there is something else at the path. */
  readLink(path: string): Attempt<string>;
  /** The one path of a file or folder that leads through no symbolic link. */
  realPath(path: string): Attempt<string>;
}

export interface RunRequest {
  /** Absolute path of the executable. */
  readonly executable: string;
  readonly args: readonly string[];
  /** The whole environment of the child; nothing is inherited but what `isBrief` says. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  /** Ends the child and all of its process group after this long. */
  readonly timeoutMs: number;
  /** More output than this on stdout or stderr ends the child. No legitimate program says so much. */
  readonly maxOutputBytes: number;
  /** The child has little to do. If it is a program of our engine's, the engine does not compile what it runs. */
  readonly isBrief?: boolean;
  /**
   * Asks for one of our own plugins by its name. It needs no executable of that name: `executable` is our own, and the plugin
   * is served in this process.
   */
  readonly serveAs?: string;
}

export type RunEnd =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "signalled"; readonly signal: string }
  | { readonly kind: "timed-out" }
  | { readonly kind: "flooded" }
  /** We were asked to stop (SIGTERM, SIGINT, SIGHUP) and ended the child. */
  | { readonly kind: "stopped"; readonly signal: string };

export interface RunReport {
  readonly end: RunEnd;
  readonly stdout: string;
  readonly stderr: string;
}

/** Names a process for good. Its process ID alone may be another's by now. */
export interface ProcessName {
  readonly pid: number;
  /** When it started, in ticks since the boot. */
  readonly startTicks: string;
}

export interface FoundProcess extends ProcessName {
  /** The value of the variable that was asked for. */
  readonly value: string;
}

export interface Processes {
  /** Runs a child in a process group of its own and waits for its end. Fails only when it could not be started. */
  run(request: RunRequest): Promise<Attempt<RunReport>>;
  /** The identity of this process: see `identity.ts`. */
  self(): string;
  /** Names this boot of the machine, `unknownBoot` where the machine tells none. */
  bootId(): string;
  /** Whether the process of this identity still runs. */
  isAlive(identity: string): boolean;
  /** Names what this process does, for those that it starts: its identity with a secret that only root can read. */
  operation(): string;
  /**
   * Finds other processes that have one of these values of the variable in their environment: only processes of root's,
   * in our PID namespace, and only in the first 128 KiB of each environment.
   */
  find(variable: string, values: readonly string[]): Promise<FoundProcess[]>;
  /** Fails with `ESRCH` also if the process ID has become another's. */
  kill(process: ProcessName, signal: "SIGTERM" | "SIGKILL"): Attempt;
  pid(): number;
  /** The signal that asked us to stop, once there was one. */
  stopRequested(): string | undefined;
}

export interface Clock {
  /** Milliseconds since 1970. */
  nowMs(): number;
  /** Milliseconds of a clock that never goes back. */
  monotonicMs(): number;
  sleep(durationMs: number): Promise<void>;
  /** Sleeps until the time is over or we are asked to stop; the signal in the second case. */
  sleepUnlessStopped(durationMs: number): Promise<string | undefined>;
  /**
   * Calls back once: when the time is over or, with the signal, when we are asked to stop from now on. Returns how to cancel
   * it.
   */
  alarm(durationMs: number, ring: (signal?: string) => void): () => void;
}

export interface Random {
  /** Lower-case hexadecimal digits. */
  hex(digits: number): string;
}
