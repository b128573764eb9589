/**
 * How binding a requirement is. `advisory`: the specification has no such sentence, but its authors' own library does so,
 * or users need it. A failed advisory is reported and never fails a run.
 */
export type Level = "MUST" | "SHOULD" | "MAY" | "advisory";

export const levels: readonly Level[] = ["MUST", "SHOULD", "MAY", "advisory"];
/** What a plugin does: it makes an interface, adjusts one, gives addresses, or runs other plugins. */
export type Kind = "interface" | "chained" | "ipam" | "meta";

export const kinds: readonly Kind[] = ["interface", "chained", "ipam", "meta"];
export type SpecVerb = "ADD" | "DEL" | "CHECK" | "STATUS" | "GC" | "VERSION";

/** What a probe needs of the profile. Where the profile lacks it, the requirement is not applicable. */
export type Need =
  /** `{{subnet}}`: how many addresses there are. */
  | "pool"
  /** `{{delegate}}` or `ipam.type`: the plugin that gives the addresses. */
  | "delegate"
  /** `{{list}}`: the plugins that a meta-plugin runs. */
  | "list"
  /** `loss`: commands that take away what the plugin has made, though no result shows it. */
  | "loss"
  /** The plugin runs no other. */
  | "alone";
