import { type Children, Crash, createChildren, type Handler } from "./fake-children.ts";
import { createChance, createClock, createRandom, type FakeClock } from "./fake-clock.ts";
import { createDisk, type Disk, type Loss } from "./fake-files.ts";
import { createHttp, type FakeClient, type HttpHandler } from "./fake-http.ts";
import { createNetwork } from "./fake-network.ts";
import { createRpc, type RpcHandler } from "./fake-rpc.ts";
import type { Attempt } from "./fault.ts";
import { harmless } from "./harmless.ts";
import type { Network } from "./network.ts";
import { fail, ok } from "./outcome.ts";
import { outerIdentity, printIdentity, printOperation } from "./process-identity.ts";
import type { Files, FoundProcess, Processes, RunReport, RunRequest, Sys } from "./sys.ts";

export { Crash, exited, type Handler } from "./fake-children.ts";
export type { HttpHandler } from "./fake-http.ts";
export type { RpcHandler } from "./fake-rpc.ts";

/**
 * A machine in memory: its files, a clock that leaps, delegates that are functions, and any number of simulated
 * processes on it, each of which can be failed or stopped at any single effect.
 */
export interface FakeMachine {
  readonly disk: Disk;
  readonly clock: FakeClock;
  /** Starts a new process on the machine. */
  spawn(options?: SpawnOptions): FakeProcess;
  /** Ends a process or delegate at once. Its children go on. */
  kill(pid: number): void;
  /** Power loss and reboot: every process is dead, and the files lose what `lose` says. */
  crash(options: { readonly lose: Loss }): void;
}

export interface MachineOptions {
  /** Files that exist and are durable. */
  readonly files?: Readonly<Record<string, string>>;
  /** Delegates by the path of their executable, which is there as a file too, and our own plugins by their names. */
  readonly executables?: Readonly<Record<string, Handler>>;
  /** Every server that the machine can reach. By default nobody listens. */
  readonly http?: HttpHandler;
  /** Every gRPC service behind a Unix socket. By default there are none. */
  readonly rpc?: RpcHandler;
  /** The kernel of the machine, without faults. By default there is none. */
  readonly network?: Network;
  readonly seed?: number;
  /** Milliseconds since 1970. */
  readonly startMs?: number;
}

export interface SpawnOptions {
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Called before every effect and every read, so that another process can get in between. It is not called for what it
   * does itself.
   */
  readonly onCall?: (call: string) => void;
}

/** `half`: a write leaves its first half, a delegate or server goes on alone; other effects are not done. */
export type CrashPoint = "before" | "half" | "after";

export interface FakeProcess {
  readonly sys: Sys;
  readonly pid: number;
  /** What was done or tried, in order: `write /a/b`, `run /bin/bridge ADD`. An effect's number is its place here. */
  effects(): readonly string[];
  readonly warnings: readonly string[];
  /** Lets effect number `effect` fail with this code; the effect is not done. */
  failAt(effect: number, code: string): void;
  /** Stops the process at effect number `effect`: that call and all after it throw `Crash`. */
  crashAt(effect: number, when: CrashPoint): void;
  /** Lets effect number `effect`, an HTTP request, be done and its answer be lost. */
  loseReplyAt(effect: number): void;
  /** Lets every read of this path (read, list, stat) fail. */
  failReads(path: string, code: string): void;
  /** Like SIGTERM: delegates are ended, and `stopRequested` tells the signal. */
  stop(signal: string): void;
  isDead(): boolean;
}

export interface Fake extends FakeProcess {
  readonly machine: FakeMachine;
}

/** A machine and a first process on it. */
export function createFake(options: MachineOptions & SpawnOptions = {}): Fake {
  const machine = createMachine(options);
  return { ...machine.spawn(options), machine };
}

/** What a process does to the machine it is on. */
interface Kernel extends FakeMachine {
  readonly children: Children;
  readonly http: HttpHandler | undefined;
  readonly rpc: RpcHandler | undefined;
  readonly network: Network | undefined;
  readonly chance: () => number;
  bootId(): string;
  processes(): readonly Simulated[];
}

/** The state of one simulated process. */
interface Simulated {
  readonly pid: number;
  readonly identity: string;
  readonly env: Readonly<Record<string, string>>;
  dead: boolean;
  stopSignal: string | undefined;
  readonly effects: string[];
  readonly warnings: string[];
  readonly faults: Map<number, string>;
  readonly crashes: Map<number, CrashPoint>;
  readonly lostReplies: Set<number>;
  readonly readFaults: Map<string, string>;
  /** To be called when it is asked to stop. */
  readonly alarms: Set<(signal: string) => void>;
  onCall: ((call: string) => void) | undefined;
}

