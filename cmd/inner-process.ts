import { harmless } from "../sys/harmless.ts";
import type { NetworkNamespace } from "../sys/network.ts";
import { ok } from "../sys/outcome.ts";
import type { RunEnd, RunReport, RunRequest, Sys } from "../sys/sys.ts";
import type { PluginReply } from "./serve.ts";

/** Thrown in a delegate that was ended, at its next effect: it comes no further than a killed process. */
class DelegateEnded extends Error {
  override readonly name = "DelegateEnded";
}

/**
 * Runs a delegate within this process, as `sys.processes.run` runs one in a process of its own: with the same limits of
 * time and output, and ended by the same signals. It cannot be interrupted, so it is ended at its next effect.
 *
 * `identity` is what it takes locks by. Its operation is ours: if this process is killed, what the delegate has started is
 * found by it.
 */
export function runInside(
  sys: Sys,
  identity: string,
  request: RunRequest,
  work: (inner: Sys) => Promise<PluginReply>,
): Promise<RunReport> {
  return new Promise((resolve, reject) => {
    const deadlineMs = sys.clock.monotonicMs() + request.timeoutMs;
    const state = { isOver: false, stderr: "" };
    const end = (how: RunEnd, stdout = ""): void => {
      if (state.isOver) return;
      state.isOver = true;
      cancel();
      resolve(limited({ end: how, stdout, stderr: state.stderr }, request.maxOutputBytes));
    };
    const cancel = sys.clock.alarm(request.timeoutMs, (signal) =>
      end(signal === undefined ? { kind: "timed-out" } : { kind: "stopped", signal }),
    );
    const check = (): void => {
      // The alarm rings late if the delegate never waits.
      if (sys.clock.monotonicMs() >= deadlineMs) end({ kind: "timed-out" });
      if (state.isOver) throw new DelegateEnded("this delegate was ended");
    };
    const warn = (line: string): void => {
      if (state.isOver) return;
      state.stderr += `${harmless(line).toWellFormed()}\n`;
      if (isLonger(state.stderr, request.maxOutputBytes)) end({ kind: "flooded" });
    };
    work(innerSys(sys, identity, { deadlineMs, check, warn })).then(
      ({ stdout, exitCode }) => end({ kind: "exited", code: exitCode }, stdout.toWellFormed()),
      (bug) => (state.isOver ? undefined : reject(bug)),
    );
  });
}

interface Limits {
  readonly deadlineMs: number;
  /** Throws if the delegate was ended. */
  readonly check: () => void;
  readonly warn: (line: string) => void;
}

function innerSys(sys: Sys, identity: string, { deadlineMs, check, warn }: Limits): Sys {
  return {
    files: guarded(sys.files, check),
    processes: {
      ...guarded(sys.processes, check),
      self: () => identity,
      run: (request) => {
        check();
        const leftMs = deadlineMs - sys.clock.monotonicMs();
        return sys.processes.run({ ...request, timeoutMs: Math.min(request.timeoutMs, leftMs) });
      },
      // A signal ends the delegate. If there was one before it began, it is here to undo.
      stopRequested: () => undefined,
    },
    http: guarded(sys.http, check),
    rpc: guarded(sys.rpc, check),
    network: {
      open: async (path) => {
        check();
        const opened = await sys.network.open(path);
        return opened.ok ? ok(guardedNamespace(opened.value, check)) : opened;
      },
    },
    clock: { ...guarded(sys.clock, check), nowMs: sys.clock.nowMs, monotonicMs: sys.clock.monotonicMs },
    random: sys.random,
    warn,
  };
}

function guardedNamespace(namespace: NetworkNamespace, check: () => void): NetworkNamespace {
  return {
    ...guarded(namespace, check),
    socket: (protocol) => {
      check();
      const socket = namespace.socket(protocol);
      return socket.ok ? ok(guarded(socket.value, check)) : socket;
    },
  };
}

/** The same functions, which check first. The kernel closes what a killed process had open, so `close` always works. */
function guarded<T extends object>(part: T, check: () => void): T {
  const all: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(part)) {
    const isEffect = typeof member === "function" && name !== "close";
    all[name] = isEffect ? guard(part, member, check) : member;
  }
  return all as T;
}

function guard(part: object, member: (...args: unknown[]) => unknown, check: () => void) {
  return (...args: unknown[]): unknown => {
    check();
    return Reflect.apply(member, part, args);
  };
}

function isLonger(text: string, maxBytes: number): boolean {
  // No character takes more than three bytes for each unit of the text.
  return text.length * 3 > maxBytes && new TextEncoder().encode(text).length > maxBytes;
}

function limited(report: RunReport, maxBytes: number): RunReport {
  const { stdout, stderr } = report;
  if (!isLonger(stdout, maxBytes) && !isLonger(stderr, maxBytes)) return report;
  const cut = (text: string): string =>
    new TextDecoder().decode(new TextEncoder().encode(text).slice(0, maxBytes));
  return { end: { kind: "flooded" }, stdout: cut(stdout), stderr: cut(stderr) };
}
