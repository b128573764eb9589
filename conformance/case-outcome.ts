import type { Requirement } from "./requirement.ts";
import type { SpecVersion } from "./versions.ts";

/**
 * `blocked`: something failed that another requirement is about, so the probe could not come to its end. The requirement
 * is neither met nor broken then, and a run with such an outcome is no success. `untestable`: this machine's kernel lacks
 * what the probe needs. `excluded`: the profile excludes the requirement and gives the reason.
 */
export type Verdict = "pass" | "fail" | "blocked" | "untestable" | "not applicable" | "excluded";

/** The outcome of one requirement at one version. */
export interface CaseOutcome {
  readonly requirement: Requirement;
  readonly version: SpecVersion;
  readonly verdict: Verdict;
  /** The plugin's mistake, or the reason why the probe did not apply or could not go on. */
  readonly findings: readonly string[];
  /** Shell lines that do by hand what the probe did. */
  readonly script: readonly string[];
  readonly durationMs: number;
}

/** The outcomes of one plugin. */
export interface RunOutcome {
  readonly plugin: string;
  readonly profile: string;
  readonly versions: readonly SpecVersion[];
  readonly cases: readonly CaseOutcome[];
}
