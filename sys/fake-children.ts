import type { FakeClock } from "./fake-clock.ts";
import type { Attempt } from "./fault.ts";
import { fail, ok } from "./outcome.ts";
import type { RunEnd, RunReport, RunRequest } from "./sys.ts";

/** Thrown in a simulated process that is dead: it was killed, or a test stopped it here. Only tests may catch it. */
export class Crash extends Error {
  override readonly name = "Crash";
}

/** What a delegate does. The part up to its first wait is done at once. It waits only by `child.sleep`. */
export type Handler = (request: RunRequest, child: Child) => RunReport | Promise<RunReport>;

/** A delegate at work. */
export interface Child {
  readonly pid: number;
  /** Sleeps on the machine's clock. Throws `Crash` once the delegate is killed. */
  sleep(durationMs: number): Promise<void>;
}

export interface Children {
  /** Fails if there is no such executable. `report` never resolves if its caller is dead. */
  start(parentPid: number, request: RunRequest): Attempt<Started>;
  views(): readonly ChildView[];
  /** Whether there was such a child. */
  end(pid: number, end: RunEnd): boolean;
  /** Ends the children of a process, as its stop handler does. */
  endOf(parentPid: number, end: RunEnd): void;
  /** To be called when the parent dies: the children go on, as children of init. */
  orphan(parentPid: number): void;
}

export interface ChildView {
  readonly pid: number;
  readonly parentPid: number;
  readonly env: Readonly<Record<string, string>>;
}

export interface Started {
  readonly pid: number;
  readonly report: Promise<RunReport>;
}

interface Running {
  readonly pid: number;
  parentPid: number;
  readonly env: Readonly<Record<string, string>>;
  readonly finish: (report: RunReport) => void;
  readonly cancelTimeout: () => void;
}

export function createChildren(
  clock: FakeClock,
  handlers: ReadonlyMap<string, Handler>,
  newPid: () => number,
): Children {
  const running = new Map<number, Running>();
  const end = (pid: number, how: RunEnd): boolean => {
    const child = running.get(pid);
    child?.finish({ end: how, stdout: "", stderr: "" });
    return child !== undefined;
  };
  const of = (parentPid: number): Running[] =>
    [...running.values()].filter((each) => each.parentPid === parentPid);
  return {
    start: (parentPid, request) => {
      const name = request.serveAs ?? request.executable;
      const handler = handlers.get(name);
      const message = `ENOENT: spawn ${name}`;
      if (handler === undefined) return fail({ code: "ENOENT", message });
      return ok(startChild(clock, running, handler, request, { pid: newPid(), parentPid }));
    },
    views: () => [...running.values()],
    end,
    endOf: (parentPid, how) => {
      for (const { pid } of of(parentPid)) end(pid, how);
    },
    orphan: (parentPid) => {
      for (const child of of(parentPid)) {
        child.parentPid = 1;
        // A parent that is dead does not end its child at a timeout.
        child.cancelTimeout();
      }
    },
  };
}

function startChild(
  clock: FakeClock,
  running: Map<number, Running>,
  handler: Handler,
  request: RunRequest,
  { pid, parentPid }: { pid: number; parentPid: number },
): Started {
  const timeout = clock.timer(request.timeoutMs);
  const report = new Promise<RunReport>((resolve, reject) => {
    const finish = (how: RunReport): void => {
      running.delete(pid);
      timeout.cancel();
      resolve(limitOutput(how, request.maxOutputBytes));
    };
    running.set(pid, { pid, parentPid, env: request.env, finish, cancelTimeout: timeout.cancel });
    const isRunning = (): boolean => running.has(pid);
    work(handler, request, childOf(clock, pid, isRunning)).then(finish, (error: unknown) => {
      // A killed handler stops by a Crash, after its report has been given; anything else is the test's mistake.
      if (isRunning()) reject(error);
    });
    timeout.done.then(() => finish({ end: { kind: "timed-out" }, stdout: "", stderr: "" }));
  });
  // The orphan's parent may be dead, so nobody would hear of a mistake in its handler.
  report.catch(() => {});
  return { pid, report };
}

/** A handler that throws before its first wait rejects like one that throws after it. */
async function work(handler: Handler, request: RunRequest, child: Child): Promise<RunReport> {
  return await handler(request, child);
}

function childOf(clock: FakeClock, pid: number, isRunning: () => boolean): Child {
  return {
    pid,
    sleep: async (durationMs) => {
      await clock.sleep(durationMs);
      if (!isRunning()) throw new Crash(`delegate ${pid} was killed`);
    },
  };
}

function limitOutput(report: RunReport, maxBytes: number): RunReport {
  if (new TextEncoder().encode(report.stdout).length <= maxBytes) return report;
  return { ...report, end: { kind: "flooded" }, stdout: report.stdout.slice(0, maxBytes) };
}

/** The report of a delegate that ends by itself. */
export function exited(code: number, stdout: string, stderr = ""): RunReport {
  return { end: { kind: "exited", code }, stdout, stderr };
}
