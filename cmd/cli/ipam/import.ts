import { parseDurationMs } from "../../../cni/duration.ts";
import { type CniError, failWith } from "../../../cni/errors.ts";
import { storeError } from "../../../ipam/flat/drive.ts";
import type { Holding } from "../../../ipam/flat/holding.ts";
import { withEvent } from "../../../ipam/flat/holding.ts";
import type { Op } from "../../../ipam/flat/store.ts";
import { readDocuments, withoutByteOrderMark } from "../../../kube/yaml.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { printFailure } from "../failure.ts";
import { formatTable } from "../table.ts";
import { paint, plain, printDocument, type Terminal } from "../terminal.ts";
import { putNew } from "./audit.ts";
import { confirmed } from "./change.ts";
import { type Claims, heldFor } from "./claims.ts";
import { readHostLocal } from "./host-local.ts";
import { type Planned, planImport } from "./import-plan.ts";
import { isExport, readLines } from "./lines.ts";
import type { ImportOptions } from "./options.ts";
import type { Person } from "./person.ts";
import type { Pool } from "./pool.ts";
import { countEntries, readHoldings } from "./read.ts";
import { findPool } from "./target.ts";
import { readPools } from "./whereabouts.ts";
import { printCodes, printOwner } from "./words.ts";

/** `hawser ipam import`: takes over what another IPAM, or an export, says. Shows first what it would do. */
export async function importHoldings(
  sys: Sys,
  terminal: Terminal,
  options: ImportOptions,
  person: Person,
): Promise<number> {
  const pool = await findPool(sys, options);
  if (!pool.ok) return printFailure(terminal, pool.error, options.json);
  const source = await readSource(sys, pool.value, options);
  if (!source.ok) return printFailure(terminal, source.error, options.json);
  const { problems, holdings } = source.value;
  const existing = await readHoldings(
    pool.value.store,
    pool.value.keys,
    countEntries(person, pool.value.name),
  );
  if (!existing.ok) return printFailure(terminal, existing.error, options.json);
  const planned = planImport(pool.value, holdings, existing.value, sys.clock.nowMs());
  if (!options.json) printPlan(terminal, pool.value, planned, problems);
  const done = options.dryRun ? ok(planned) : await carryOut(pool.value, planned, options, person);
  if (!done.ok) return printFailure(terminal, done.error, options.json);
  if (options.json) printDocument(terminal, documentOf(pool.value, done.value, problems, options.dryRun));
  else if (!options.dryRun) printResult(terminal, planned, done.value);
  return problems.length > 0 || done.value.some(({ verdict }) => verdict === "conflict") ? 1 : 0;
}

interface Source {
  readonly holdings: readonly Holding[];
  readonly problems: readonly string[];
}

/** Errors: `cli.file`, `cli.hold`, `cli.source`, `ipam.data-folder`. */
async function readSource(sys: Sys, pool: Pool, options: ImportOptions): Promise<Outcome<Source, CniError>> {
  const { source, ifname, results, hold } = options;
  const holdMs = hold === "forever" ? undefined : parseDurationMs(hold);
  if (hold !== "forever" && holdMs === undefined) {
    return failWith(
      "invalidConfig",
      "cli.hold",
      `read --hold ${hold}: it is neither a duration like 24h nor forever`,
    );
  }
  const nowMs = sys.clock.nowMs();
  const held = ({ claims, problems }: Claims): Source => ({
    holdings: heldFor(pool, claims, holdMs, nowMs),
    problems,
  });
  const stat = sys.files.stat(source);
  if (stat.ok && stat.value.kind === "folder") {
    const claims = readHostLocal(sys, source, results, ifname);
    return claims.ok ? ok(held(claims.value)) : claims;
  }
  const text = sys.files.read(source, longestSource);
  if (!text.ok) return failWith("ioFailure", "cli.file", `read ${source}: ${text.error.message}`);
  const content = withoutByteOrderMark(text.value);
  if (isExport(content)) {
    const { holdings, problems } = readLines(content);
    return ok({ holdings: holdings.map((holding) => imported(holding, nowMs)), problems });
  }
  const documents = await readDocuments(content);
  if (documents.ok) return ok(held(readPools(documents.value, ifname)));
  const hint = "It is to be an export, IPPool objects of whereabouts, or a data folder of host-local.";
  return failWith("undecodable", "cli.source", `read ${source}: ${documents.error}`, hint);
}

