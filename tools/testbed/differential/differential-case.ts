/** One configuration that the reference plugin and ours are called with, each in fresh namespaces. */
export interface DifferentialCase {
  /** What it tries, unique among the plugin's cases. */
  readonly name: string;
  /** The plugin's configuration. `{{netns}}` is the path of the container's namespace, `{{state}}` a folder of the side's own. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly ifname?: string;
  /** CNI_ARGS. */
  readonly args?: string;
  /** Commands that prepare the namespaces: `$H` and `$C` are their names. */
  readonly host?: readonly string[];
  readonly container?: readonly string[];
}

export interface PluginCases {
  /** The executable's name, which is the `type`, too. */
  readonly plugin: string;
  readonly cases: readonly DifferentialCase[];
}

/** Both sides of a comparison: the folder that the plugin and its IPAM plugins are in. */
export interface BothFolders {
  readonly reference: string;
  readonly ours: string;
}

/** A place where both differ, in one case. */
export interface CaseDifference {
  readonly plugin: string;
  readonly case: string;
  /** `add.state.host.links.cni0.mtu`. */
  readonly path: string;
  readonly reference: unknown;
  readonly ours: unknown;
}

/** Why ours may differ from the reference plugin, and where. */
export interface KnownDifference {
  /** The plugins that it is about. */
  readonly plugins: readonly string[];
  /** What the case's text has (its name, configuration and arguments). */
  readonly when?: RegExp;
  readonly path: RegExp;
  /** Only if neither plugin's ADD has succeeded. */
  readonly bothFail?: true;
  readonly reason: string;
}
