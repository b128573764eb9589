import { type Excuse, excuses } from "./skips.ts";

/** The end of one test, or of something around tests (a file that does not load, a hook). */
export interface Ending {
  readonly file: string;
  readonly name: string;
  readonly state: "passed" | "failed" | "skipped";
  /** The errors of a failure. */
  readonly errors: readonly string[];
  /** The test's own reason for a skip. */
  readonly note: string | undefined;
}

export interface TestTally {
  readonly lines: readonly string[];
  readonly failed: number;
}

/**
 * What is wrong in full, each skip with its reason, and the last line, which a reader can count. `allowed` are the skips
 * that CI allows. Without it every skip is allowed: a machine at home need not have everything.
 */
export function tally(endings: readonly Ending[], allowed: readonly Excuse[] | undefined): TestTally {
  const passed = endings.filter(({ state }) => state === "passed").length;
  const skips = endings.filter(({ state }) => state === "skipped");
  const failures = [
    ...endings.filter(({ state }) => state === "failed").map(describeFailure),
    ...(allowed === undefined ? [] : [...objections(skips, allowed), ...stale(endings, skips, allowed)]),
  ];
  // Outside of CI, what `vitest -t` leaves out is of no interest.
  const told = skips.filter((skip) =>
    allowed === undefined ? reasonOf(skip) !== undefined : excuseOf(skip, allowed) !== undefined,
  );
  const lines = told.map((skip) => `  ${describeSkip(skip, excuseOf(skip, allowed ?? []))}`);
  const counts = [`${passed} passed`, `${failures.length} failed`];
  if (told.length > 0) counts.push(`${told.length} skipped`);
  return {
    lines: [
      ...failures.flatMap((failure) => ["", `FAILED ${failure}`]),
      ...(told.length === 0 ? [] : ["", `${told.length} skipped:`, ...lines]),
      "",
      counts.join(", "),
    ],
    failed: failures.length,
  };
}

function describeFailure({ file, name, errors }: Ending): string {
  return [`${file}: ${name}`, ...errors].join("\n");
}

function describeSkip(skip: Ending, excuse?: Excuse): string {
  const note = skip.note === undefined ? "" : ` (skipped: ${skip.note})`;
  const allowedFor = excuse === undefined ? "" : `; tools/skips.json: ${excuse.reason}`;
  return `${skip.file}: ${skip.name}${note}${allowedFor}`;
}

/** In CI a skipped test fails the run: nobody would notice that it does not run any more. */
function objections(skips: readonly Ending[], allowed: readonly Excuse[]): string[] {
  return skips
    .filter((skip) => excuseOf(skip, allowed) === undefined)
    .map((skip) => {
      const why = reasonOf(skip) === undefined ? "skipped without a reason" : "skipped";
      return `${describeSkip(skip)}\n${why}, and tools/skips.json does not name it`;
    });
}

/**
 * An entry that excuses no skip any more is refused, since it could excuse another one by accident. An entry whose file did
 * not run is left alone.
 */
function stale(endings: readonly Ending[], skips: readonly Ending[], allowed: readonly Excuse[]): string[] {
  const files = new Set(endings.map(({ file }) => file));
  return allowed
    .filter(({ file, sometimes }) => sometimes === undefined && files.has(file))
    .filter((excuse) => !skips.some((skip) => excuses(excuse, skip)))
    .map(
      ({ file, test }) => `${file}: ${test}\ntools/skips.json names it, and no test of that name is skipped`,
    );
}

function excuseOf(skip: Ending, allowed: readonly Excuse[]): Excuse | undefined {
  return allowed.find((excuse) => excuses(excuse, skip));
}

/** In the name, `... (skipped: reason)`, or `context.skip("reason")`. */
function reasonOf({ name, note }: Ending): string | undefined {
  return note ?? /\(skipped: ([^)]+)\)/.exec(name)?.[1];
}
