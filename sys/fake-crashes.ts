import type { CrashPoint } from "./fake.ts";

export const crashPoints: readonly CrashPoint[] = ["before", "half", "after"];

/** Where a process is stopped: `crashAt(effect, point)`. */
export interface CrashSite {
  readonly effect: number;
  readonly point: CrashPoint;
  /** For an assertion to say where it failed: `killed half effect 3: write /a/b`. */
  readonly where: string;
}

/** Every single point at which a process that has these effects can be stopped. */
export function* crashSites(effects: readonly string[]): Generator<CrashSite> {
  for (const [effect, text] of effects.entries())
    for (const point of crashPoints)
      yield { effect, point, where: `killed ${point} effect ${effect}: ${text}` };
}
