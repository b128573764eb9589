import { type CniError, failWith } from "../../../../cni/errors.ts";
import { type Outcome, ok } from "../../../../sys/outcome.ts";
import type { Sys } from "../../../../sys/sys.ts";
import { printFailure } from "../../failure.ts";
import { formatTable } from "../../table.ts";
import { paint, plain, printDocument, type Terminal } from "../../terminal.ts";
import { confirmed } from "../change.ts";
import type { ImportOptions } from "../options.ts";
import type { Person } from "../person.ts";
import type { Pool } from "../pool.ts";
import { countEntries, readHoldings } from "../read.ts";
import { reserveFromAll } from "../reserve.ts";
import { findPool } from "../target.ts";
import { printCodes, printOwner } from "../words.ts";
import { type ImportPlan, isGiven, isUsed, type PlannedImport, planImport } from "./import-plan.ts";
import { putAll } from "./import-put.ts";
import { type ImportSource, readSource } from "./import-source.ts";

/** `hawser ipam import`: takes over what another IPAM, or an export, says. Shows first what it would do. */
export async function importHoldings(
  sys: Sys,
  terminal: Terminal,
  options: ImportOptions,
  person: Person,
): Promise<number> {
  const pool = await findPoolWithRanges(sys, options);
  if (!pool.ok) return printFailure(terminal, pool.error, options.json);
  const source = await readSource(sys, pool.value, options);
  if (!source.ok) return printFailure(terminal, source.error, options.json);
  const existing = await readHoldings(
    pool.value.store,
    pool.value.keys,
    countEntries(person, pool.value.name),
  );
  if (!existing.ok) return printFailure(terminal, existing.error, options.json);
  const nowMs = sys.clock.nowMs();
  const plan = planImport(pool.value, source.value, existing.value, nowMs);
  if (!options.json) printPlan(terminal, pool.value, plan, source.value);
  const done = options.dryRun
    ? ok(plan)
    : await carryOut(pool.value, plan, source.value, { options, person, nowMs });
  if (!done.ok) return printFailure(terminal, done.error, options.json);
  if (options.json) printDocument(terminal, documentOf(pool.value, done.value, source.value, options.dryRun));
  else if (!options.dryRun) printResult(terminal, plan, done.value);
  const { problems } = source.value;
  return problems.length > 0 || done.value.owners.some(({ verdict }) => verdict === "conflict") ? 1 : 0;
}

/** Without its ranges nobody can tell a gateway from an address. Errors: `cli.ranges` and those of `findPool`. */
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

/** Reserves first what is in use: whoever comes meanwhile is to find it taken. */
async function carryOut(
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
  const lost = fresh.filter((each) => taken.value.has(each) && (isForeign || isUsed(each.holding)));
  const codes = lost.flatMap(({ holding }) => holding.addresses.filter((code) => isGiven(pool.sets, code)));
  const second = await reserveAll(pool, codes, nowMs);
  if (!second.ok) return second;
  return ok({
    owners: owners.map((each) =>
      taken.value.has(each) ? { ...each, verdict: "conflict", why: "it was taken meanwhile" } : each,
    ),
    reserved: [...first.value, ...second.value],
  });
}

/** A look and a change: between the two somebody may have changed it. */
const mostTries = 5;

/** Those that are reserved now. What somebody has meanwhile is nobody else's already. */
async function reserveAll(
  pool: Pool,
  codes: readonly string[],
  nowMs: number,
): Promise<Outcome<string[], CniError>> {
  const reserved: string[] = [];
  for (const code of codes) {
    let one = await reserveFromAll(pool, code, nowMs);
    for (let tries = 1; tries < mostTries && !one.ok && one.error.id === "cli.changed"; tries++)
      one = await reserveFromAll(pool, code, nowMs);
    if (one.ok) reserved.push(code);
    else if (one.error.id !== "cli.taken") return one;
  }
  return ok(reserved);
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
      conflicts.map(({ holding, why }) => [printOwner(holding), printCodes(holding.addresses), why]),
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

function printResult(terminal: Terminal, plan: ImportPlan, done: ImportPlan): void {
  const count = done.owners.filter(({ verdict }) => verdict === "new").length;
  const lost = done.owners.filter((each, index) => each.verdict !== plan.owners[index]?.verdict);
  for (const { holding, why } of lost) terminal.print(plain(`Not imported: ${printOwner(holding)}: ${why}`));
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
      ...(why === "" ? {} : { why }),
    })),
    reserved: reserved.map((code) => printCodes([code])),
  };
}
