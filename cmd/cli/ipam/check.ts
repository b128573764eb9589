import type { CniError } from "../../../cni/errors.ts";
import { type AuditFinding, auditEntries, auditRanges } from "../../../ipam/flat/pool/audit.ts";
import type { Holding } from "../../../ipam/flat/pool/holding.ts";
import type { KeyRange } from "../../../ipam/flat/pool/keys.ts";
import { entriesAt, storedOf } from "../../../ipam/flat/pool/stored.ts";
import type { Entry } from "../../../ipam/flat/store/store.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { printFailure } from "../failure.ts";
import { paint, plain, printDocument, type Terminal } from "../terminal.ts";
import { auditNode } from "./audit-node.ts";
import { apply, confirmed } from "./change.ts";
import { readNodeView } from "./node-view.ts";
import type { CheckOptions } from "./options.ts";
import type { Person } from "./person.ts";
import type { Pool, PoolDefinition } from "./pool.ts";
import { readEntries, readOnce } from "./read.ts";
import { findPool } from "./target.ts";

/** What became of a finding; undefined when nothing was to be done about it. */
type Repaired = "repaired" | "changed meanwhile";

/** `hawser ipam check`: the store against itself, and against this node's attachments. */
export async function checkPool(
  sys: Sys,
  terminal: Terminal,
  options: CheckOptions,
  person: Person,
): Promise<number> {
  const found = await findPool(sys, options);
  if (!found.ok) return printFailure(terminal, found.error, options.json);
  const pool = { ...found.value, node: options.node ?? found.value.node };
  const checked = await check(sys, pool, options, person);
  if (!checked.ok) return printFailure(terminal, checked.error, options.json);
  const { findings, owners, keys } = checked.value;
  if (!options.json) printFindings(terminal, pool, checked.value, options.repair);
  const repairs = options.repair
    ? await repair(pool, findings, options, person)
    : ok(new Map<AuditFinding, Repaired>());
  if (!repairs.ok) return printFailure(terminal, repairs.error, options.json);
  if (options.json) printDocument(terminal, documentOf(pool, owners, keys, findings, repairs.value));
  else printRepairs(terminal, repairs.value);
  const isLeft = (finding: AuditFinding) =>
    finding.severity === "problem" && repairs.value.get(finding) !== "repaired";
  return findings.some(isLeft) ? 1 : 0;
}

interface Checked {
  readonly findings: readonly AuditFinding[];
  readonly owners: number;
  readonly keys: number;
}

async function check(
  sys: Sys,
  pool: Pool,
  options: CheckOptions,
  person: Person,
): Promise<Outcome<Checked, CniError>> {
  const view = readNodeView(sys, pool, options);
  if (!view.ok) return view;
  const entries = await readAll(pool, person);
  if (!entries.ok) return entries;
  const audit = (some: readonly Entry[]) => [
    ...auditEntries(pool.keys, some),
    ...auditNode(pool, some.map(storedOf), view.value),
  ];
  const findings = await stillThere(pool, audit(entries.value), audit);
  if (!findings.ok) return findings;
  const own = entries.value.filter(({ key }) => key.startsWith(pool.keys.owners.from));
  const holdings = own.flatMap((entry): Holding | never[] => storedOf(entry).holding ?? []);
  const ranges = pool.sets.length === 0 ? [] : auditRanges(pool.sets, holdings);
  const all = [...findings.value, ...auditDefinitions(pool), ...ranges];
  return ok({ findings: all, owners: own.length, keys: entries.value.length });
}

const kinds = ["own", "ip", "mac", "att", "hold"] as const;

async function readAll({ store, name }: Pool, person: Person): Promise<Outcome<Entry[], CniError>> {
  const all: Entry[] = [];
  for (const kind of kinds) {
    const range: KeyRange = { from: `${kind}/${name}/`, to: `${kind}/${name}0` };
    const entries = await readEntries(store, range, (count) =>
      person.progress(`pool ${name}: ${all.length + count} keys read`),
    );
    if (!entries.ok) return entries;
    all.push(...entries.value);
  }
  person.progress("");
  return ok(all);
}

type Audit = (entries: readonly Entry[]) => readonly AuditFinding[];

/** Pages are of different moments, and pods come and go: what is found is looked at once more, all at one moment. */
async function stillThere(
  pool: Pool,
  findings: readonly AuditFinding[],
  audit: Audit,
): Promise<Outcome<AuditFinding[], CniError>> {
  const still: AuditFinding[] = [];
  for (const finding of findings) {
    const again = await lookAgain(pool, finding, audit);
    if (!again.ok) return again;
    still.push(...again.value);
  }
  return ok(still);
}

const mostLooks = 5;

