import { type CniError, cniError } from "../../../cni/errors.ts";
import type { Sys } from "../../../sys/sys.ts";
import { type Context, defineCommand } from "../command.ts";
import { defaultStateDir } from "../common-options.ts";
import { printFailure } from "../failure.ts";
import { isStillAttached, isUnusable, readHeldRecords, readUntilNone, unusableHint } from "../held.ts";
import { duration, flag, folder, type ValuesOf } from "../option.ts";
import { printDocument } from "../terminal.ts";
import { placeOptions } from "./install-options.ts";
import { viewNode } from "./node.ts";
import { planUninstall } from "./plan-uninstall.ts";
import { printStep, reportOf } from "./report.ts";
import { carryOutAll, type Told } from "./step.ts";

const options = {
  stateDir: folder("the folder of records", { default: defaultStateDir }),
  force: flag("although containers are attached"),
  waitMs: duration("wait", "wait so long until nothing is attached (10m)"),
  ...placeOptions,
};
type UninstallOptions = ValuesOf<typeof options>;

export const uninstallCommand = defineCommand({
  summary: "Take hawser off this node, and put back what was there",
  takes: "[--wait DURATION | --force]",
  about: [
    "Puts the runtime's configuration back as it was, then removes what hawser install has brought; network",
    "definitions stay, and what others have put into the list goes on. Refuses while containers are attached by",
    "hawser: drain the node first; --wait waits for that.",
  ],
  options,
  examples: [
    ["what would be done", "hawser uninstall --dry-run"],
    ["as soon as the node is drained", "hawser uninstall --wait 10m"],
    ["from a pod, with the node's root under /host", "hawser uninstall --root /host"],
  ],
  exits: "0 done, 1 it could not be done, 2 the command was used wrongly",
  run,
});

async function run(sys: Sys, { terminal }: Context, options: UninstallOptions): Promise<number> {
  const { json, dryRun, force, root, stateDir, waitMs } = options;
  if (!force && !dryRun) await readUntilNone(sys, root + stateDir, waitMs);
  const node = viewNode(sys, options, undefined);
  if (!node.ok) return printFailure(terminal, node.error, json);
  const steps = planUninstall(options, node.value);
  if (!steps.ok) return printFailure(terminal, steps.error, json);
  const attached = force ? undefined : stillAttached(sys, options);
  if (attached !== undefined) return printFailure(terminal, attached, json);
  const told: Told[] = [];
  const note = (each: Told): void => {
    told.push(each);
    if (!json) printStep(terminal, each);
  };
  const carried = carryOutAll(sys, options, steps.value, note);
  if (!carried.ok) return printFailure(terminal, carried.error, json);
  if (json) printDocument(terminal, reportOf(told));
  else
    terminal.print(
      dryRun ? "\nNothing was changed." : "\nhawser is uninstalled. Network definitions were left.",
    );
  return 0;
}

/**
 * Refuses while containers are attached. Their DEL would find no hawser, and secondary networks would never get back
 * what they gave.
 */
function stillAttached(sys: Sys, { root, stateDir }: UninstallOptions): CniError | undefined {
  const held = readHeldRecords(sys, root + stateDir);
  if (!held.ok) return held.error;
  const attached = held.value.filter(isStillAttached);
  const containers = new Set(attached.map(({ entry }) => entry.key.containerId));
  if (containers.size === 0) return undefined;
  const unusable = attached.some(isUnusable) ? ` But ${unusableHint}.` : "";
  return cniError(
    "tryAgainLater",
    "install.attached",
    `uninstall hawser: ${containers.size === 1 ? "one container is" : `${containers.size} containers are`} attached by it`,
    `Drain the node first (hawser attachments shows them).${unusable} With --force their primary network is undone by its own plugin, and what their other networks hold stays for ever.`,
  );
}
