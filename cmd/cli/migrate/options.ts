/** What a person asked for under `hawser migrate multus`. */
export interface MigrateOptions {
  /** Multus's configuration; undefined: the first of `confDir` that has it. */
  readonly config: string | undefined;
  readonly confDir: string;
  /** The daemon's own configuration, of a thick Multus. */
  readonly daemonConfig: string | undefined;
  /** Multus's cache; undefined: where its configuration says. */
  readonly cniDir: string | undefined;
  /** The runtime's cache (libcni), for the interface's name and the namespace. */
  readonly results: string;
  readonly stateDir: string;
  /** A file of kubectl's with the definitions of the cluster. */
  readonly clusterDefinitions: string | undefined;
  readonly takeOver: boolean;
  /** Also what belongs to a namespace that is gone. */
  readonly all: boolean;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}
