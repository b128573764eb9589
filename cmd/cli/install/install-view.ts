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

/** Everything of the node that an installation depends on. It is read once. */
export interface NodeView {
  /** The configurations, sorted by name as runtimes sort them. */
  readonly confs: readonly ConfFile[];
  /** Configurations of the same folder that somebody has renamed. */
  readonly renamed: readonly RenamedFile[];
  readonly manifest: InstallManifest | undefined;
  /** What is now at the place where the existing installation made its link on root's PATH. */
  readonly madeLink?: LinkState | undefined;
}

/** The view for an installation: the node, and what will be installed. */
export interface InstallView extends NodeView {
  readonly settings: JsonObject;
  /** Empty without --api. */
  readonly credentials: readonly InstallStep[];
  /** What is now at the place of the wanted link on root's PATH. Undefined when no link is wanted. */
  readonly link: LinkState | undefined;
  /** The program that runs now. */
  readonly executable: string;
}
