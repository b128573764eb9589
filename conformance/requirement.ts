import type { Scene } from "./scene.ts";
import type { SpecVersion } from "./versions.ts";

/**
 * How binding a sentence is. `advisory`: no sentence of the specification, but what its authors' own library does or
 * what users need; it is reported and never fails a run.
 */
export type Level = "MUST" | "SHOULD" | "MAY" | "advisory";
export const levels: readonly Level[] = ["MUST", "SHOULD", "MAY", "advisory"];

/** What a plugin is for: makes an interface, adjusts one, hands out addresses, or runs other plugins. */
export type Kind = "interface" | "chained" | "ipam" | "meta";
export const kinds: readonly Kind[] = ["interface", "chained", "ipam", "meta"];

export type Verb = "ADD" | "DEL" | "CHECK" | "STATUS" | "GC" | "VERSION";

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

/** One thing that a plugin has to do, and how to see whether it does (a row of the table in docs/conformance.md). */
export interface Requirement {
  /** `P-` for every plugin, `D-` for those that run others; a letter where one sentence is probed in several ways. */
  readonly id: string;
  readonly level: Level;
  /** Of SPEC.md 1.1.0. */
  readonly section: string;
  /** The specification's sentence, in short. */
  readonly sentence: string;
  /** What is done and expected. */
  readonly title: string;
  readonly operations: readonly Verb[];
  /** The first version that has what is probed. */
  readonly since?: SpecVersion;
  /** The last version that has what is probed. */
  readonly until?: SpecVersion;
  readonly kinds: readonly Kind[];
  readonly needs?: readonly Need[];
  /** Where the specification contradicts itself: how this suite settles it. */
  readonly settled?: string;
  readonly probe: (scene: Scene) => Promise<void>;
}

export const everyKind = kinds;
/** Those that make the interface that they are asked for. */
export const makers: readonly Kind[] = ["interface", "meta"];
