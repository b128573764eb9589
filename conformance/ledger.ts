import type { RunOutcome, Verdict } from "./case-outcome.ts";
import { isObject, type JsonDocument } from "./json-document.ts";
import { compareIds } from "./requirements/all.ts";
import { specVersions } from "./versions.ts";

/**
 * The outcomes that are expected of a plugin: for each requirement its verdicts, for each verdict the versions. The ledger
 * holds `pass` and `not applicable`, too, so that a change for the better, or a probe that is no longer made, is noticed.
 */
export interface Ledger {
  readonly plugin: string;
  readonly outcomes: Readonly<Record<string, Verdicts>>;
  /** Why a requirement passes in one run and fails in another. `pass` and `fail` of it are not compared. */
  readonly varies?: Readonly<Record<string, string>> | undefined;
}

type Verdicts = Readonly<Partial<Record<Verdict, string>>>;

export function printLedger(ledger: Ledger): string {
  const rows = Object.entries(ledger.outcomes).map(
    ([id, verdicts]) => `    ${JSON.stringify(id)}: ${spaced(verdicts)}`,
  );
  const reasons = Object.entries(ledger.varies ?? {}).map(
    ([id, reason]) => `    ${JSON.stringify(id)}: ${JSON.stringify(reason)}`,
  );
  const varies = reasons.length === 0 ? "" : `  "varies": {\n${reasons.join(",\n")}\n  },\n`;
  const plugin = JSON.stringify(ledger.plugin);
  return `{\n  "plugin": ${plugin},\n${varies}  "outcomes": {\n${rows.join(",\n")}\n  }\n}\n`;
}

function spaced(verdicts: JsonDocument): string {
  const fields = Object.entries(verdicts).map(
    ([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`,
  );
  return `{ ${fields.join(", ")} }`;
}

export function parseLedger(text: string): Ledger | string {
  try {
    const json: unknown = JSON.parse(text);
    if (!isObject(json) || !isObject(json.outcomes)) return "it has no outcomes";
    const { outcomes, varies = {} } = json;
    if (!isObject(varies)) return "its varies is no object";
    for (const [id, reason] of Object.entries(varies)) {
      if (typeof reason !== "string" || reason === "") return `it does not say why ${id} varies`;
      if (outcomes[id] === undefined) return `${id}, which varies, has no outcome`;
    }
    return json as unknown as Ledger;
  } catch (error) {
    return `it is no JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** The cases of this run whose verdict is another than the ledger's. */
export function differences(expected: Ledger, run: RunOutcome): string[] {
  return run.cases.flatMap(({ requirement, version, verdict }) => {
    const verdicts = expected.outcomes[requirement.id] ?? {};
    const known = verdictAt(verdicts, version);
    // `untestable` tells about the machine's kernel, not about the plugin.
    if (known === verdict || known === "untestable" || verdict === "untestable") return [];
    if (expected.varies?.[requirement.id] !== undefined && isTried(known) && isTried(verdict)) return [];
    return [
      `${requirement.id} at ${version}: ${verdict}, expected ${known ?? "nothing (it is not written down)"}`,
    ];
  });
}

function isTried(verdict: string | undefined): boolean {
  return verdict === "pass" || verdict === "fail";
}

/** How many cases were tried here that were untestable on the machine where the ledger was made. */
export function unknownTo({ outcomes }: Ledger, run: RunOutcome): number {
  return run.cases.filter(
    ({ requirement, version, verdict }) =>
      verdict !== "untestable" && verdictAt(outcomes[requirement.id] ?? {}, version) === "untestable",
  ).length;
}

function verdictAt(verdicts: Verdicts, version: string): string | undefined {
  return Object.entries(verdicts).find(([, versions]) => versions.split(" ").includes(version))?.[0];
}

/** The ledger with this run's verdicts. Cases that the run did not try keep theirs. */
export function recorded(old: Ledger | undefined, run: RunOutcome): Ledger {
  const outcomes: Record<string, Verdicts> = { ...old?.outcomes };
  for (const { requirement, version, verdict } of run.cases) {
    const known = outcomes[requirement.id] ?? {};
    const had = verdictAt(known, version);
    if (verdict === "untestable" && had !== undefined) continue;
    // Which of the two this run happened to see is no news.
    if (old?.varies?.[requirement.id] !== undefined && isTried(had) && isTried(verdict)) continue;
    outcomes[requirement.id] = withVerdict(known, version, verdict);
  }
  const rows = Object.entries(outcomes).sort(([left], [right]) => compareIds(left, right));
  const varies = old?.varies === undefined ? {} : { varies: old.varies };
  return { plugin: run.profile, ...varies, outcomes: Object.fromEntries(rows) };
}

/** The verdicts of a requirement with another one at a version. */
function withVerdict(verdicts: Verdicts, version: string, verdict: Verdict): Verdicts {
  const at = new Map(
    Object.entries(verdicts).flatMap(([name, versions]) =>
      versions.split(" ").map((each) => [each, name] as const),
    ),
  );
  at.set(version, verdict);
  const changed: Record<string, string> = {};
  for (const each of specVersions) {
    const name = at.get(each);
    if (name !== undefined) changed[name] = changed[name] === undefined ? each : `${changed[name]} ${each}`;
  }
  return changed;
}
