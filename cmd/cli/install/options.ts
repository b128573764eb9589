/** What a person, or the DaemonSet's pod, asked for. Paths are the node's, as a runtime on it sees them. */
export interface PlaceOptions {
  /** Where the node's root lies for us: empty on the node itself, a mount in a pod. */
  readonly root: string;
  /** For what is hawser's own: definitions, credentials, what uninstall has to know. */
  readonly ownDir: string;
  readonly dryRun: boolean;
  readonly json: boolean;
}

export interface InstallOptions extends PlaceOptions {
  readonly binDir: string;
  readonly confDir: string;
  /** `owner`: hawser is the network and calls the primary; `chained`: it stands last in the primary's list. */
  readonly mode: Mode;
  /** The primary's file in confDir; undefined: the first by name. */
  readonly primary: string | undefined;
  /** A file with fields for hawser's part of the configuration, as a JSON object. */
  readonly settings: string | undefined;
  /** Write a kubeconfig of this pod's service account. */
  readonly api: boolean;
  /** Where people find hawser; empty: nowhere; undefined: the usual place, if there is such a folder. */
  readonly link?: string | undefined;
  /** Stay, and keep credentials and configuration up to date until asked to stop. */
  readonly stay: boolean;
}

export interface UninstallOptions extends PlaceOptions {
  readonly stateDir: string;
  /** Although containers are attached. */
  readonly force: boolean;
  /** For nothing to be attached any more. */
  readonly waitMs?: number | undefined;
}

export type Mode = "owner" | "chained";
