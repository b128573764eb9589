/** The summary of one series of timings, in milliseconds. */
export interface Summary {
  readonly count: number;
  readonly minMs: number;
  readonly medianMs: number;
  readonly p95Ms: number;
}

/** The value below which the share `q` (0 to 1) of the series lies, interpolated between neighbours. */
export function quantile(series: readonly number[], q: number): number {
  const sorted = series.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const below = sorted[Math.floor(at)];
  const above = sorted[Math.ceil(at)];
  if (below === undefined || above === undefined) throw new Error("a quantile of nothing");
  return below + (above - below) * (at - Math.floor(at));
}

export function median(series: readonly number[]): number {
  return quantile(series, 0.5);
}

export function summarise(series: readonly number[]): Summary {
  return {
    count: series.length,
    minMs: quantile(series, 0),
    medianMs: median(series),
    p95Ms: quantile(series, 0.95),
  };
}
