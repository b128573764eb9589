import type { CniError } from "../../../cni/errors.ts";
import {
  auditDefinitions,
  auditEntries,
  auditedKinds,
  auditRanges,
  lookAgain,
} from "../../../ipam/flat/pool/audit.ts";
import { auditNode } from "../../../ipam/flat/pool/audit-node.ts";
import type { Holding } from "../../../ipam/flat/pool/holding.ts";
import { isInKeyRange } from "../../../ipam/flat/pool/keys.ts";
import { changeAsSeen } from "../../../ipam/flat/pool/operator.ts";
import { storedOf } from "../../../ipam/flat/pool/stored.ts";
import type { Entry } from "../../../ipam/flat/store/store.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { type Context, defineCommand } from "../command.ts";
import { defaultStateDir } from "../common-options.ts";
import { printFailure } from "../failure.ts";
import { flag, text, type ValuesOf } from "../option.ts";
import { confirmed, type Person } from "../person.ts";
import { paint, plain, printDocument, type Terminal } from "../terminal.ts";
import { carryOut } from "./change.ts";
import { type AuditFinding, type FindingWords, wordsFor } from "./findings.ts";
import { readNodeView } from "./node-view.ts";
import type { Pool } from "./pool.ts";
import { readEntries, readTimes } from "./read.ts";
import { findPool } from "./target.ts";
import { exampleConfig, targetConflicts, targetOptions } from "./target-options.ts";

/** The end of a finding's repair. */
type Repaired = "repaired" | "changed meanwhile";

const options = {
  ...targetOptions,
  stateDir: text("hawser's folder of records", { default: defaultStateDir }),
  valid: text("file with the runtime's list of containers"),
  node: text("the name that this node had, if it was renamed"),
  repair: flag("repair what can be"),
  yes: flag("do not ask"),
};
type CheckOptions = ValuesOf<typeof options>;

export const checkCommand = defineCommand({
  summary: "Find what is wrong in a pool's store, and repair it",
  takes: "[--valid FILE] [--node NAME] [--repair]",
  about: [
    "Audits the store against itself and against this node's attachments, and shows what would repair it.",
    "--repair does so, after asking; what has changed meanwhile is left alone.",
  ],
  options,
  conflicts: targetConflicts,
  examples: [
    ["look only", `hawser ipam check ${exampleConfig}`],
    [
      "against the runtime's own list, and repair",
      `hawser ipam check ${exampleConfig} --valid valid.json --repair`,
    ],
    [
      "what containers left under this node's former name",
      `hawser ipam check ${exampleConfig} --valid valid.json --node old-name`,
    ],
  ],
  exits: "0 no problem is left (there may be warnings), 1 a problem is, 2 the command was used wrongly",
  run,
});

async function run(sys: Sys, { terminal, person }: Context, options: CheckOptions): Promise<number> {
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
  else printRepairs(terminal, pool, repairs.value);
  const isLeft = (finding: AuditFinding) =>
    wordsFor(pool.name, finding).severity === "problem" && repairs.value.get(finding) !== "repaired";
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
  const times = await readTimes(sys, pool);
  if (!times.ok) return times;
  const entries = await readAll(pool, person);
  if (!entries.ok) return entries;
  const audit = (some: readonly Entry[]): AuditFinding[] => [
    ...auditEntries(pool.keys, some),
    ...auditNode(pool, some.map(storedOf), { ...view.value, ...times.value }),
  ];
  const findings = await stillThere(pool, audit(entries.value), audit);
  if (!findings.ok) return findings;
  const own = entries.value.filter(({ key }) => isInKeyRange(pool.keys.all.own, key));
  const holdings = own.flatMap((entry): Holding | never[] => storedOf(entry).holding ?? []);
  const ranges = pool.sets.length === 0 ? [] : auditRanges(pool.sets, holdings);
  const all = [...findings.value, ...auditDefinitions(pool.name, pool.definitions), ...ranges];
  return ok({ findings: all, owners: own.length, keys: entries.value.length });
}

