import { type CniError, describe } from "../../../cni/errors.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { type Context, defineCommand } from "../command.ts";
import { printFailure } from "../failure.ts";
import { paint, plain, printDocument, type Terminal } from "../terminal.ts";
import { apiServerOf } from "./credentials.ts";
import { type InstallOptions, installOptions } from "./install-options.ts";
import { type Self, viewInstall } from "./node.ts";
import { type InstallPlan, planInstall } from "./plan-install.ts";
import { printStep, reportOf } from "./report.ts";
import { carryOutAll, type Told } from "./step.ts";

/** The pause between two looks of a pod that stays. */
const patienceMs = 10_000;

export const installCommand = defineCommand({
  summary: "Put hawser on this node, or renew it",
  takes: "[--mode owner|chained]",
  about: [
    "Puts hawser on this node: the binary and its links, credentials if asked for, and last the",
    "runtime's configuration. As the owner, hawser stands before the primary network and calls it; the",
    "primary's file stays as it is. Chained, it is appended to the primary's list. To install again is to",
    "upgrade: the binary is replaced, whatever runs goes on, and files that are as they should be are left alone.",
  ],
  options: installOptions,
  examples: [
    ["what would be done", "hawser install --dry-run"],
    ["behind the primary network's plugins", "hawser install --mode chained"],
    ["in a DaemonSet's pod, with the node's root under /host", "hawser install --root /host --api --stay"],
  ],
  exits: "0 done, 1 it could not be done, 2 the command was used wrongly",
  run,
});

async function run(sys: Sys, { terminal, program }: Context, options: InstallOptions): Promise<number> {
  const self = { executable: program.executable, server: apiServerOf(program.variables) };
  const first = await install(sys, options, self, (told) => options.json || printStep(terminal, told));
  if (!first.ok && !(options.stay && isWorthWaiting(first.error)))
    return printFailure(terminal, first.error, options.json);
  if (first.ok) printInstalled(terminal, options, first.value);
  else sys.warn(`hawser: ${problemOf(first)}`);
  return options.stay && !options.dryRun ? stay(sys, terminal, options, self, first) : 0;
}

interface Installed {
  readonly plan: InstallPlan;
  readonly told: readonly Told[];
}

async function install(
  sys: Sys,
  options: InstallOptions,
  self: Self,
  tell: (told: Told) => void,
  renewsBinary = true,
): Promise<Outcome<Installed, CniError>> {
  const view = viewInstall(sys, options, self);
  if (!view.ok) return view;
  const plan = await planInstall(options, view.value);
  if (!plan.ok) {
    // The earlier installation still works, and its token expires within the hour. So the token is renewed.
    const { manifest, credentials } = view.value;
    if (manifest?.api && !options.dryRun) carryOutAll(sys, options, credentials, tell);
    return plan;
  }
  const steps = plan.value.steps.filter(({ kind }) => renewsBinary || (kind !== "binary" && kind !== "link"));
  const told: Told[] = [];
  const note = (each: Told): void => {
    told.push(each);
    tell(each);
  };
  const carried = carryOutAll(sys, options, steps, note);
  return carried.ok ? ok({ plan: plan.value, told }) : fail(carried.error);
}

function printInstalled(terminal: Terminal, options: InstallOptions, { plan, told }: Installed): void {
  const { network, manifest, notes } = plan;
  const { mode, confDir, file } = manifest;
  if (options.json) {
    printDocument(terminal, { network, mode, file: `${confDir}/${file}`, ...reportOf(told), notes });
    return;
  }
  const how = mode === "owner" ? "calls the primary" : "stands last in the primary's list";
  const verb = options.dryRun ? "would be" : "is";
  terminal.print("");
  terminal.print(plain(`hawser ${verb} installed for network ${network}: it ${how}, by ${confDir}/${file}.`));
  for (const note of notes) terminal.print(`${paint(terminal, "yellow", "Note:")} ${plain(note)}`);
  if (!options.dryRun) terminal.print("hawser doctor tells whether the node is sound.");
}

/**
 * Whether a pod that stays waits for the error to go away: the primary may come later, a folder may be mounted, a list
 * may be corrected.
 */
function isWorthWaiting({ id }: CniError): boolean {
  return id === "install.no-primary" || id === "install.conf-dir" || id === "install.conflict";
}

/**
 * Keeps the installation as it should be: the token expires, and the primary's installer may write the configuration
 * anew. When asked to stop it removes nothing, because pods that start or end later need all of it.
 */
async function stay(
  sys: Sys,
  terminal: Terminal,
  options: InstallOptions,
  self: Self,
  first: Outcome<Installed, CniError>,
): Promise<number> {
  let isBinaryThere = first.ok;
  let said = problemOf(first);
  let noted = notesOf(first);
  for (;;) {
    const signal = await sys.clock.sleepUnlessStopped(patienceMs);
    if (signal !== undefined) {
      sys.warn(`hawser: ${signal}: everything stays as it is; hawser uninstall would remove it`);
      return 0;
    }
    const tell = (told: Told): void => {
      if (told.end === "done") printStep(terminal, told);
    };
    const again = await install(sys, options, self, tell, !isBinaryThere);
    isBinaryThere ||= again.ok;
    const problem = problemOf(again);
    // Each problem is logged once, not every ten seconds.
    if (problem !== said) sys.warn(`hawser: ${problem === "" ? "all is well again" : problem}`);
    said = problem;
    const notes = notesOf(again);
    if (notes !== noted && notes !== "") sys.warn(`hawser: ${notes}`);
    noted = notes;
  }
}

/** The problem as one line of the log. Empty when all is well. */
function problemOf(installed: Outcome<Installed, CniError>): string {
  return installed.ok ? "" : plain(`${describe(installed.error)} [${installed.error.id}]`);
}

function notesOf(installed: Outcome<Installed, CniError>): string {
  return installed.ok ? plain(installed.value.plan.notes.join(" ")) : "";
}
