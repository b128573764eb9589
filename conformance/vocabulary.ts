/**
 * How binding a sentence is. `advisory`: no sentence of the specification, but what its authors' own library does or
 * what users need; it is reported and never fails a run.
 */
export type Level = "MUST" | "SHOULD" | "MAY" | "advisory";

export const levels: readonly Level[] = ["MUST", "SHOULD", "MAY", "advisory"];
/** What a plugin is for: makes an interface, adjusts one, hands out addresses, or runs other plugins. */
export type Kind = "interface" | "chained" | "ipam" | "meta";

export const kinds: readonly Kind[] = ["interface", "chained", "ipam", "meta"];
export type SpecVerb = "ADD" | "DEL" | "CHECK" | "STATUS" | "GC" | "VERSION";

/** What a probe needs the configuration to let it vary; without it the requirement is not applicable. */
export type Need =
  /** `{{subnet}}`: how many addresses there are. */
  | "pool"
  /** `{{delegate}}` or `ipam.type`: who is run for addresses. */
  | "delegate"
  /** `{{list}}`: the plugins that a meta-plugin runs. */
  | "list"
  /** The profile says how something that no result shows gets lost. */
  | "loss"
  /** The plugin runs no other. */
  | "alone";
