import type { Profile } from "./profile.ts";
import type { Requirement } from "./requirement.ts";
import { takesDelegate } from "./scene.ts";
import { holesOf } from "./template.ts";
import { isSince, type SpecVersion } from "./versions.ts";
import type { Need } from "./vocabulary.ts";

const reasons: Readonly<Record<Need, string>> = {
  pool: "the configuration has no hole {{subnet}}",
  delegate: "the configuration has neither a hole {{delegate}} nor an ipam.type",
  list: "the profile has no listConfig with a hole {{list}}",
  loss: "the profile does not say how something that no result shows gets lost",
  alone: "the plugin runs others, for which it needs CNI_PATH",
};

/** Why a requirement says nothing about this plugin at this version. */
export function whyNotApplicable(
  requirement: Requirement,
  profile: Profile,
  version: SpecVersion,
): string | undefined {
  const { kinds, since = "0.1.0", until = version, needs = [], operations } = requirement;
  if (!kinds.includes(profile.kind)) return `it is not for plugins of the kind ${profile.kind}`;
  if (!isSince(version, since)) return `it is of ${since}`;
  if (!isSince(until, version)) return `it ends with ${until}`;
  const chained = profile.kind === "chained" && operations.some((verb) => verb !== "VERSION");
  if (chained && !isSince(version, "0.3.0")) return "lists and prevResult are of 0.3.0";
  const missing = needs.find((need) => !isMet(need, profile));
  return missing === undefined ? undefined : reasons[missing];
}

function isMet(need: Need, profile: Profile): boolean {
  switch (need) {
    case "pool":
      return holesOf(profile.config).has("subnet");
    case "delegate":
      return takesDelegate(profile);
    case "list":
      return profile.listConfig !== undefined;
    case "loss":
      return profile.loss !== undefined;
    case "alone":
      return profile.kind !== "meta" && !takesDelegate(profile);
  }
}
