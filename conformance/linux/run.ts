import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import type { PluginEnd } from "../machine.ts";
import { endGroup, holdGroup } from "./cleanup.ts";

/** The longest time for one operation. The kubelet waits four minutes; a person who waits for a report does not. */
const timeLimitMs = 30_000;
const outputLimit = 16 * 1024 * 1024;

export interface ProcessRequest {
  readonly argv: readonly string[];
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  /** stdin is a folder, which cannot be read. */
  readonly unreadableStdin?: boolean;
  readonly cwd?: string;
}

/** Runs a process in a group of its own and waits until it has ended and its output is complete. */
export function runProcess(request: ProcessRequest): Promise<PluginEnd> {
  const [file = "", ...args] = request.argv;
  const folder = request.unreadableStdin === true ? fs.openSync("/", "r") : undefined;
  const child = attempt(() =>
    spawn(file, args, {
      env: { ...request.env },
      cwd: request.cwd ?? "/",
      stdio: [folder ?? "pipe", "pipe", "pipe"],
      detached: true,
    }),
  );
  if (folder !== undefined) fs.closeSync(folder);
  if (child instanceof Error) return Promise.resolve(notStarted(child));
  // A plugin that does not read its stdin closes the pipe while we write.
  child.stdin?.on("error", () => undefined).end(request.stdin);
  return ended(child);
}

/** Starts a service, and returns the function that ends it. */
export function startService({ argv, env }: ProcessRequest): () => void {
  const [file = "", ...args] = argv;
  const child = spawn(file, args, { env: { ...env }, cwd: "/", stdio: "ignore", detached: true });
  const { pid } = child;
  child.on("error", () => undefined);
  if (pid === undefined) return () => undefined;
  holdGroup(pid);
  return () => endGroup(pid);
}

/** Node throws some failures to start at once, and tells others by an event. */
function attempt(start: () => ChildProcess): ChildProcess | Error {
  try {
    return start();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function notStarted({ message }: Error): PluginEnd {
  return { exitCode: undefined, signal: "not started", stdout: "", stderr: message };
}

function ended(child: ChildProcess): Promise<PluginEnd> {
  const { pid } = child;
  if (pid !== undefined) holdGroup(pid);
  let late = false;
  const end = (): void => {
    if (pid !== undefined) endGroup(pid);
  };
  const timer = setTimeout(() => {
    late = true;
    end();
  }, timeLimitMs);
  const stdout = collect(child.stdout, end);
  const stderr = collect(child.stderr, end);
  return new Promise((resolve) => {
    const settle = (exitCode: number | undefined, signal: string | undefined): void => {
      clearTimeout(timer);
      end();
      resolve({ exitCode, signal: late ? "timeout" : signal, stdout: stdout(), stderr: stderr() });
    };
    child.once("error", (error) => {
      clearTimeout(timer);
      resolve(notStarted(error));
    });
    child.once("close", (code, signal) => settle(code ?? undefined, signal ?? undefined));
    // A grandchild that was left behind may hold the pipes open: it is ended with its parent.
    child.once("exit", end);
  });
}

function collect(stream: NodeJS.ReadableStream | null, stop: () => void): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream?.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size > outputLimit) stop();
    else chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString("utf8");
}
