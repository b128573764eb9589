import { spawnSync } from "node:child_process";

/** A failure that ends the demonstration. Its message is for the person who watches. */
export class DemoFailure extends Error {}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Variables that are added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Long enough for a loaded machine: no program here needs more than a second. */
const patienceMs = 30_000;

/** Runs a program to its end, whatever its exit status. */
export function run(argv: readonly string[], options: RunOptions = {}): Ran {
  const [program = "", ...args] = argv;
  const child = spawnSync(program, args, {
    env: { ...process.env, ...options.env },
    input: options.input ?? "",
    encoding: "utf8",
    timeout: patienceMs,
  });
  if (child.error !== undefined) throw new DemoFailure(`cannot run ${program}: ${child.error.message}`);
  return { code: child.status ?? 1, stdout: child.stdout, stderr: child.stderr };
}

/** Runs a program that has to succeed, and returns what it printed. */
export function must(argv: readonly string[], options: RunOptions = {}): string {
  const ran = run(argv, options);
  if (ran.code === 0) return ran.stdout;
  throw new DemoFailure(`${argv.join(" ")}: exit ${ran.code}: ${(ran.stderr || ran.stdout).trim()}`);
}

export function inPod(pod: string, argv: readonly string[]): string[] {
  return ["ip", "netns", "exec", pod, ...argv];
}