async function readAll({ store, keys, name }: Pool, person: Person): Promise<Outcome<Entry[], CniError>> {
  const all: Entry[] = [];
  for (const kind of auditedKinds) {
    const entries = await readEntries(store, keys.all[kind], (count) =>
      person.progress(`pool ${name}: ${all.length + count} keys read`),
    );
    if (!entries.ok) return entries;
    all.push(...entries.value);
  }
  person.progress("");
  return ok(all);
}

/**
 * Looks at each finding once more. The pages of a store are read at different moments, so a finding may be about a
 * state that never was.
 */
async function stillThere(
  { store }: Pool,
  findings: readonly AuditFinding[],
  audit: (entries: readonly Entry[]) => readonly AuditFinding[],
): Promise<Outcome<AuditFinding[], CniError>> {
  const still: AuditFinding[] = [];
  for (const finding of findings) {
    const again = await carryOut(store, "check", lookAgain(finding, audit));
    if (!again.ok) return again;
    still.push(...again.value.findings);
  }
  return ok(still);
}

/** Repairs what can be repaired, after a question. Errors: `cli.unconfirmed` and the store's. */
async function repair(
  pool: Pool,
  findings: readonly AuditFinding[],
  { yes }: CheckOptions,
  person: Person,
): Promise<Outcome<Map<AuditFinding, Repaired>, CniError>> {
  const done = new Map<AuditFinding, Repaired>();
  const repairable = findings.flatMap((finding) =>
    finding.repair === undefined ? [] : [{ finding, repair: finding.repair }],
  );
  if (repairable.length === 0) return ok(done);
  const agreed = await confirmed(person, yes, `Repair ${repairable.length} of these in pool ${pool.name}?`);
  if (!agreed.ok) return agreed;
  for (const { finding, repair: txn } of repairable) {
    const doing = wordsFor(pool.name, finding).repair;
    const end = await carryOut(pool.store, doing, changeAsSeen(txn));
    if (!end.ok) return end;
    done.set(finding, end.value.kind === "done" ? "repaired" : "changed meanwhile");
  }
  return ok(done);
}

function printFindings(
  terminal: Terminal,
  pool: Pool,
  { findings, owners, keys }: Checked,
  repairs: boolean,
): void {
  for (const finding of findings) {
    const { severity, subject, what, advice, repair } = wordsFor(pool.name, finding);
    const colour = severity === "problem" ? "red" : "yellow";
    terminal.print(`${paint(terminal, colour, severity)} ${plain(`${subject}: ${what}`)}`);
    terminal.print(`  ${plain(advice)}`);
    if (finding.repair !== undefined) terminal.print(`  --repair would ${plain(repair)}.`);
  }
  const count = (severity: FindingWords["severity"]) =>
    findings.filter((each) => wordsFor(pool.name, each).severity === severity).length;
  const [problems, warnings] = [count("problem"), count("warning")];
  const result = `${problems} problem${problems === 1 ? "" : "s"}, ${warnings} warning${warnings === 1 ? "" : "s"}`;
  const colour = problems > 0 ? "red" : "green";
  terminal.print(
    `Pool ${plain(pool.name)}: ${owners} owners, ${keys} keys: ${paint(terminal, colour, result)}`,
  );
  if (repairs && findings.every((each) => each.repair === undefined)) terminal.print("Nothing to repair.");
}

function printRepairs(terminal: Terminal, pool: Pool, repairs: ReadonlyMap<AuditFinding, Repaired>): void {
  for (const [finding, result] of repairs) {
    const { subject } = wordsFor(pool.name, finding);
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
      const { severity, subject, what, advice, repair } = wordsFor(pool.name, finding);
      const result = repairs.get(finding);
      const repaired = finding.repair === undefined ? undefined : repair;
      return { severity, kind: finding.kind, subject, what, advice, repair: repaired, result };
    }),
  };
}
