import type { Outcome } from "../sys/outcome.ts";
import type { Sys } from "../sys/sys.ts";
import type { Environment } from "./environment.ts";
import type { CniError } from "./errors.ts";
import type { CniResult, NetworkConfig } from "./types.ts";
import type { Version } from "./version.ts";

/** The environment and the configuration that a verb is called with, parsed and validated. */
export interface Invocation {
  readonly environment: Environment;
  readonly config: NetworkConfig;
}

/** A verb that changes or inspects something and has nothing to print when all is well. */
export type SilentVerb = (sys: Sys, invocation: Invocation) => Promise<Outcome<void, CniError>>;

/** A CNI plugin as `cmd/serve` runs it. `serve` has gated the version, so a verb is only called where it exists. */
export interface Plugin {
  /** One line for people. */
  readonly about: string;
  readonly versions: readonly Version[];
  /** The result in the shape of 1.1.0; `serve` converts it to the version asked for. */
  readonly add: (sys: Sys, invocation: Invocation) => Promise<Outcome<CniResult, CniError>>;
  readonly del: SilentVerb;
  readonly check: SilentVerb;
  readonly status: SilentVerb;
  readonly gc: SilentVerb;
}