export function createMachine(options: MachineOptions = {}): FakeMachine {
  const clock = createClock(options.startMs ?? 1_700_000_000_000);
  const disk = createDisk(clock.nowMs);
  const chance = createChance(options.seed ?? 1);
  const handlers = new Map(Object.entries(options.executables ?? {}));
  for (const path of handlers.keys()) if (path.startsWith("/")) install(disk, path, "an executable", 0o755);
  for (const [path, text] of Object.entries(options.files ?? {})) install(disk, path, text, 0o600);
  let lastPid = 1000;
  let boots = 1;
  let simulated: Simulated[] = [];
  const newPid = (): number => ++lastPid;
  const children = createChildren(clock, handlers, newPid);
  const bury = (process: Simulated): void => {
    process.dead = true;
    children.orphan(process.pid);
  };
  const machine: Kernel = {
    disk,
    clock,
    children,
    http: options.http,
    rpc: options.rpc,
    network: options.network,
    chance,
    bootId: () => `b${boots.toString(16).padStart(7, "0")}`,
    processes: () => simulated.filter((process) => !process.dead),
    spawn: (spawning = {}) => {
      const process = newProcess(newPid(), machine.bootId(), spawning);
      simulated.push(process);
      return toFakeProcess(machine, process);
    },
    kill: (pid) => {
      const process = simulated.find((each) => each.pid === pid);
      if (process !== undefined) bury(process);
      else children.end(pid, { kind: "signalled", signal: "SIGKILL" });
    },
    crash: ({ lose }) => {
      for (const process of simulated) bury(process);
      for (const { pid } of children.views()) children.end(pid, { kind: "signalled", signal: "SIGKILL" });
      simulated = [];
      disk.lose(lose, chance);
      disk.clearRun();
      boots++;
      clock.restart();
    },
  };
  return machine;
}

/** Makes a file that has always been there. */
function install(disk: Disk, path: string, text: string, mode: number): void {
  const folders = path.split("/").slice(1, -1);
  disk.makeFolder(`/${folders.join("/")}`, 0o755);
  disk.write(path, text, { mode, sync: true });
  for (let depth = folders.length; depth >= 0; depth--)
    disk.syncFolder(`/${folders.slice(0, depth).join("/")}`);
}

function newProcess(pid: number, bootId: string, { env, onCall }: SpawnOptions): Simulated {
  return {
    pid,
    identity: printIdentity({ bootId, pid, startTicks: String(pid) }),
    env: env ?? {},
    dead: false,
    stopSignal: undefined,
    effects: [],
    warnings: [],
    faults: new Map(),
    crashes: new Map(),
    lostReplies: new Set(),
    readFaults: new Map(),
    alarms: new Set(),
    onCall,
  };
}

function toFakeProcess(machine: Kernel, process: Simulated): FakeProcess {
  return {
    sys: {
      files: filesOf(machine, process),
      processes: processesOf(machine, process),
      http: createHttp(machine.clock, machine.http, askerOf(machine, process)),
      rpc: createRpc(machine.clock, machine.rpc, askerOf(machine, process)),
      network: createNetwork(machine.network, askerOf(machine, process)),
      clock: {
        ...machine.clock,
        sleep: async (durationMs) => {
          enter(process, `sleep ${durationMs}`);
          await machine.clock.sleep(durationMs);
          breathe(process);
        },
        sleepUnlessStopped: async (durationMs) => {
          enter(process, `sleep ${durationMs}`);
          if (process.stopSignal === undefined) await machine.clock.sleep(durationMs);
          breathe(process);
          return process.stopSignal;
        },
        alarm: (durationMs, ring) => {
          const end = (signal?: string): void => {
            cancel();
            ring(signal);
          };
          const stop = machine.clock.alarm(durationMs, end);
          const cancel = (): void => {
            stop();
            process.alarms.delete(end);
          };
          process.alarms.add(end);
          return cancel;
        },
      },
      random: createRandom(machine.chance),
      warn: (line) => void process.warnings.push(harmless(line)),
    },
    pid: process.pid,
    effects: () => process.effects,
    warnings: process.warnings,
    failAt: (effect, code) => void process.faults.set(effect, code),
    crashAt: (effect, when) => void process.crashes.set(effect, when),
    loseReplyAt: (effect) => void process.lostReplies.add(effect),
    failReads: (path, code) => void process.readFaults.set(path, code),
    stop: (signal) => {
      process.stopSignal ??= signal;
      machine.children.endOf(process.pid, { kind: "stopped", signal });
      for (const ring of [...process.alarms]) ring(signal);
    },
    isDead: () => process.dead,
  };
}

/** Throws if the process is dead. */
function breathe(process: Simulated): void {
  if (process.dead) throw new Crash(`process ${process.pid} is dead`);
}

function enter(process: Simulated, call: string): void {
  breathe(process);
  const { onCall } = process;
  // `onCall` may use this process's own Sys, and must not be interrupted in its turn.
  process.onCall = undefined;
  onCall?.(call);
  process.onCall = onCall;
  breathe(process);
}

/** Numbers an effect, and returns the fault or crash that is planned for it. */
function plannedFor(process: Simulated, call: string): { fault?: string; crash?: CrashPoint } {
  enter(process, call);
  const number = process.effects.push(call) - 1;
  const fault = process.faults.get(number);
  const crash = process.crashes.get(number);
  return { ...(fault === undefined ? {} : { fault }), ...(crash === undefined ? {} : { crash }) };
}

