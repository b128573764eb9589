import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, constants } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { type BenchPrograms, hideRun, makeScene } from "./bench-scene.ts";
import { buildEmpty } from "./build-empty.ts";
import { type Ceilings, unmeasured } from "./ceilings.ts";
import { groups } from "./groups.ts";
import { type GroupReport, type Paper, runGroup } from "./session.ts";
import { verdictTable } from "./tables.ts";
import { BenchFailure, makeTimer } from "./timed-call.ts";

const root = dirname(import.meta.dirname);

const { values: options } = parseArgs({
  options: {
    json: { type: "string" },
    /** Runs only the groups whose title contains this. */
    only: { type: "string" },
    /** The folder of this run. The bench sets it when it starts itself anew in namespaces of its own. */
    inside: { type: "string" },
  },
});

/** `make bench`. Exit status 1 when a measure is past its ceiling, 2 when it cannot be measured. */
async function main(): Promise<number> {
  try {
    return options.inside === undefined ? await outside() : await inside(options.inside);
  } catch (error) {
    if (!(error instanceof BenchFailure)) throw error;
    process.stderr.write(`bench: ${error.message}\n`);
    return 2;
  }
}

/** Starts the bench in network and mount namespaces, which vanish with it, and removes its folder whatever happens. */
async function outside(): Promise<number> {
  if (process.getuid?.() !== 0) throw new BenchFailure("it makes network namespaces: run it as root");
  buildEmpty(root);
  findPrograms();
  // The folder is on the disk, not in memory: the bench measures the syncing of records, too.
  mkdirSync(join(root, "build", "bench"), { recursive: true });
  const folder = mkdtempSync(join(root, "build", "bench", "run-"));
  try {
    const json = options.json === undefined ? [] : ["--json", options.json];
    const only = options.only === undefined ? [] : ["--only", options.only];
    // The experiment is node:ffi (bench/children-cpu.ts).
    const self = [
      process.execPath,
      "--disable-warning=ExperimentalWarning",
      import.meta.filename,
      "--inside",
      folder,
    ];
    const argv = ["--net", "--mount", ...self, ...json, ...only];
    const child = spawn("unshare", argv, { stdio: "inherit" });
    const stop = (signal: NodeJS.Signals) => child.kill(signal);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
    const [code, signal]: (number | NodeJS.Signals | null)[] = await once(child, "exit");
    return typeof code === "number" ? code : 128 + constants.signals[signal as NodeJS.Signals];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function inside(folder: string): Promise<number> {
  hideRun();
  const ceilings: Ceilings = JSON.parse(readFileSync(join(root, "bench", "ceilings.json"), "utf8"));
  const bench = { timer: makeTimer(folder), scene: makeScene(folder), programs: findPrograms() };
  const reports: GroupReport[] = [];
  const wanted = groups.filter(({ title }) => title.includes(options.only ?? ""));
  for (const group of wanted) reports.push(await runGroup(group, bench, ceilings, terminal()));
  if (options.json !== undefined) writeJson(options.json, reports);
  return conclude(reports, ceilings);
}

function conclude(reports: readonly GroupReport[], ceilings: Ceilings): number {
  const verdicts = reports.flatMap((report) => report.verdicts);
  const { line } = terminal();
  line(`\nMedians as ratios (x) and peak memory, on ${availableParallelism()} cores`);
  for (const row of verdictTable(verdicts)) line(`  ${row}`);
  for (const { title } of reports.filter((report) => report.repeated)) line(`  (second run of: ${title})`);
  const missing = options.only === undefined ? unmeasured(verdicts, ceilings) : [];
  if (missing.length > 0)
    throw new BenchFailure(`ceilings.json names what is not measured: ${missing.join(", ")}`);
  const past = verdicts.filter((verdict) => verdict.past);
  for (const { measure, ceiling } of past) line(`\nPAST ${measure.name}: ${ceiling?.why}`);
  line(past.length === 0 ? "\nEverything is below its ceiling." : "");
  return past.length === 0 ? 0 : 1;
}

function findPrograms(): BenchPrograms {
  const hawserNode = join(root, "dist", "hawser-node");
  const programs = {
    hawser: join(root, "dist", "hawser"),
    hawserNode: existsSync(hawserNode) ? hawserNode : undefined,
    empty: join(root, "build", "bench", "empty"),
    pluginsDir: join(root, "build", "plugins"),
  };
  const plugins = ["bridge", "host-local", "static"].map((name) => join(programs.pluginsDir, name));
  const missing = [programs.hawser, ...plugins].filter((path) => !existsSync(path));
  if (missing.length === 0) return programs;
  throw new BenchFailure(`missing: ${missing.join(", ")}; run "make setup build" ("make bench" does)`);
}

function writeJson(path: string, reports: readonly GroupReport[]): void {
  const groups = reports.map(({ title, summaries, verdicts, repeated }) => ({
    title,
    repeated,
    timings: Object.fromEntries(summaries),
    measures: verdicts.map(({ measure, ceiling, past }) => ({ ...measure, ceiling: ceiling?.max, past })),
  }));
  writeFileSync(path, `${JSON.stringify({ cores: availableParallelism(), groups }, null, 2)}\n`);
}

function terminal(): Paper {
  return {
    line: (text) => process.stdout.write(`${text}\n`),
    progress: (text) => {
      if (process.stderr.isTTY === true) process.stderr.write(`\r\u001b[K${text}`);
    },
  };
}

process.exitCode = await main();
