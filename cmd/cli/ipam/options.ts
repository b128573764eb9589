import type { TargetOptions } from "./target-options.ts";

export interface AddressOptions extends TargetOptions {
  readonly address: string;
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
