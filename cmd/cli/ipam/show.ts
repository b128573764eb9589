import type { Holding } from "../../../ipam/flat/pool/holding.ts";
import {
  type GroupTally,
  groupsBy,
  type PoolTally,
  type SetTally,
  tallyOf,
} from "../../../ipam/flat/pool/tally.ts";
import { printRangeSet } from "../../../ipam/range.ts";
import type { Sys } from "../../../sys/sys.ts";
import { type Context, defineCommand } from "../command.ts";
import { printFailure } from "../failure.ts";
import { flag, type ValuesOf } from "../option.ts";
import { formatTable } from "../table.ts";
import { paint, plain, printDocument, type Terminal } from "../terminal.ts";
import type { Pool } from "./pool.ts";
import { countEntries, readHoldings } from "./read.ts";
import { findPools } from "./target.ts";
import { exampleConfig, exitsOfLooks, targetConflicts, targetOptions } from "./target-options.ts";
import { jsonCount, namespaceOf, printCount } from "./words.ts";

const fewGroups = 10;

const options = { ...targetOptions, all: flag("every node and namespace") };
type ShowPoolsOptions = ValuesOf<typeof options>;

export const showPoolsCommand = defineCommand({
  summary: "Show how full pools are, and of what",
  takes: "[--all]",
  about: ["Shows how full pools are, by range set, by node and by namespace. Changes nothing."],
  options,
  conflicts: targetConflicts,
  examples: [
    ["one configuration's pools", `hawser ipam show ${exampleConfig}`],
    ["every pool of a store, for machines", "hawser ipam show --etcd https://10.0.0.1:2379 --json"],
  ],
  exits: exitsOfLooks,
  run,
});

async function run(sys: Sys, { terminal, person }: Context, options: ShowPoolsOptions): Promise<number> {
  const pools = await findPools(sys, options);
  if (!pools.ok) return printFailure(terminal, pools.error, options.json);
  const documents: unknown[] = [];
  for (const pool of pools.value) {
    const holdings = await readHoldings(pool.store, pool.keys, countEntries(person, pool.name));
    if (!holdings.ok) return printFailure(terminal, holdings.error, options.json);
    const tally = shownTally(pool, holdings.value, sys.clock.nowMs());
    if (options.json) documents.push(documentOf(pool, tally, holdings.value));
    else printPool(terminal, pool, tally, options.all);
  }
  if (options.json) printDocument(terminal, { pools: documents });
  else if (pools.value.length === 0) terminal.print("No pool: nothing has been claimed from this store yet.");
  return 0;
}

interface ShownTally extends PoolTally {
  readonly nodes: readonly GroupTally[];
  readonly namespaces: readonly GroupTally[];
}

function shownTally({ sets }: Pool, holdings: readonly Holding[], nowMs: number): ShownTally {
  return {
    ...tallyOf(sets, holdings, nowMs),
    nodes: groupsBy(holdings, nowMs, ({ node }) => node || "-"),
    namespaces: groupsBy(holdings, nowMs, ({ identity }) => namespaceOf(identity)),
  };
}

function printPool(terminal: Terminal, pool: Pool, tally: ShownTally, all: boolean): void {
  terminal.print(`${paint(terminal, "bold", plain(`Pool ${pool.name}`))} in ${plain(pool.store.label)}`);
  if (pool.sets.length === 0)
    terminal.print("  Its ranges are not known: name its configuration by --config.");
  else printTable(terminal, setHeader, tally.sets.map(setRow));
  printGroups(terminal, "NODE", tally.nodes, all);
  printGroups(terminal, "NAMESPACE", tally.namespaces, all);
  for (const note of notesOn(pool, tally)) terminal.print(`\n${paint(terminal, "yellow", "Note:")} ${note}`);
  terminal.print("");
}

const setHeader = ["RANGES", "SIZE", "USED", "HELD", "RESERVED", "QUARANTINED", "FREE", "EXCLUDED"];

function setRow({ set, ...counts }: SetTally): string[] {
  const { size, used, held, reserved, quarantined, free, excluded } = counts;
  return [printRangeSet(set), ...[size, used, held, reserved, quarantined, free, excluded].map(printCount)];
}

function printGroups(terminal: Terminal, by: string, groups: readonly GroupTally[], all: boolean): void {
  if (groups.length === 0) return;
  const shown = all ? groups : groups.slice(0, fewGroups);
  const rows = shown.map(({ name, used, held, reserved, quarantined }) =>
    [name, used, held, reserved, quarantined].map(String),
  );
  terminal.print("");
  printTable(terminal, [by, "USED", "HELD", "RESERVED", "QUARANTINED"], rows);
  const more = groups.length - shown.length;
  if (more > 0) terminal.print(`  and ${more} more: --all`);
}

function printTable(terminal: Terminal, header: readonly string[], rows: readonly string[][]): void {
  const columns = terminal.columns === undefined ? undefined : terminal.columns - 2;
  const [first = "", ...lines] = formatTable(header, rows, columns);
  terminal.print([`  ${paint(terminal, "bold", first)}`, ...lines.map((line) => `  ${line}`)].join("\n"));
}

function notesOn(pool: Pool, { sets, outside }: PoolTally): string[] {
  const expired = sets.reduce((sum, set) => sum + set.expired, 0n);
  const full = sets.filter(({ free }) => free <= 0n);
  return [
    ...full.map(({ set }) => `${printRangeSet(set)} is exhausted: an ADD of a new pod fails.`),
    ...(expired > 0n
      ? [`${expired} of the free ones still wait for a pod that stayed away; whoever needs them gets them.`]
      : []),
    ...(outside > 0
      ? [`${outside} recorded addresses are in none of the ranges (any more): hawser ipam check.`]
      : []),
    ...(pool.definitions.length > 1
      ? ["Nodes disagree about the ranges of this pool: hawser ipam check."]
      : []),
  ];
}

function documentOf(pool: Pool, tally: ShownTally, holdings: readonly Holding[]): Record<string, unknown> {
  return {
    pool: pool.name,
    store: pool.store.label,
    definitions: pool.definitions.length,
    owners: holdings.length,
    outside: tally.outside,
    sets: tally.sets.map(({ set, ...counts }) => ({
      ranges: printRangeSet(set),
      ...Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, jsonCount(count)])),
    })),
    nodes: tally.nodes,
    namespaces: tally.namespaces,
  };
}
