/** One number that has a ceiling: a ratio, or megabytes. Milliseconds have none, since they depend on the machine. */
export interface Measure {
  readonly name: string;
  readonly value: number;
  readonly unit: "x" | "MB" | "trips";
}

export interface Ceiling {
  readonly max: number;
  /** Why the ceiling is as high as it is. Whoever raises it gives the reason here. */
  readonly why: string;
}

export type Ceilings = Readonly<Record<string, Ceiling>>;

export interface Judgement {
  readonly measure: Measure;
  /** Undefined where the measure has no ceiling. */
  readonly ceiling: Ceiling | undefined;
  readonly past: boolean;
}

export function judge(measures: readonly Measure[], ceilings: Ceilings): Judgement[] {
  return measures.map((measure) => {
    const ceiling = ceilings[measure.name];
    // In this form a value that is not a number is past its ceiling, too.
    return { measure, ceiling, past: ceiling !== undefined && !(measure.value <= ceiling.max) };
  });
}

/** Ceilings without a measure: a misspelt ceiling would never fail. */
export function unmeasured(verdicts: readonly Judgement[], ceilings: Ceilings): string[] {
  const names = verdicts.map(({ measure }) => measure.name);
  return Object.keys(ceilings).filter((name) => !names.includes(name));
}
