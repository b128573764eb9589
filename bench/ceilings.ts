/** One number that the bench answers with: a ratio, or megabytes. Never milliseconds, which are the machine's. */
export interface Measure {
  readonly name: string;
  readonly value: number;
  readonly unit: "x" | "MB" | "trips";
}

export interface Ceiling {
  readonly max: number;
  /** Why this much and no more; whoever raises it says why here. */
  readonly why: string;
}

export type Ceilings = Readonly<Record<string, Ceiling>>;

export interface Judgement {
  readonly measure: Measure;
  /** Undefined where nothing is judged. */
  readonly ceiling: Ceiling | undefined;
  readonly past: boolean;
}

export function judge(measures: readonly Measure[], ceilings: Ceilings): Judgement[] {
  return measures.map((measure) => {
    const ceiling = ceilings[measure.name];
    // Written so that a value that is no number is past its ceiling, too.
    return { measure, ceiling, past: ceiling !== undefined && !(measure.value <= ceiling.max) };
  });
}

/** Ceilings that nothing was measured for: a misspelt one would never fail. */
export function unmeasured(verdicts: readonly Judgement[], ceilings: Ceilings): string[] {
  const names = verdicts.map(({ measure }) => measure.name);
  return Object.keys(ceilings).filter((name) => !names.includes(name));
}
