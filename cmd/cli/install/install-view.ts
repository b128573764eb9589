import type { JsonObject } from "../../../cni/json.ts";
import { json } from "../common-options.ts";
import type { RenamedFile } from "../conf-folder.ts";
import { flag, folder, type ValuesOf } from "../option.ts";
import type { InstallManifest, Mode } from "./manifest.ts";
import type { InstallStep } from "./step.ts";

/** Options of install and uninstall. Paths are the node's, as a runtime on it sees them. */
export const placeOptions = {
  /** Where the node's root lies for us: empty on the node itself, a mount in a pod. */
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
  /** Write a kubeconfig of this pod's service account. */
  readonly api: boolean;
  /** Where people find hawser; empty: nowhere; undefined: the usual place, if there is such a folder. */
  readonly link: string | undefined;
  /** Stay, and keep credentials and configuration up to date until asked to stop. */
  readonly stay: boolean;
}

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
