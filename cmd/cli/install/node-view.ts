import type { JsonObject } from "../../../cni/json.ts";
import type { RenamedFile } from "../conf-folder.ts";
import type { InstallManifest } from "./manifest.ts";
import type { InstallStep } from "./step.ts";

/** A configuration of the runtime's folder. */
export interface ConfFile {
  readonly file: string;
  readonly text: string;
  readonly mode: number;
}

export type LinkState = "absent" | "ours" | "others" | "no folder";

/** All of the node that an installation depends on, read once. */
export interface NodeView {
  /** By name, as runtimes sort them. */
  readonly confs: readonly ConfFile[];
  /** Beside them those that somebody has renamed. */
  readonly renamed: readonly RenamedFile[];
  readonly manifest: InstallManifest | undefined;
  /** What is where the installation that is there has put a link on root's PATH. */
  readonly madeLink?: LinkState | undefined;
}

/** The same, and what is to be installed. */
export interface InstallView extends NodeView {
  readonly settings: JsonObject;
  /** Empty without --api. */
  readonly credentials: readonly InstallStep[];
  /** What is where a link on root's PATH is wanted; undefined: nowhere. */
  readonly link: LinkState | undefined;
  /** The program that runs now. */
  readonly executable: string;
}
