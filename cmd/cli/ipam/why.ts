import { conditionOf, type Holding, type HoldingEvent } from "../../../ipam/flat/pool/holding.ts";
import type { Stored } from "../../../ipam/flat/pool/stored.ts";
import type { Sys } from "../../../sys/sys.ts";
import { type Context, defineCommand } from "../command.ts";
import { printFailure } from "../failure.ts";
import { argument, type ValuesOf } from "../option.ts";
import { printTime } from "../print-time.ts";
import { formatTable } from "../table.ts";
import { paint, plain, printDocument, type Terminal } from "../terminal.ts";
import { holdingDocument, untilOf } from "./list.ts";
import { type Named, readNamed, whyNever } from "./named-address.ts";
import type { Pool } from "./pool.ts";
import { readKey } from "./read.ts";
import { findPool } from "./target.ts";
import { exampleConfig, exitsOfLooks, targetConflicts, targetOptions } from "./target-options.ts";
import { printCodes, printOwner, printSpan } from "./words.ts";

const options = { address: argument("address", "an IP address"), ...targetOptions };
type WhyOptions = ValuesOf<typeof options>;

export const whyCommand = defineCommand({
  summary: "Tell whose an address is, and its history",
  takes: "ADDRESS",
  about: ["Tells whose an address is, since when, on which node, and its history. Changes nothing."],
  options,
  conflicts: targetConflicts,
  examples: [["one address", `hawser ipam why 10.60.0.7 ${exampleConfig}`]],
  exits: exitsOfLooks,
  run,
});

async function run(sys: Sys, { terminal }: Context, options: WhyOptions): Promise<number> {
  const pool = await findPool(sys, options);
  if (!pool.ok) return printFailure(terminal, pool.error, options.json);
  const named = readNamed(pool.value, options.address);
  if (!named.ok) return printFailure(terminal, named.error, options.json);
  const stored = await readKey(pool.value.store, named.value.key);
  if (!stored.ok) return printFailure(terminal, stored.error, options.json);
  const nowMs = sys.clock.nowMs();
  const told = { pool: pool.value, named: named.value, stored: stored.value, nowMs };
  if (options.json) printDocument(terminal, documentOf(told));
  else printStory(terminal, told);
  return 0;
}

interface Told {
  readonly pool: Pool;
  readonly named: Named;
  readonly stored: Stored | undefined;
  readonly nowMs: number;
}

/** The answer in one sentence. */
function verdictOf({ pool, named, stored, nowMs }: Told): string {
  const never = whyNever(pool, named);
  if (stored === undefined) {
    return never === undefined ? `${named.text} is free` : `${never}: nobody is given it`;
  }
  if (stored.holding === undefined) return `${named.text} is taken by a record that nobody can read`;
  const { holding } = stored;
  const owner = printOwner(holding);
  const span = printSpan(nowMs - holding.sinceMs);
  switch (conditionOf(holding, nowMs)) {
    case "used":
      return `${named.text} has been used by ${owner} for ${span}`;
    case "held":
      return `${named.text} waits for ${owner}, which went ${span} ago`;
    case "expired":
      return `${named.text} is free: it waited for ${owner} until ${untilOf(holding)}`;
    case "reserved":
      return `${named.text} is reserved for ${owner}`;
    case "quarantined":
      return `${named.text} is in quarantine: whether ${owner} still uses it nobody knows`;
  }
}

function printStory(terminal: Terminal, told: Told): void {
  terminal.print(paint(terminal, "bold", plain(verdictOf(told))));
  const holding = told.stored?.holding;
  if (told.stored !== undefined && holding === undefined) {
    terminal.print(`  hawser ipam check tells what else is wrong.`);
  }
  if (holding === undefined) return;
  for (const [name, value] of factsOf(holding)) terminal.print(`  ${name.padEnd(11)} ${plain(value)}`);
  const never = whyNever(told.pool, told.named);
  if (never !== undefined) terminal.print(`\n${paint(terminal, "yellow", "Note:")} ${never} (any more).`);
  if (holding.history.length > 0) printHistory(terminal, holding.history);
}

function factsOf(holding: Holding): [string, string][] {
  const { addresses, mac, macAsked, node, network, containerId, ifname, uid, sinceMs, generation, state } =
    holding;
  return [
    ["addresses", printCodes(addresses)],
    ["MAC", macAsked === true ? `${mac} (asked for; it is not its identity's)` : mac || "-"],
    ["node", node || "-"],
    ["network", network || "-"],
    ["container", containerId || "-"],
    ["interface", ifname || "-"],
    ...(uid === undefined ? [] : ([["pod's UID", uid]] as [string, string][])),
    ["since", printTime(sinceMs)],
    ...(state === "held" ? ([["until", untilOf(holding)]] as [string, string][]) : []),
    ...(holding.reserved === true ? ([["then", "reserved for it again"]] as [string, string][]) : []),
    ["generation", String(generation)],
  ];
}

function printHistory(terminal: Terminal, history: readonly HoldingEvent[]): void {
  const [header = "", ...rows] = formatTable(
    ["WHEN", "WHAT", "OWNER", "CONTAINER", "NODE"],
    history.map(({ atMs, what, identity, containerId, node }) => [
      printTime(atMs),
      what,
      printOwner({ identity }),
      containerId.slice(0, 12) || "-",
      node || "-",
    ]),
    terminal.columns,
  );
  terminal.print(`\n${[paint(terminal, "bold", header), ...rows].join("\n")}`);
}

function documentOf(told: Told): Record<string, unknown> {
  const { pool, named, stored, nowMs } = told;
  const holding = stored?.holding;
  const never = whyNever(pool, named);
  return {
    pool: pool.name,
    address: named.text,
    verdict: verdictOf(told),
    readable: stored === undefined || holding !== undefined,
    ...(never === undefined ? {} : { never }),
    ...(holding === undefined ? {} : { holding: holdingDocument(holding, nowMs) }),
  };
}
