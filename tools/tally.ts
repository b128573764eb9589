/** What became of one test, or of what stands around tests (a file that does not load, a hook). */
export interface Ending {
  readonly file: string;
  readonly name: string;
  readonly state: "passed" | "failed" | "skipped";
  /** Of a failure: its errors. */
  readonly errors: readonly string[];
  /** Of a skip: what the test itself says. */
  readonly note: string | undefined;
}

export interface Tally {
  readonly lines: readonly string[];
  readonly failed: number;
}

/** What is wrong in full, each skip with its reason, and the last line, which a reader can count. */
export function tally(endings: readonly Ending[], inCi: boolean): Tally {
  const passed = endings.filter(({ state }) => state === "passed").length;
  const skips = endings.filter(({ state }) => state === "skipped");
  const failures = [
    ...endings.filter(({ state }) => state === "failed").map(describeFailure),
    ...(inCi ? skips.flatMap(objection) : []),
  ];
  const named = skips.filter((skip) => reasonOf(skip) !== undefined);
  return {
    lines: [
      ...failures.flatMap((failure) => ["", `FAILED ${failure}`]),
      ...(named.length === 0
        ? []
        : ["", `${named.length} skipped:`, ...named.map((skip) => `  ${describeSkip(skip)}`)]),
      "",
      `${passed} passed, ${failures.length} failed`,
    ],
    failed: failures.length,
  };
}

function describeFailure({ file, name, errors }: Ending): string {
  return [`${file}: ${name}`, ...errors].join("\n");
}

function describeSkip(skip: Ending): string {
  const { file, name, note } = skip;
  return `${file}: ${name}${note === undefined ? "" : ` (skipped: ${note})`}`;
}

/** CI is root, and a test that is left out without a word is one that nobody misses. */
function objection(skip: Ending): string[] {
  const reason = reasonOf(skip);
  if (reason === undefined) return [`${describeSkip(skip)}\nskipped without a reason`];
  return /\broot\b/i.test(reason) ? [`${describeSkip(skip)}\nskipped for want of root, which CI has`] : [];
}

/** In the name, `... (skipped: reason)`, or `context.skip("reason")`. */
function reasonOf({ name, note }: Ending): string | undefined {
  return note ?? /\(skipped: ([^)]+)\)/.exec(name)?.[1];
}
