import type { GcOptions } from "./gc/options.ts";
import type { InstallOptions, UninstallOptions } from "./install/options.ts";
import type { IpamAction } from "./ipam/options.ts";
import type { MigrateOptions } from "./migrate/options.ts";

/** What a person asked for, as the command line says it. */
export type Command =
  | ({ readonly kind: "explain" } & ExplainOptions)
  | ({ readonly kind: "attachments" } & AttachmentsOptions)
  | ({ readonly kind: "show" } & ShowOptions)
  | ({ readonly kind: "doctor" } & DoctorOptions)
  | { readonly kind: "gc"; readonly gc: GcOptions }
  | { readonly kind: "ipam"; readonly ipam: IpamAction }
  | { readonly kind: "migrate"; readonly migrate: MigrateOptions }
  | { readonly kind: "install"; readonly install: InstallOptions }
  | { readonly kind: "uninstall"; readonly uninstall: UninstallOptions };

export interface ExplainOptions {
  readonly config: string;
  /** A JSON object of annotations, or the text of the networks annotation. */
  readonly annotations: string | undefined;
  readonly pod: string | undefined;
  readonly namespace: string | undefined;
  readonly podName: string | undefined;
  readonly ifname: string;
  readonly prevResult: string | undefined;
  /** Folders in place of the configuration's own. */
  readonly definitions: string | undefined;
  readonly confDir: string | undefined;
  readonly json: boolean;
}

export interface AttachmentsOptions {
  readonly stateDir: string;
  readonly json: boolean;
  /** Container IDs alone, each once. */
  readonly quiet: boolean;
  /** Until nothing is attached any more; undefined: not at all. */
  readonly waitMs: number | undefined;
}

export interface ShowOptions {
  readonly stateDir: string;
  readonly json: boolean;
  /** A container ID or its beginning. */
  readonly container: string;
}

export interface DoctorOptions {
  readonly config: string | undefined;
  readonly confDir: string;
  readonly pluginDirs: readonly string[];
  /** A file of kubectl's with the definitions of the cluster. */
  readonly clusterDefinitions: string | undefined;
  /** Only whether `hawser install` has put everything in its place. */
  readonly ready: boolean;
  /** As for `hawser install`. */
  readonly root: string;
  readonly ownDir: string;
  readonly json: boolean;
}
