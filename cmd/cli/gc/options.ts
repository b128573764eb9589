/** What `hawser gc` was asked for. */
export interface GcOptions {
  /** Where the runtime finds its configuration; `config` names one file instead. */
  readonly confDir: string;
  readonly config: string | undefined;
  readonly pluginDirs: readonly string[];
  /** A list of what lives, `-` for stdin; undefined: the runtime is asked. */
  readonly valid: string | undefined;
  /** The runtime's socket; undefined: the one that is there. */
  readonly cri: string | undefined;
  /** What is younger may be starting. Undefined: as the list's source has it. */
  readonly minAgeMs: number | undefined;
  /** Although the list is empty. */
  readonly noneValid: boolean;
  readonly dryRun: boolean;
  readonly json: boolean;
}
