import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { startMachine } from "../virtual-machine.ts";
import { makeChance } from "./chance.ts";
import { type Acknowledged, after, parseJournal, type WorkEvent } from "./events.ts";

export interface CutOptions {
  readonly cuts: number;
  readonly seed: number;
  /** The folder of the disk image and of each boot's files. */
  readonly folder: string;
  readonly say: (text: string) => void;
  /** The IPAM plugin that takes the place of hawser-host-local: to see that the judge finds what is wrong. */
  readonly hostLocal?: string;
}

export interface CutReport {
  readonly cuts: number;
  /** How many ADDs, DELs and GCs were acknowledged, and how many a cut has met. */
  readonly done: number;
  readonly met: number;
  readonly judgements: number;
  /** How many acknowledged attachments the judgements have looked for. */
  readonly held: number;
  /** How much of what was deleted a cut has brought back, until GC. */
  readonly returned: number;
  readonly problems: readonly string[];
}

const files = ["workload.ts", "calls.ts", "events.ts", "on-disk.ts", "chance.ts"];
const answers = ["added", "deleted", "collected"];
/** The power is cut after at most so many calls of a boot's work. */
const mostCalls = 12;
const patienceMs = 300_000;

/** Boots a machine, lets it work, cuts its power at a random moment, and so on. The last boot deletes everything. */
export async function cutPower(options: CutOptions): Promise<CutReport> {
  fs.rmSync(options.folder, { recursive: true, force: true });
  fs.mkdirSync(options.folder, { recursive: true });
  const disk = join(options.folder, "disk.img");
  execFileSync("/sbin/mke2fs", ["-q", "-t", "ext4", disk, "256M"]);
  let acknowledged: Acknowledged = new Map();
  const report = { cuts: 0, done: 0, met: 0, judgements: 0, held: 0, returned: 0, problems: [] as string[] };
  for (let boot = 0; boot <= options.cuts; boot += 1) {
    const events = await runBoot(options, disk, boot, acknowledged);
    for (const event of events) {
      const { now, problem } = after(acknowledged, event);
      acknowledged = now;
      if (problem !== undefined) report.problems.push(`boot ${boot}: ${problem}`);
      if (answers.includes(event.event)) report.done += 1;
      if (event.event !== "judged") continue;
      report.judgements += 1;
      report.held += event.held;
      report.returned += event.returned;
    }
    report.met += openCalls(events);
    if (boot < options.cuts) report.cuts += 1;
    const last = report.problems.at(-1);
    options.say(
      `boot ${boot}: ${events.length} events, ${report.done} acknowledged${last === undefined ? "" : `; ${last}`}`,
    );
  }
  return report;
}

/** One boot, until its power is cut or, in the last one, until everything is deleted. */
async function runBoot(
  { cuts, seed, folder, hostLocal }: CutOptions,
  disk: string,
  boot: number,
  acknowledged: Acknowledged,
): Promise<WorkEvent[]> {
  const last = boot === cuts;
  const chance = makeChance(seed * 1000 + boot);
  const orders = { boot, seed: chance.below(2 ** 31), attachments: [...acknowledged.values()], last };
  const own = Object.fromEntries(
    files.map((name) => [name, fs.readFileSync(join(import.meta.dirname, name), "utf8")]),
  );
  const bootFolder = join(folder, `boot-${boot}`);
  const machine = startMachine({
    script: `#!/bin/sh\n${hostLocal === undefined ? "" : `export HOST_LOCAL=${hostLocal}\n`}exec bun /inputs/workload.ts\n`,
    inputs: { ...own, "orders.json": JSON.stringify(orders) },
    disk,
    processors: 1,
    folder: bootFolder,
    onOutput: (text) => fs.appendFileSync(join(folder, "output.log"), text),
  });
  const journal = join(bootFolder, "journal");
  const timer = setTimeout(() => machine.cut(), patienceMs);
  if (!last) {
    // The moment is counted in calls, so that it depends little on how fast the host is.
    await untilAnswered(journal, chance.below(mostCalls), machine.ended);
    await new Promise((resolve) => setTimeout(resolve, chance.below(1500)));
    machine.cut();
  }
  await machine.ended;
  clearTimeout(timer);
  const told = fs.readFileSync(journal, "utf8");
  fs.appendFileSync(join(folder, "journal.log"), `boot ${boot}\n${told}\n`);
  const events = parseJournal(told);
  const expected = last ? "at the end" : "working";
  const arrived = events.some(
    (each) => each.event === "working" || (each.event === "judged" && each.when === expected),
  );
  if (!arrived) events.push({ event: "failed", verb: "boot", id: String(boot), said: `see ${bootFolder}` });
  else fs.rmSync(bootFolder, { recursive: true });
  return events;
}

/** Waits until so many calls of the work have been answered, or the machine has ended. */
async function untilAnswered(journal: string, count: number, ended: Promise<void>): Promise<void> {
  let over = false;
  ended.then(() => {
    over = true;
  });
  const answered = (): number => {
    const events = fs.existsSync(journal) ? parseJournal(fs.readFileSync(journal, "utf8")) : [];
    const start = events.findIndex(({ event }) => event === "working");
    return start < 0 ? -1 : events.slice(start).filter(({ event }) => answers.includes(event)).length;
  };
  while (!over && answered() < count) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Calls that had begun and not ended when the power was cut. */
function openCalls(events: readonly WorkEvent[]): number {
  let open = 0;
  for (const { event } of events) {
    if (event === "begin" || event === "collect") open += 1;
    if (event === "failed" || answers.includes(event)) open -= 1;
  }
  return Math.max(open, 0);
}
