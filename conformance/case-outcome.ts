import type { Requirement } from "./requirement.ts";
import type { SpecVersion } from "./versions.ts";

/**
 * `blocked`: the probe could not be carried through, since something failed that another requirement is about; nothing
 * is known then, and a run with such an outcome is no success. `untestable`: this machine's kernel lacks what the probe
 * needs. `excluded`: by the profile, with its reason.
 */
export type Verdict = "pass" | "fail" | "blocked" | "untestable" | "not applicable" | "excluded";

/** What came of one requirement at one version. */
export interface CaseOutcome {
  readonly requirement: Requirement;
  readonly version: SpecVersion;
  readonly verdict: Verdict;
  /** What the plugin did wrong; or why the probe did not apply, or could not go on. */
  readonly findings: readonly string[];
  /** Shell lines that do by hand what the probe did. */
  readonly script: readonly string[];
  readonly durationMs: number;
}

/** What came of one plugin. */
export interface RunOutcome {
  readonly plugin: string;
  readonly profile: string;
  readonly versions: readonly SpecVersion[];
  readonly cases: readonly CaseOutcome[];
}