/** As long as what is found now is about other keys than those that were read. */
async function lookAgain(
  { store }: Pool,
  { subject, kind, keys }: AuditFinding,
  audit: Audit,
): Promise<Outcome<AuditFinding[], CniError>> {
  let wanted = keys;
  for (let look = 1; ; look += 1) {
    const reply = await readOnce(
      store,
      wanted.map((key) => ({ kind: "get", key })),
    );
    if (!reply.ok) return reply;
    const entries = wanted.flatMap((_key, at) => entriesAt(reply.value, at));
    const found = audit(entries).filter((each) => each.subject === subject && each.kind === kind);
    const others = found.flatMap((each) => each.keys).filter((key) => !wanted.includes(key));
    if (others.length === 0 || look === mostLooks) return ok(found);
    wanted = [...wanted, ...new Set(others)];
  }
}

/** Nodes that define the pool differently could give one address as another's gateway. */
function auditDefinitions({ name, definitions }: Pool): AuditFinding[] {
  const ours = definitions.some(({ isOurs }) => isOurs);
  const about = { subject: `pool ${name}`, keys: [] };
  if (definitions.length < 2) return [];
  const what = `it is defined in ${definitions.length} ways: nodes disagree, or it was changed`;
  const advice = "Once all nodes have the same ranges, the definitions that are left over can go.";
  const others = definitions.filter(({ isOurs }) => !isOurs);
  const repair = { what: "remove definitions other than this configuration's", txn: removing(others) };
  return [{ ...about, severity: "problem", kind: "definitions", what, advice, ...(ours ? { repair } : {}) }];
}

function removing(definitions: readonly PoolDefinition[]) {
  return {
    compare: definitions.map(({ key, modRevision }) => ({ kind: "unchanged" as const, key, modRevision })),
    success: definitions.map(({ key }) => ({ kind: "delete" as const, key })),
    failure: [],
  };
}

/** Errors: `cli.unconfirmed` and the store's. */
async function repair(
  { store, name }: Pool,
  findings: readonly AuditFinding[],
  { yes }: CheckOptions,
  person: Person,
): Promise<Outcome<Map<AuditFinding, Repaired>, CniError>> {
  const done = new Map<AuditFinding, Repaired>();
  const repairable = findings.flatMap((finding) =>
    finding.repair === undefined ? [] : [{ ...finding, finding, repair: finding.repair }],
  );
  if (repairable.length === 0) return ok(done);
  const agreed = await confirmed(person, yes, `Repair ${repairable.length} of these in pool ${name}?`);
  if (!agreed.ok) return agreed;
  for (const { finding, repair: each } of repairable) {
    const applied = await apply(store, each.what, each.txn);
    if (!applied.ok) return applied;
    done.set(finding, applied.value ? "repaired" : "changed meanwhile");
  }
  return ok(done);
}

function printFindings(
  terminal: Terminal,
  pool: Pool,
  { findings, owners, keys }: Checked,
  repairs: boolean,
): void {
  for (const { severity, subject, what, advice, repair } of findings) {
    const colour = severity === "problem" ? "red" : "yellow";
    terminal.print(`${paint(terminal, colour, severity)} ${plain(`${subject}: ${what}`)}`);
    terminal.print(`  ${plain(advice)}`);
    if (repair !== undefined) terminal.print(`  --repair would ${plain(repair.what)}.`);
  }
  const count = (severity: AuditFinding["severity"]) =>
    findings.filter((each) => each.severity === severity).length;
  const [problems, warnings] = [count("problem"), count("warning")];
  const result = `${problems} problem${problems === 1 ? "" : "s"}, ${warnings} warning${warnings === 1 ? "" : "s"}`;
  const colour = problems > 0 ? "red" : "green";
  terminal.print(
    `Pool ${plain(pool.name)}: ${owners} owners, ${keys} keys: ${paint(terminal, colour, result)}`,
  );
  if (repairs && findings.every((each) => each.repair === undefined)) terminal.print("Nothing to repair.");
}

function printRepairs(terminal: Terminal, repairs: ReadonlyMap<AuditFinding, Repaired>): void {
  for (const [{ subject }, result] of repairs) {
    const left = result === "repaired" ? "" : ", and was left alone";
    terminal.print(
      `${paint(terminal, result === "repaired" ? "green" : "yellow", result)} ${plain(subject)}${left}`,
    );
  }
}

function documentOf(
  pool: Pool,
  owners: number,
  keys: number,
  findings: readonly AuditFinding[],
  repairs: ReadonlyMap<AuditFinding, Repaired>,
): Record<string, unknown> {
  return {
    pool: pool.name,
    store: pool.store.label,
    owners,
    keys,
    findings: findings.map((finding) => {
      const { severity, kind, subject, what, advice, repair } = finding;
      const result = repairs.get(finding);
      return { severity, kind, subject, what, advice, repair: repair?.what, result };
    }),
  };
}
