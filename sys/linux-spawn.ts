import { type Attempt, attempt, toFault } from "./fault.ts";
import { fail, ok } from "./outcome.ts";
import type { RunEnd, RunRequest } from "./sys.ts";

/** Descriptors of the child's three streams. */
export interface Channel {
  readonly stdin: number;
  readonly stdout: number;
  readonly stderr: number;
}

/** Starts a child in a process group of its own, and tells once how it ended, or why it did not start. Returns its pid. */
export type Start = (
  request: RunRequest,
  channel: Channel,
  ended: (end: Attempt<RunEnd>) => void,
) => number | undefined;

/** What we use of Bun's own API, of which the project has no types. */
interface BunEngine {
  spawn(
    command: readonly string[],
    options: {
      readonly env: Readonly<Record<string, string>>;
      readonly stdio: readonly [number, number, number];
      readonly detached: true;
      readonly onExit: (child: unknown, code: number | null, signal: string | null) => void;
    },
  ): { readonly pid: number };
}

const bun = (globalThis as { readonly Bun?: BunEngine }).Bun;

/** Under Bun its own API: node:child_process, which is made of it, costs the first child a millisecond and each one a tenth. */
export async function chooseStart(): Promise<Start> {
  return bun === undefined ? startWithNode() : startWithBun(bun);
}

function startWithBun(engine: BunEngine): Start {
  return (request, { stdin, stdout, stderr }, ended) => {
    const child = attempt(() =>
      engine.spawn([request.executable, ...request.args], {
        env: environmentOf(request),
        stdio: [stdin, stdout, stderr],
        detached: true,
        onExit: (_child, code, signal) => ended(ok(ownEnd(code, signal))),
      }),
    );
    if (child.ok) return child.value.pid;
    ended(child);
    return undefined;
  };
}

async function startWithNode(): Promise<Start> {
  const { spawn } = await import("node:child_process");
  return (request, { stdin, stdout, stderr }, ended) => {
    // Some errors are thrown, others arrive as the child's "error".
    const child = attempt(() =>
      spawn(request.executable, [...request.args], {
        env: environmentOf(request),
        stdio: [stdin, stdout, stderr],
        detached: true,
      })
        .on("error", (error) => ended(fail(toFault(error))))
        .on("exit", (code, signal) => ended(ok(ownEnd(code, signal)))),
    );
    if (child.ok) return child.value.pid;
    ended(child);
    return undefined;
  };
}

function ownEnd(code: number | null, signal: string | null): RunEnd {
  return code === null ? { kind: "signalled", signal: signal ?? "?" } : { kind: "exited", code };
}

/**
 * A child is often this program under another name, or starts it: bridge starts hawser-flat. Within milliseconds nothing is worth
 * being compiled, and without its compiler Bun takes a tenth less of the processor. Other programs do not know the variable.
 */
function environmentOf({ env, isBrief = false }: RunRequest): Record<string, string> {
  return { ...env, ...(isBrief && !("BUN_JSC_useJIT" in env) ? { BUN_JSC_useJIT: "0" } : {}) };
}
