import { type CniError, failWith } from "../../../../cni/errors.ts";
import { earliestMs, isNobody, nobody } from "../../../../ipam/flat/pool/holding.ts";
import {
  codesInUse,
  type ImportConflict,
  type ImportPlan,
  type PlannedImport,
  planImport,
  putBatch,
  putOver,
} from "../../../../ipam/flat/pool/import.ts";
import { reserve } from "../../../../ipam/flat/pool/operator.ts";
import { driveOnce, storeError } from "../../../../ipam/flat/store/drive.ts";
import { fail, type Outcome, ok } from "../../../../sys/outcome.ts";
import type { Sys } from "../../../../sys/sys.ts";
import { type Context, defineCommand } from "../../command.ts";
import { printFailure } from "../../failure.ts";
import { argument, flag, text, type ValuesOf } from "../../option.ts";
import { confirmed, type Person } from "../../person.ts";
import { formatTable } from "../../table.ts";
import { paint, plain, printDocument, type Terminal } from "../../terminal.ts";
import { carryOut, changedMeanwhile } from "../change.ts";
import type { Pool } from "../pool.ts";
import { countEntries, readHoldings, readTimes } from "../read.ts";
import { findPool } from "../target.ts";
import { exampleConfig, targetConflicts, targetOptions } from "../target-options.ts";
import { printCodes, printOwner } from "../words.ts";
import { type ImportSource, readSource } from "./import-source.ts";

const options = {
  source: argument("source", "a file, or host-local's data folder"),
  ...targetOptions,
  ifname: text("the interface, where the source does not say", { default: "net1" }),
  hold: text("how long another IPAM's addresses wait for their pods", { default: "forever" }),
  results: text("libcni's results: whose containers are", { default: "/var/lib/cni/results" }),
  dryRun: flag("only show what would be done"),
  yes: flag("do not ask"),
};
type ImportOptions = ValuesOf<typeof options>;

export const importCommand = defineCommand({
  summary: "Take over an export, whereabouts' or host-local's addresses",
  takes: "SOURCE [--dry-run] [--yes]",
  about: [
    "Takes over addresses from an export, from IPPool objects of whereabouts, or from a data folder of",
    "host-local. Those of other IPAMs wait for their pods to be created anew (--hold). Shows what it would",
    "do and asks; what conflicts is left out, and reserved from everybody where it is in use.",
  ],
  options,
  conflicts: targetConflicts,
  examples: [
    ["an export", `hawser ipam import pool.jsonl ${exampleConfig}`],
    [
      "what kubectl get ippools -A -o yaml printed",
      `hawser ipam import ippools.yaml ${exampleConfig} --dry-run`,
    ],
    ["host-local's addresses", `hawser ipam import /var/lib/cni/networks/pods ${exampleConfig} --hold 72h`],
  ],
  exits: "0 nothing is left out, 1 something conflicts, or was refused, 2 the command was used wrongly",
  run,
});

async function run(sys: Sys, { terminal, person }: Context, options: ImportOptions): Promise<number> {
  const pool = await findPoolWithRanges(sys, options);
  if (!pool.ok) return printFailure(terminal, pool.error, options.json);
  const times = await readTimes(sys, pool.value);
  if (!times.ok) return printFailure(terminal, times.error, options.json);
  const source = await readSource(sys, pool.value, options, times.value);
  if (!source.ok) return printFailure(terminal, source.error, options.json);
  const existing = await readHoldings(
    pool.value.store,
    pool.value.keys,
    countEntries(person, pool.value.name),
  );
  if (!existing.ok) return printFailure(terminal, existing.error, options.json);
  const { nowMs } = times.value;
  const plan = planImport(pool.value, source.value, existing.value, earliestMs(times.value));
  if (!options.json) printPlan(terminal, pool.value, plan, source.value);
  const done = options.dryRun
    ? ok(plan)
    : await importPlanned(pool.value, plan, source.value, { options, person, nowMs });
  if (!done.ok) return printFailure(terminal, done.error, options.json);
  if (options.json) printDocument(terminal, documentOf(pool.value, done.value, source.value, options.dryRun));
  else if (!options.dryRun) printResult(terminal, plan, done.value);
  const { problems } = source.value;
  return problems.length > 0 || done.value.owners.some(({ verdict }) => verdict === "conflict") ? 1 : 0;
}

