import type { RuntimeConf } from "../../cni/delegate.ts";
import type { CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { NetworkConfig } from "../../cni/types.ts";
import type { KubeClient } from "../../kube/client.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { type MetaConfig, placementProblem } from "./config/config.ts";
import { parseMetaConfig } from "./config/parse.ts";
import { runtimeConfOf } from "./execute/runtime-conf.ts";
import { openApi } from "./observe/api.ts";
import type { DeviceMode } from "./observe/devices.ts";
import { awaitReadiness } from "./observe/readiness.ts";
import { type Prepared, prepare } from "./prepare.ts";

/** In what an ADD and `hawser explain` differ while they plan. */
export interface AddMode {
  /** Whether the file is waited for by which the primary network says that it is ready. */
  readonly readiness: "awaited" | "ignored";
  readonly devices: DeviceMode;
}

/** A runtime's ADD: it waits for the primary network, and a network without its device is an error. */
export const runtimesAdd: AddMode = { readiness: "awaited", devices: "required" };

/** A person's question, perhaps on another machine than the node. */
export const personsQuestion: AddMode = { readiness: "ignored", devices: "known" };

/** An ADD before its first effect, with what it has opened and decided on the way. */
export interface PlannedAdd {
  readonly config: MetaConfig;
  readonly prepared: Prepared;
  readonly runtimeConf: RuntimeConf;
  readonly api: KubeClient | undefined;
}

/**
 * The configuration, if an ADD takes it where it stands in the runtime's list. The command line asks the same before it
 * looks at anything else. Errors: those of `parseMetaConfig` and `placementProblem`.
 */
export async function acceptConfig(network: NetworkConfig): Promise<Outcome<MetaConfig, CniError>> {
  const config = await parseMetaConfig(network);
  if (!config.ok) return config;
  const misplaced = placementProblem(config.value);
  return misplaced === undefined ? config : fail(misplaced);
}

/**
 * All that an ADD refuses or decides before its first effect, but for whether the executables are there. `hawser explain`
 * calls it too, so whatever is refused here is refused there in the same words. `config` is what `acceptConfig` gave.
 */
export async function planAdd(
  sys: Sys,
  config: MetaConfig,
  invocation: Invocation,
  { readiness, devices }: AddMode,
): Promise<Outcome<PlannedAdd, CniError>> {
  // The time of all delegates counts from here: what is waited for must not add to what the kubelet waits.
  const runtimeConf = runtimeConfOf(sys, invocation.environment, config);
  const { deadlineMs } = runtimeConf;
  const ready = readiness === "awaited" ? await awaitReadiness(sys, config, deadlineMs) : ok(undefined);
  if (!ready.ok) return ready;
  const api = await openApi(sys, config, invocation.environment, deadlineMs);
  const prepared = await prepare(sys, config, invocation, api, devices);
  return prepared.ok ? ok({ config, prepared: prepared.value, runtimeConf, api }) : prepared;
}
