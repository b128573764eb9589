import { conditionOf, type Holding } from "../../../ipam/flat/pool/holding.ts";
import type { Sys } from "../../../sys/sys.ts";
import { type Context, defineCommand } from "../command.ts";
import { printFailure } from "../failure.ts";
import { choice, text, type ValuesOf } from "../option.ts";
import { printTime } from "../print-time.ts";
import { formatTable } from "../table.ts";
import { paint, plain, printDocument, type Terminal } from "../terminal.ts";
import { countEntries, readHoldings } from "./read.ts";
import { findPool } from "./target.ts";
import { exampleConfig, exitsOfLooks, targetConflicts, targetOptions } from "./target-options.ts";
import { namespaceOf, printCodes, printOwner } from "./words.ts";

const shownIdLength = 12;

const options = {
  ...targetOptions,
  state: choice(["used", "held", "expired", "reserved", "quarantined"], "only those in this state"),
  node: text("only this node's"),
  namespace: text("only this namespace's"),
};
type ListOptions = ValuesOf<typeof options>;

export const listCommand = defineCommand({
  summary: "List who has which addresses",
  takes: "[--state STATE] [--node NODE] [--namespace NAMESPACE]",
  about: ["Lists the owners of addresses, in the order of these. Changes nothing."],
  options,
  conflicts: targetConflicts,
  examples: [
    ["all of them", `hawser ipam list ${exampleConfig}`],
    [
      "what waits for its pod to come back",
      `hawser ipam list ${exampleConfig} --state held --namespace blue`,
    ],
  ],
  exits: exitsOfLooks,
  run,
});

async function run(sys: Sys, { terminal, person }: Context, options: ListOptions): Promise<number> {
  const pool = await findPool(sys, options);
  if (!pool.ok) return printFailure(terminal, pool.error, options.json);
  const { store, keys, name } = pool.value;
  const holdings = await readHoldings(store, keys, countEntries(person, name));
  if (!holdings.ok) return printFailure(terminal, holdings.error, options.json);
  const nowMs = sys.clock.nowMs();
  const wanted = holdings.value.filter((holding) => isWanted(holding, options, nowMs)).toSorted(byAddress);
  if (options.json) {
    printDocument(terminal, {
      pool: name,
      store: store.label,
      holdings: wanted.map((each) => holdingDocument(each, nowMs)),
    });
  } else if (wanted.length === 0) {
    const what = wanted.length === holdings.value.length ? "Nobody has an address" : "Nothing like it is";
    terminal.print(`${what} in pool ${plain(name)}.`);
  } else printHoldings(terminal, wanted, nowMs);
  return 0;
}

function isWanted(holding: Holding, { state, node, namespace }: ListOptions, nowMs: number): boolean {
  return (
    (state === undefined || state === conditionOf(holding, nowMs)) &&
    (node === undefined || node === holding.node) &&
    (namespace === undefined || namespace === namespaceOf(holding.identity))
  );
}

/** The order of the codes, as texts, is the order of their addresses. */
function byAddress(one: Holding, other: Holding): number {
  return (one.addresses[0] ?? "") < (other.addresses[0] ?? "") ? -1 : 1;
}

function printHoldings(terminal: Terminal, holdings: readonly Holding[], nowMs: number): void {
  const [header = "", ...rows] = formatTable(
    ["ADDRESSES", "STATE", "OWNER", "NODE", "CONTAINER", "MAC", "SINCE", "UNTIL"],
    holdings.map((holding) => [
      printCodes(holding.addresses),
      conditionOf(holding, nowMs),
      printOwner(holding),
      holding.node || "-",
      holding.containerId.slice(0, shownIdLength) || "-",
      holding.mac || "-",
      printTime(holding.sinceMs),
      untilOf(holding),
    ]),
    terminal.columns,
  );
  terminal.print([paint(terminal, "bold", header), ...rows].join("\n"));
}

export function untilOf({ state, heldUntilMs }: Holding): string {
  if (state !== "held") return "-";
  return heldUntilMs === undefined ? "for ever" : printTime(heldUntilMs);
}

/** A holding for machines, with addresses instead of codes. */
export function holdingDocument(holding: Holding, nowMs: number): Record<string, unknown> {
  const { addresses, sinceMs, heldUntilMs, history, ...rest } = holding;
  return {
    ...rest,
    condition: conditionOf(holding, nowMs),
    addresses: addresses.map((code) => printCodes([code])),
    since: printTime(sinceMs),
    ...(heldUntilMs === undefined ? {} : { heldUntil: printTime(heldUntilMs) }),
    history: history.map(({ atMs, ...event }) => ({ ...event, at: printTime(atMs) })),
  };
}
