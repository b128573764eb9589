import type { Measure } from "./ceilings.ts";

/** The cost of one call, or of several together, with all processes that they start. */
export interface Cost {
  readonly elapsedMs: number;
  /** Time of all processors, in user and kernel mode: a busy node cannot give it to its pods. */
  readonly cpuMs: number;
}

export function sumOf(costs: readonly Cost[]): Cost {
  return costs.reduce(
    (sum, { elapsedMs, cpuMs }) => ({ elapsedMs: sum.elapsedMs + elapsedMs, cpuMs: sum.cpuMs + cpuMs }),
    { elapsedMs: 0, cpuMs: 0 },
  );
}

/** The difference between the first cost and the second. */
export function above(one: Cost, other: Cost): Cost {
  return { elapsedMs: one.elapsedMs - other.elapsedMs, cpuMs: one.cpuMs - other.cpuMs };
}

/** One cost in units of another: the time under this name, and the processor time with `.cpu` behind it. */
export function ratiosOf(name: string, cost: Cost, unit: Cost): Measure[] {
  return [
    { name, value: cost.elapsedMs / unit.elapsedMs, unit: "x" },
    { name: `${name}.cpu`, value: cost.cpuMs / unit.cpuMs, unit: "x" },
  ];
}
