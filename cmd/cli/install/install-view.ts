import type { JsonObject } from "../../../cni/json.ts";
import { json } from "../common-options.ts";
import type { RenamedFile } from "../conf-folder.ts";
import { flag, folder, type ValuesOf } from "../option.ts";
import type { InstallManifest, Mode } from "./manifest.ts";
import type { InstallStep } from "./step.ts";

/** Options of install and uninstall. Paths are the node's, as a runtime on it sees them. */
export const placeOptions = {
  /** The path of the node's root for this process: empty on the node itself, a mount in a pod. */
  root: folder("where the node's root is mounted, if not at /"),
  ownDir: folder("for definitions, credentials and a note", { default: "/etc/cni/hawser" }),
  dryRun: flag("say what would be done, and do nothing"),
  json,
};
export type PlaceOptions = ValuesOf<typeof placeOptions>;

/** What a person, or the DaemonSet's pod, wants to be installed. */
export interface InstallOptions extends PlaceOptions {
  readonly binDir: string;
  readonly confDir: string;
  readonly mode: Mode;
  /** The primary's file in confDir; undefined: the first by name. */
  readonly primary: string | undefined;
  /** A file with fields for hawser's part of the configuration, as a JSON object. */
  readonly settings: string | undefined;
  /** Whether to write a kubeconfig of this pod's service account. */
  readonly api: boolean;
  /**
   * The link by which people find hawser. Empty: no link. Undefined: a link at the usual place, if its folder exists.
   */
  readonly link: string | undefined;
  /** Whether to keep running, and to keep credentials and configuration up to date. */
  readonly stay: boolean;
}

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
