import type { CniResult } from "../../cni/types.ts";
import type { StepResult } from "../../plugins/meta/execute/execute.ts";
import type { Step } from "../../plugins/meta/plan/plan.ts";
import type { Sys } from "../../sys/sys.ts";
import { type Context, defineCommand } from "./command.ts";
import { json, stateDir } from "./common-options.ts";
import { printFailure } from "./failure.ts";
import {
  adviceOn,
  type HeldRecord,
  isStillAttached,
  isUnusable,
  readUntilNone,
  unusableHint,
  whyOf,
} from "./held.ts";
import { duration, flag, type ValuesOf } from "./option.ts";
import { printTime } from "./print-time.ts";
import { formatTable } from "./table.ts";
import { paint, plain, printDocument, type Terminal } from "./terminal.ts";

const shownIdLength = 12;

const options = {
  quiet: flag("print container IDs only, each once", "q"),
  waitMs: duration("wait", "wait so long until nothing is attached any more (10m)"),
  stateDir,
  json,
};
type AttachmentsOptions = ValuesOf<typeof options>;

export const attachmentsCommand = defineCommand({
  summary: "Show what this node holds",
  takes: "[--wait DURATION] [--state-dir DIR]",
  about: [
    "Lists the recorded attachments: pod, container, interfaces with their addresses,",
    "state and since when. Changes nothing. With --wait it returns when nothing is attached any more, as",
    "before hawser is taken off a node.",
  ],
  options,
  commands: { show: async () => (await import("./show.ts")).showContainerCommand },
  examples: [
    ["a table", "hawser attachments"],
    ["for machines", "hawser attachments --json"],
    ["until the node is drained", "hawser attachments --wait 10m"],
    ["everything that is recorded of one container", "hawser attachments show 3f2a"],
  ],
  exits: "0 all records are sound (--wait: none is left), 1 one is not, 2 the command was used wrongly",
  run,
});

async function run(
  sys: Sys,
  { terminal }: Context,
  { stateDir, json, quiet, waitMs }: AttachmentsOptions,
): Promise<number> {
  const held = await readUntilNone(sys, stateDir, waitMs);
  if (!held.ok) return printFailure(terminal, held.error, json);
  const left = held.value.filter(isStillAttached);
  if (json) {
    printDocument(terminal, { stateDir, attachments: held.value.map(documentOf) });
  } else if (quiet) {
    for (const id of new Set(left.map(({ entry }) => entry.key.containerId))) terminal.print(id);
  } else {
    printHeld(sys, terminal, stateDir, held.value);
  }
  if (waitMs !== undefined && !json && left.length > 0) terminal.complain(stillThere(left));
  return (waitMs === undefined ? held.value.some(isUnusable) : left.length > 0) ? 1 : 0;
}

function stillThere(left: readonly HeldRecord[]): string {
  const usual = "drain the node; hawser gc deletes what containers that are gone hold";
  const more = left.some(isUnusable) ? `; ${unusableHint}` : "";
  return `hawser: something is attached still: ${usual}${more}`;
}

function printHeld(sys: Sys, terminal: Terminal, stateDir: string, held: readonly HeldRecord[]): void {
  if (held.length === 0) {
    const why = sys.files.stat(stateDir).ok ? "it is empty" : "there is no such folder";
    terminal.print(`No attachments are recorded in ${plain(stateDir)}: ${why}.`);
    return;
  }
  const [header = "", ...rows] = formatTable(
    ["NETWORK", "POD", "CONTAINER", "INTERFACE", "ATTACHED TO", "ADDRESSES", "STATE", "SINCE"],
    held.flatMap(rowsOf),
    terminal.columns,
  );
  terminal.print([paint(terminal, "bold", header), ...rows].join("\n"));
  for (const each of held) printAdvice(terminal, each);
}

/** Rows for one record, one for each interface. The first row alone says what is the same for the whole container. */
function rowsOf({ entry, state }: HeldRecord): string[][] {
  const { network, containerId, ifname } = entry.key;
  const id = containerId.slice(0, shownIdLength);
  if (!("record" in state)) {
    return [[network, "?", id, ifname, "?", "?", state.kind, "?"]];
  }
  const { record } = state;
  const pod = record.pod === undefined ? "-" : `${record.pod.namespace}/${record.pod.name}`;
  return record.carried.map(({ step, result }, index) => {
    const attached = [step.ifname, networkOf(step), addressesOf(result, step.ifname).join(" ") || "-"];
    return index === 0
      ? [network, pod, id, ...attached, state.kind, printTime(record.sinceMs)]
      : ["", "", "", ...attached];
  });
}

function printAdvice(terminal: Terminal, held: HeldRecord): void {
  const advice = adviceOn(held);
  if (advice === undefined) return;
  const { entry, state } = held;
  const why = whyOf(held);
  const about = why === undefined ? entry.path : `${entry.path}: ${why}`;
  terminal.print(`\n${paint(terminal, isUnusable(held) ? "red" : "yellow", state.kind)} ${plain(about)}`);
  terminal.print(`  ${plain(advice)}`);
}

function documentOf(held: HeldRecord): Record<string, unknown> {
  const { entry, state } = held;
  const advice = adviceOn(held);
  const why = whyOf(held);
  const about = {
    ...entry.key,
    path: entry.path,
    state: state.kind,
    ...(advice && { advice }),
    ...(why !== undefined && { why }),
  };
  if (!("record" in state)) return about;
  const { record } = state;
  return {
    ...about,
    ...(state.kind === "at work" && { pids: state.pids }),
    ...(record.pod && { pod: record.pod }),
    since: printTime(record.sinceMs),
    interfaces: record.carried.map(({ step, result }) => ({
      ifname: step.ifname,
      role: step.role,
      network: networkOf(step),
      addresses: addressesOf(result, step.ifname),
      ...(step.chain.native !== undefined && { native: step.chain.native }),
    })),
  };
}

/** The name of a step's network. An inline delegate has its configuration's name. */
function networkOf({ role, network, chain }: Step): string {
  return role === "primary" ? chain.name : network;
}

function addressesOf(result: StepResult["result"], ifname: string): string[] {
  if (result === undefined) return [];
  const { interfaces = [], ips = [] }: CniResult = result.result;
  return ips
    .filter((ip) => ip.interface === undefined || interfaces[ip.interface]?.name === ifname)
    .map((ip) => ip.address);
}
