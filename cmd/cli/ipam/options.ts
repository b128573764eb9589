/** What a person asked for under `hawser ipam`, as the command line says it. */
export type IpamAction =
  | ({ readonly action: "show" } & ShowOptions)
  | ({ readonly action: "map" } & MapOptions)
  | ({ readonly action: "list" } & ListOptions)
  | ({ readonly action: "why" } & AddressOptions)
  | ({ readonly action: "predict" } & PredictOptions)
  | ({ readonly action: "reserve" } & ReserveOptions)
  | ({ readonly action: "unreserve" } & AddressOptions)
  | ({ readonly action: "release" } & ReleaseOptions)
  | ({ readonly action: "check" } & CheckOptions)
  | ({ readonly action: "export" } & ExportOptions)
  | ({ readonly action: "import" } & ImportOptions);

/** Which pool of which store. Without `config`, `etcd` and `dir` the node's own configurations tell. */
export interface TargetOptions {
  readonly config: string | undefined;
  readonly pool: string | undefined;
  /** Endpoints, separated by commas. */
  readonly etcd: string | undefined;
  readonly etcdPrefix: string | undefined;
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly username: string | undefined;
  readonly passwordFile: string | undefined;
  readonly dir: string | undefined;
  readonly confDir: string;
  readonly definitionsDir: string;
  readonly json: boolean;
}

export interface ShowOptions extends TargetOptions {
  /** All groups, not only the largest. */
  readonly all: boolean;
}

export interface MapOptions extends TargetOptions {
  readonly svg: string | undefined;
  /** A part of the pool, as a CIDR. */
  readonly within: string | undefined;
}

export interface ListOptions extends TargetOptions {
  readonly state: string | undefined;
  readonly node: string | undefined;
  readonly namespace: string | undefined;
}

export interface AddressOptions extends TargetOptions {
  readonly address: string;
}

export interface PredictOptions extends TargetOptions {
  /** `namespace/pod/interface`. */
  readonly identity: string;
}

export interface ReserveOptions extends TargetOptions {
  /** One, or one of each range set. */
  readonly addresses: readonly string[];
  readonly for: string | undefined;
}

export interface ReleaseOptions extends AddressOptions {
  readonly yes: boolean;
  readonly force: boolean;
}

export interface CheckOptions extends TargetOptions {
  readonly stateDir: string;
  /** A file with the runtime's list: `[{"containerID": "...", "ifname": "..."}]`. */
  readonly valid: string | undefined;
  /** The name under which this node has claimed, when it was called otherwise. */
  readonly node: string | undefined;
  readonly repair: boolean;
  readonly yes: boolean;
}

export interface ExportOptions extends TargetOptions {
  readonly output: string | undefined;
}

export interface ImportOptions extends TargetOptions {
  /** A file, or a data folder of host-local. */
  readonly source: string;
  /** The interface of addresses whose source does not name one. */
  readonly ifname: string;
  readonly hold: string;
  /** The runtime's folder of results, which tell whose a container is. */
  readonly results: string;
  readonly dryRun: boolean;
  readonly yes: boolean;
}