function imported(holding: Holding, atMs: number): Holding {
  const { identity, containerId, node, history } = holding;
  return { ...holding, history: withEvent(history, { what: "imported", identity, containerId, node, atMs }) };
}

/** Transactions in one request: thousands of owners are not to be thousands of round trips. etcd takes 128 operations. */
const batchSize = 100;
/** A million addresses with their owners: a person names the file, and waits for it. */
const longestSource = 1024 * 1024 * 1024;

/** Each owner in a transaction of its own: what changes meanwhile is a conflict of that owner. */
async function carryOut(
  { store, keys, name }: Pool,
  planned: readonly Planned[],
  { yes }: ImportOptions,
  person: Person,
): Promise<Outcome<Planned[], CniError>> {
  const fresh = planned.filter(({ verdict }) => verdict === "new");
  if (fresh.length === 0) return ok([...planned]);
  const agreed = await confirmed(person, yes, `Import ${fresh.length} owners into pool ${name}?`);
  if (!agreed.ok) return agreed;
  const taken = new Set<Planned>();
  for (let done = 0; done < fresh.length; done += batchSize) {
    const batch = fresh.slice(done, done + batchSize);
    const success = batch.map(({ holding }): Op => ({ kind: "txn", txn: putNew(keys, holding) }));
    const reply = await store.txn({ compare: [], success, failure: [] });
    if (!reply.ok) return fail(storeError(`import into pool ${name}, after ${done} owners`, reply.error));
    for (const [index, each] of batch.entries()) {
      const one = reply.value.replies[index];
      if (one?.kind !== "txn" || !one.reply.succeeded) taken.add(each);
    }
    person.progress(`${done + batch.length} of ${fresh.length} owners`);
  }
  person.progress("");
  return ok(
    planned.map((each) =>
      taken.has(each) ? { ...each, verdict: "conflict", why: "it was taken meanwhile" } : each,
    ),
  );
}

function printPlan(
  terminal: Terminal,
  pool: Pool,
  planned: readonly Planned[],
  problems: readonly string[],
): void {
  for (const problem of problems) terminal.print(`${paint(terminal, "red", "problem")} ${plain(problem)}`);
  const conflicts = planned.filter(({ verdict }) => verdict === "conflict");
  if (conflicts.length > 0) {
    const [header = "", ...rows] = formatTable(
      ["CONFLICT", "ADDRESSES", "WHY"],
      conflicts.map(({ holding, why }) => [printOwner(holding), printCodes(holding.addresses), why]),
      terminal.columns,
    );
    terminal.print([paint(terminal, "bold", header), ...rows].join("\n"));
  }
  const count = (verdict: Planned["verdict"]) => planned.filter((each) => each.verdict === verdict).length;
  const parts = (["new", "there already", "expired", "conflict"] as const)
    .filter((verdict) => verdict === "new" || count(verdict) > 0)
    .map((verdict) => `${count(verdict)} ${verdict}`);
  terminal.print(`Pool ${plain(pool.name)}: ${parts.join(", ")}.`);
}

function printResult(terminal: Terminal, planned: readonly Planned[], done: readonly Planned[]): void {
  const count = done.filter(({ verdict }) => verdict === "new").length;
  const lost = done.filter((each, index) => each.verdict !== planned[index]?.verdict);
  for (const { holding, why } of lost) terminal.print(plain(`Not imported: ${printOwner(holding)}: ${why}`));
  if (count > 0) terminal.print(`Imported ${count} owners.`);
}

function documentOf(
  pool: Pool,
  planned: readonly Planned[],
  problems: readonly string[],
  dryRun: boolean,
): Record<string, unknown> {
  const owners = planned.map(({ holding, verdict, why }) => ({
    identity: holding.identity,
    addresses: holding.addresses.map((code) => printCodes([code])),
    verdict,
    ...(why === "" ? {} : { why }),
  }));
  return { pool: pool.name, store: pool.store.label, dryRun, problems, owners };
}