/**
 * Finds the pool and requires its ranges. Without them a gateway looks like any address. Errors: `cli.ranges` and those
 * of `findPool`.
 */
async function findPoolWithRanges(sys: Sys, options: ImportOptions): Promise<Outcome<Pool, CniError>> {
  const pool = await findPool(sys, options);
  if (!pool.ok || pool.value.sets.length > 0) return pool;
  return failWith(
    "invalidConfig",
    "cli.ranges",
    `import into pool ${pool.value.name}: its ranges are not known`,
    "Name its configuration by --config.",
  );
}

interface Circumstances {
  readonly options: ImportOptions;
  readonly person: Person;
  readonly nowMs: number;
}

/** Carries out the plan, after a question. Reserves first what is in use, so that no pod gets it meanwhile. */
async function importPlanned(
  pool: Pool,
  { owners, reserved }: ImportPlan,
  { isForeign }: ImportSource,
  { options, person, nowMs }: Circumstances,
): Promise<Outcome<ImportPlan, CniError>> {
  const fresh = owners.filter(({ verdict }) => verdict === "new");
  if (fresh.length + reserved.length === 0) return ok({ owners, reserved });
  const parts = [
    ...(fresh.length > 0 ? [`Import ${fresh.length} owners into pool ${pool.name}`] : []),
    ...(reserved.length > 0
      ? [
          `${fresh.length > 0 ? "reserve" : "Reserve"} ${countOf(reserved)} of pool ${pool.name} from everybody`,
        ]
      : []),
  ];
  const agreed = await confirmed(person, options.yes, `${parts.join(", and ")}?`);
  if (!agreed.ok) return agreed;
  const first = await reserveAll(pool, reserved, nowMs);
  if (!first.ok) return first;
  const taken = await putAll(pool, fresh, person, nowMs);
  if (!taken.ok) return taken;
  const lost = fresh.filter((each) => taken.value.has(each));
  const codes = codesInUse(pool.sets, lost, isForeign);
  const second = await reserveAll(pool, codes, nowMs);
  if (!second.ok) return second;
  return ok({
    owners: owners.map((each) =>
      taken.value.has(each) ? { ...each, verdict: "conflict", why: { kind: "taken meanwhile" } } : each,
    ),
    reserved: [...first.value, ...second.value],
  });
}

/** How often a reservation is tried. Somebody may change the store between the look and the change. */
const mostTries = 5;

/**
 * Reserves addresses, and answers those that are reserved now. An address that somebody has got meanwhile needs no
 * reservation.
 */
async function reserveAll(
  pool: Pool,
  codes: readonly string[],
  nowMs: number,
): Promise<Outcome<string[], CniError>> {
  const { keys, name } = pool;
  const reserved: string[] = [];
  for (const code of codes) {
    const text = printCodes([code]);
    const request = { keys, pool: name, identity: nobody(text), codes: [code], nowMs };
    for (let tries = 1; ; tries++) {
      const end = await carryOut(pool.store, `reserve ${text}`, reserve(request));
      if (!end.ok) return end;
      if (end.value.kind === "reserved") reserved.push(code);
      if (end.value.kind !== "changed") break;
      if (tries === mostTries) return fail(changedMeanwhile(`reserve ${text}`));
    }
  }
  return ok(reserved);
}

/** How many owners one request puts. etcd takes at most 128 operations. */
const batchSize = 100;

/** Puts the owners. Returns those whose addresses somebody has taken since the plan was made. */
async function putAll(
  pool: Pool,
  fresh: readonly PlannedImport[],
  person: Person,
  nowMs: number,
): Promise<Outcome<Set<PlannedImport>, CniError>> {
  const { store, keys, name } = pool;
  const taken = new Set<PlannedImport>();
  for (let done = 0; done < fresh.length; done += batchSize) {
    const batch = fresh.slice(done, done + batchSize);
    const put = await driveOnce(store, putBatch(keys, batch));
    if (!put.ok) return fail(storeError(`import into pool ${name}, after ${done} owners`, put.error));
    for (const each of put.value.refused) {
      const over = await carryOut(store, `import into pool ${name}`, putOver(keys, each.holding, nowMs));
      if (!over.ok) return over;
      if (over.value.kind === "changed") taken.add(each);
    }
    person.progress(`${done + batch.length} of ${fresh.length} owners`);
  }
  person.progress("");
  return ok(taken);
}

