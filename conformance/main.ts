import * as fs from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { RunOutcome } from "./case-outcome.ts";
import { differences, parseLedger, printLedger, recorded, unknownTo } from "./ledger.ts";
import { cleanUpOnSignal, removeEverything, sweepStale } from "./linux/cleanup.ts";
import { serveDhcp } from "./linux/dhcp-server.ts";
import { makeLinuxMachine, whyNoLink } from "./linux/linux-machine.ts";
import { isTestPlugin, serveTestPlugin } from "./mutants/serve-test-plugin.ts";
import { findObstacle } from "./obstacle.ts";
import { type Profile, parseProfile, profileOf } from "./profile.ts";
import { builtInProfile } from "./profiles.ts";
import { jsonReport } from "./report/json-report.ts";
import { junitReport } from "./report/junit-report.ts";
import { exitCodeOf, exitCodes } from "./report/summary.ts";
import { progressLine, tableReport } from "./report/table-report.ts";
import { tapReport } from "./report/tap-report.ts";
import type { Requirement } from "./requirement.ts";
import { requirements } from "./requirements/all.ts";
import { runSuite } from "./runner.ts";
import type { SuiteOptions } from "./suite-options.ts";

declare const __HAWSER_VERSION__: string | undefined;

const reports = { table: tableReport, json: jsonReport, junit: junitReport, tap: tapReport } as const;

async function main(): Promise<number> {
  // Called by a name of its own test plugin, it is that: see docs/conformance.md, "Is the suite right?".
  if (isTestPlugin(process.argv0)) return serveTestPlugin(process.argv0);
  // Runs as a service of a profile: see docs/conformance.md.
  const [role, ready] = process.argv.slice(2);
  if (role === "dhcp-server" && ready !== undefined) return serveDhcp(ready);
  const { parseUsage } = await import("./suite-options.ts");
  const version = typeof __HAWSER_VERSION__ === "string" ? __HAWSER_VERSION__ : "of the source";
  const parsed = await parseUsage(process.argv.slice(2), version);
  switch (parsed.kind) {
    case "text":
      console.log(parsed.text);
      return exitCodes.fine;
    case "wrong":
      return complain(parsed.message);
    case "run":
      return parsed.usage.list ? list() : run(parsed.usage);
  }
}

function complain(message: string): number {
  console.error(`hawser-conformance: ${message}\n                    See: hawser-conformance --help`);
  return exitCodes.usage;
}

function list(): number {
  for (const { id, level, title } of requirements) console.log(`${id.padEnd(7)} ${level.padEnd(9)} ${title}`);
  return exitCodes.fine;
}

async function run(usage: SuiteOptions): Promise<number> {
  const profile = readProfile(usage);
  if (typeof profile === "string") return complain(profile);
  const chosen = choose(usage);
  if (chosen.length === 0) return complain("--only and --skip leave no requirement");
  const plugin = resolve(usage.plugin);
  if (!isExecutable(plugin)) return complain(`${plugin} is no executable file`);
  if (process.getuid?.() !== 0) return complain("it makes network namespaces: run it as root");
  sweepStale();
  cleanUpOnSignal((code) => process.exit(code));
  const outcome = await tryPlugin(usage, profile, plugin, chosen);
  const report = reports[usage.format](outcome);
  if (usage.output === undefined) fs.writeSync(1, report);
  else fs.writeFileSync(usage.output, report);
  return usage.expectations === undefined ? exitCodeOf(outcome) : compare(usage, usage.expectations, outcome);
}

async function tryPlugin(
  usage: SuiteOptions,
  profile: Profile,
  plugin: string,
  chosen: readonly Requirement[],
): Promise<RunOutcome> {
  const folders =
    usage.pluginDirs.length > 0 ? usage.pluginDirs.map((each) => resolve(each)) : [dirname(plugin)];
  const subject = { plugin, profile, pluginPath: folders.join(":") };
  const obstacle = await findObstacle(subject, makeLinuxMachine, whyNoLink);
  return runSuite({
    subject: { ...subject, obstacle },
    requirements: chosen,
    versions: usage.versions,
    parallel: usage.parallel,
    makeMachine: makeLinuxMachine,
    onCase: (outcome, progress) => {
      const shown = outcome.verdict !== "not applicable" && outcome.verdict !== "excluded";
      if (shown && !usage.quiet) console.error(progressLine(outcome, progress));
    },
  });
}

function choose({ only, skip }: SuiteOptions): Requirement[] {
  const named = (id: string, names: readonly string[]) =>
    names.includes(id) || names.includes(id.replace(/[a-z]$/, ""));
  return requirements.filter(({ id }) => (only.length === 0 || named(id, only)) && !named(id, skip));
}

function readProfile(usage: SuiteOptions): Profile | string {
  if (usage.profile !== undefined) {
    const text = builtInProfile(usage.profile) ?? readOrUndefined(usage.profile);
    if (text === undefined) return `there is no profile ${usage.profile}`;
    const profile = parseProfile(text);
    return typeof profile === "string" ? `the profile ${usage.profile}: ${profile}` : profile;
  }
  const text = readOrUndefined(usage.config ?? "");
  if (text === undefined) return `the configuration ${usage.config} cannot be read`;
  const profile = profileOf(basename(usage.plugin), usage.kind, text);
  return typeof profile === "string" ? `the configuration ${usage.config}: ${profile}` : profile;
}

/** Whether a file can be run, as far as its mode tells. */
function isExecutable(path: string): boolean {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true && (stat.mode & 0o111) !== 0;
}

function readOrUndefined(path: string): string | undefined {
  return fs.existsSync(path) ? fs.readFileSync(path, "utf8") : undefined;
}

/** With a ledger only a changed outcome is wrong, better or worse; `--record` writes it down. */
function compare({ record }: SuiteOptions, file: string, outcome: RunOutcome): number {
  const text = readOrUndefined(file);
  const ledger = text === undefined ? undefined : parseLedger(text);
  if (typeof ledger === "string") return complain(`the ledger ${file}: ${ledger}`);
  if (record) {
    fs.mkdirSync(dirname(join(file)), { recursive: true });
    fs.writeFileSync(file, printLedger(recorded(ledger, outcome)));
    return exitCodes.fine;
  }
  if (ledger === undefined) return complain(`there is no ledger ${file}: make it with --record`);
  const news = unknownTo(ledger, outcome);
  if (news > 0) console.error(`new: ${news} outcomes could not be tried where the ledger was made`);
  const changed = differences(ledger, outcome);
  for (const each of changed) console.error(`changed: ${each}`);
  if (changed.length > 0) console.error("If that is right, write it down with --record.");
  return changed.length > 0 ? exitCodes.unexpected : exitCodes.fine;
}

main()
  .finally(removeEverything)
  .then((code) => process.exit(code));