function filesOf(machine: Kernel, process: Simulated): Files {
  const { disk } = machine;
  const die = (call: string): never => {
    machine.kill(process.pid);
    throw new Crash(`process ${process.pid} was stopped at ${call}`);
  };
  const effect = (call: string, act: () => Attempt, half = (): void => {}): Attempt => {
    const { fault, crash } = plannedFor(process, call);
    if (fault !== undefined) return fail({ code: fault, message: `${fault}: ${call}` });
    if (crash === "half") half();
    if (crash === "before" || crash === "half") return die(call);
    const done = act();
    return crash === "after" ? die(call) : done;
  };
  const reading = <T>(call: string, path: string, act: () => Attempt<T>): Attempt<T> => {
    enter(process, `${call} ${path}`);
    const code = process.readFaults.get(path);
    return code === undefined ? act() : fail({ code, message: `${code}: ${call} '${path}'` });
  };
  return {
    read: (path, maxBytes) => reading("read", path, () => disk.read(path, maxBytes)),
    list: (path) => reading("list", path, () => disk.list(path)),
    stat: (path) => reading("stat", path, () => disk.stat(path)),
    readLink: (path) => reading("readLink", path, () => disk.readLink(path)),
    realPath: (path) => reading("realPath", path, () => disk.realPath(path)),
    write: (path, text, options) =>
      effect(
        `write ${path}`,
        () => disk.write(path, text, options),
        () => disk.halfWrite(path, text, options),
      ),
    syncFolder: (path) => effect(`syncFolder ${path}`, () => disk.syncFolder(path)),
    rename: (from, to) => effect(`rename ${from} ${to}`, () => disk.rename(from, to)),
    link: (existing, path) => effect(`link ${existing} ${path}`, () => disk.link(existing, path)),
    symlink: (target, path) => effect(`symlink ${target} ${path}`, () => disk.symlink(target, path)),
    copy: (from, to, mode) =>
      effect(
        `copy ${from} ${to}`,
        () => disk.copy(from, to, mode),
        () => disk.halfCopy(from, to, mode),
      ),
    remove: (path) => effect(`remove ${path}`, () => disk.remove(path)),
    makeFolder: (path, mode) => effect(`makeFolder ${path}`, () => disk.makeFolder(path, mode)),
    removeFolder: (path) => effect(`removeFolder ${path}`, () => disk.removeFolder(path)),
  };
}

function processesOf(machine: Kernel, process: Simulated): Processes {
  return {
    run: (request) => run(machine, process, request),
    self: () => process.identity,
    isAlive: (identity) => machine.processes().some((each) => each.identity === outerIdentity(identity)),
    bootId: machine.bootId,
    operation: () => printOperation(process.identity, `secret${process.pid}`),
    find: async (variable, values) => {
      enter(process, `find ${variable}`);
      const all = [...machine.processes(), ...machine.children.views()];
      return all.flatMap(({ pid, env }): FoundProcess[] => {
        const value = env[variable];
        const isMeant = pid !== process.pid && value !== undefined && values.includes(value);
        return isMeant ? [{ pid, startTicks: `${pid}`, value }] : [];
      });
    },
    kill: ({ pid, startTicks }) => {
      breathe(process);
      const known = [...machine.processes(), ...machine.children.views()].some((each) => each.pid === pid);
      if (!known || startTicks !== `${pid}`) return fail({ code: "ESRCH", message: `ESRCH: kill ${pid}` });
      machine.kill(pid);
      return ok(undefined);
    },
    pid: () => process.pid,
    stopRequested: () => process.stopSignal,
  };
}

async function run(machine: Kernel, process: Simulated, request: RunRequest): Promise<Attempt<RunReport>> {
  const call = `run ${request.serveAs ?? request.executable} ${request.env.CNI_COMMAND ?? ""}`.trim();
  const { fault, crash } = plannedFor(process, call);
  const die = (): never => {
    machine.kill(process.pid);
    throw new Crash(`process ${process.pid} was stopped at ${call}`);
  };
  if (fault !== undefined) return fail({ code: fault, message: `${fault}: ${call}` });
  if (crash === "before") return die();
  const child = machine.children.start(process.pid, request);
  if (crash === "half") return die();
  if (!child.ok) return crash === "after" ? die() : child;
  const report = await child.value.report;
  breathe(process);
  return crash === "after" ? die() : ok(report);
}

/** The process as the servers see it. */
function askerOf(machine: Kernel, process: Simulated): FakeClient {
  return {
    plannedFor: (call) => {
      const planned = plannedFor(process, call);
      return { ...planned, isLost: process.lostReplies.has(process.effects.length - 1) };
    },
    breathe: () => breathe(process),
    die: (call) => {
      machine.kill(process.pid);
      throw new Crash(`process ${process.pid} was stopped at ${call}`);
    },
  };
}