function countOf(codes: readonly string[]): string {
  return `${codes.length} ${codes.length === 1 ? "address" : "addresses"}`;
}

function printPlan(
  terminal: Terminal,
  pool: Pool,
  { owners, reserved }: ImportPlan,
  { problems, notes }: ImportSource,
): void {
  for (const note of notes) terminal.print(`${paint(terminal, "yellow", "note")} ${plain(note)}`);
  for (const problem of problems) terminal.print(`${paint(terminal, "red", "problem")} ${plain(problem)}`);
  const conflicts = owners.filter(({ verdict }) => verdict === "conflict");
  if (conflicts.length > 0) {
    const [header = "", ...rows] = formatTable(
      ["CONFLICT", "ADDRESSES", "WHY"],
      conflicts.map(({ holding, why }) => [
        printOwner(holding),
        printCodes(holding.addresses),
        printConflict(why),
      ]),
      terminal.columns,
    );
    terminal.print([paint(terminal, "bold", header), ...rows].join("\n"));
  }
  if (reserved.length > 0)
    terminal.print(plain(`In use, so to be reserved from everybody: ${printCodes(reserved)}`));
  const count = (verdict: PlannedImport["verdict"]) =>
    owners.filter((each) => each.verdict === verdict).length;
  const parts = (["new", "there already", "expired", "conflict"] as const)
    .filter((verdict) => verdict === "new" || count(verdict) > 0)
    .map((verdict) => `${count(verdict)} ${verdict}`);
  const kept = reserved.length > 0 ? [`${countOf(reserved)} to reserve`] : [];
  terminal.print(`Pool ${plain(pool.name)}: ${[...parts, ...kept].join(", ")}.`);
}

function printConflict(why: ImportConflict | undefined): string {
  switch (why?.kind) {
    case undefined:
      return "";
    case "never given": {
      const is = { outside: "in none of the ranges", gateway: "a gateway", excluded: "excluded" };
      return `${printCodes([why.code])} is ${is[why.why]}`;
    }
    case "more than one of a set":
      return `${printCodes(why.codes)} are more than one of a range set`;
    case "has others":
      return `it has ${printCodes(why.codes)} already`;
    case "taken": {
      const what = why.code === undefined ? why.key : printCodes([why.code]);
      return `${what} is ${isNobody(why.identity) ? "reserved from everybody" : `${why.identity}'s`}`;
    }
    case "taken meanwhile":
      return "it was taken meanwhile";
  }
}

function printResult(terminal: Terminal, plan: ImportPlan, done: ImportPlan): void {
  const count = done.owners.filter(({ verdict }) => verdict === "new").length;
  const lost = done.owners.filter((each, index) => each.verdict !== plan.owners[index]?.verdict);
  for (const { holding, why } of lost)
    terminal.print(plain(`Not imported: ${printOwner(holding)}: ${printConflict(why)}`));
  if (count > 0) terminal.print(`Imported ${count} owners.`);
  if (done.reserved.length === 0) return;
  const hint = "Once nobody uses one any more: hawser ipam unreserve ADDRESS.";
  terminal.print(`Reserved ${countOf(done.reserved)} from everybody. ${hint}`);
}

function documentOf(
  pool: Pool,
  { owners, reserved }: ImportPlan,
  { problems, notes }: ImportSource,
  dryRun: boolean,
): Record<string, unknown> {
  return {
    pool: pool.name,
    store: pool.store.label,
    dryRun,
    problems,
    notes,
    owners: owners.map(({ holding, verdict, why }) => ({
      identity: holding.identity,
      addresses: holding.addresses.map((code) => printCodes([code])),
      verdict,
      ...(why === undefined ? {} : { why: printConflict(why) }),
    })),
    reserved: reserved.map((code) => printCodes([code])),
  };
}
