import type { Scene } from "./scene.ts";
import type { SpecVersion } from "./versions.ts";
import { type Kind, kinds, type Level, type Need, type SpecVerb } from "./vocabulary.ts";

/** One thing that a plugin has to do, and how to see whether it does (a row of the table in docs/conformance.md). */
export interface Requirement {
  /** `P-` for every plugin, `D-` for those that run others; a letter where one sentence is probed in several ways. */
  readonly id: string;
  readonly level: Level;
  /** The section of SPEC.md 1.1.0. */
  readonly section: string;
  /** The specification's sentence, in short. */
  readonly sentence: string;
  /** What the probe does, and what it expects. */
  readonly title: string;
  readonly operations: readonly SpecVerb[];
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
/** The kinds of plugins that make the interface that CNI_IFNAME names. */
export const makers: readonly Kind[] = ["interface", "meta"];
