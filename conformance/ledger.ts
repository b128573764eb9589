import { isObject, type JsonObject } from "./json.ts";
import type { RunOutcome, Verdict } from "./outcome.ts";

/**
 * What is known to come of a plugin: requirement, then verdict, then versions. `pass` and `not applicable` are written
 * down like all else, so that what becomes better, or ceases to be tried, is noticed as well.
 */
export interface Ledger {
  readonly plugin: string;
  readonly outcomes: Readonly<Record<string, Readonly<Partial<Record<Verdict, string>>>>>;
}

export function ledgerOf(run: RunOutcome): Ledger {
  const outcomes: Record<string, Partial<Record<Verdict, string>>> = {};
  for (const { requirement, version, verdict } of run.cases) {
    const verdicts = outcomes[requirement.id] ?? {};
    outcomes[requirement.id] = verdicts;
    const versions = verdicts[verdict];
    verdicts[verdict] = versions === undefined ? version : `${versions} ${version}`;
  }
  return { plugin: run.profile, outcomes };
}

export function printLedger(ledger: Ledger): string {
  const rows = Object.entries(ledger.outcomes).map(
    ([id, verdicts]) => `    ${JSON.stringify(id)}: ${spaced(verdicts)}`,
  );
  return `{\n  "plugin": ${JSON.stringify(ledger.plugin)},\n  "outcomes": {\n${rows.join(",\n")}\n  }\n}\n`;
}

function spaced(verdicts: JsonObject): string {
  const fields = Object.entries(verdicts).map(
    ([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`,
  );
  return `{ ${fields.join(", ")} }`;
}

export function parseLedger(text: string): Ledger | string {
  try {
    const json: unknown = JSON.parse(text);
    if (isObject(json) && isObject(json.outcomes)) return json as unknown as Ledger;
    return "it has no outcomes";
  } catch (error) {
    return `it is no JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** What came out otherwise than it is written down, among the cases that were run. */
export function differences(expected: Ledger, run: RunOutcome): string[] {
  return run.cases.flatMap(({ requirement, version, verdict }) => {
    const verdicts = expected.outcomes[requirement.id] ?? {};
    const known = Object.entries(verdicts).find(([, versions]) => versions.split(" ").includes(version))?.[0];
    if (known === verdict) return [];
    return [
      `${requirement.id} at ${version}: ${verdict}, expected ${known ?? "nothing (it is not written down)"}`,
    ];
  });
}

/** The ledger with what this run tells; what it did not try stays. */
export function recorded(old: Ledger | undefined, run: RunOutcome): Ledger {
  const fresh = ledgerOf(run);
  return { plugin: fresh.plugin, outcomes: { ...old?.outcomes, ...fresh.outcomes } };
}
