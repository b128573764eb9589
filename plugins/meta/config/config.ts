import { parseDurationMs } from "../../../cni/duration.ts";
import { type CniError, cniError } from "../../../cni/errors.ts";
import type { JsonObject } from "../../../cni/json.ts";
import type { NetworkConfig } from "../../../cni/types.ts";
import { type Settings, settingsIn } from "./config-fields.ts";
import { completeRules, type Permissions, type RequestRules, safe } from "./permissions.ts";

/** Where a network is found that the operator has chosen. */
export type NetworkSource =
  | { readonly kind: "inline"; readonly config: JsonObject }
  /** A file of confDir, by the network name in it. */
  | { readonly kind: "named"; readonly name: string }
  /** A definition, else a file of confDir by the network name in it. */
  | { readonly kind: "defined"; readonly namespace: string; readonly name: string }
  /** A file, or the first file of a folder. */
  | { readonly kind: "path"; readonly path: string };

/** Who makes the pod's first interface: a plugin before Hawser in the runtime's list (`chained`), or Hawser by a delegate. */
export type Primary = { readonly kind: "chained" } | NetworkSource;

/** A list that goes on in a folder, and is attached last to every pod if there is anything in that folder. */
export interface Auxiliary {
  readonly config: JsonObject;
  readonly folder: string;
}

/** The fields that every verb needs, even a DEL with a broken configuration. */
export interface MetaTeardown {
  readonly stateDir: string;
  readonly binDir: string;
  readonly confDir: string;
  /** The time for all delegates of one operation together. */
  readonly timeoutMs: number;
}

/** The settings, and what follows from them or from the dialect. */
export interface MetaConfig extends MetaTeardown, Omit<Settings, "requests" | "result" | "runtimeConfig"> {
  readonly network: NetworkConfig;
  /** The dialect of the configuration. Multus's fields come here translated (`multus.ts`). */
  readonly dialect: "hawser" | "multus";
  readonly primary: Primary;
  /** Attached to every pod but those of `systemNamespaces`, before `networks`. */
  readonly defaultNetworks: readonly NetworkSource[];
  readonly systemNamespaces: readonly string[];
  readonly auxiliary: Auxiliary | undefined;
  /** The file that must be there before anything is attached; none when empty. */
  readonly readinessFile: string;
  readonly requests: RequestRules;
  /** The namespace of a default-network annotation that names none; empty: the pod's. */
  readonly defaultNetworkNamespace: string;
  readonly result: "merged" | "primary";
  readonly runtimeConfig: JsonObject;
}

const defaultTimeout = "210s";
const defaultTimeoutMs = 210_000;
const multusPlaces = { binDir: "/opt/cni/bin", confDir: "/etc/cni/multus/net.d" };

/** The type of configurations in Multus's words. */
export const multusType = "multus";

/** The values of a dialect for fields that a configuration does not give. */
interface Unsaid {
  /** The settings that have another default than the table's. */
  readonly settings: Partial<Settings>;
  readonly permissions: Permissions;
}

/** Reads the fields that are right; the others are as when nothing is said. */
export function readFields(
  network: NetworkConfig,
  primary: Primary,
  unsaid: Unsaid = { settings: {}, permissions: safe },
): MetaConfig {
  const settings = settingsIn(network.raw, unsaid.settings);
  return {
    ...settings,
    ...metaTeardown(network),
    network,
    dialect: "hawser",
    primary,
    defaultNetworks: [],
    systemNamespaces: [],
    auxiliary: undefined,
    readinessFile: "",
    requests: completeRules(settings.requests, unsaid.permissions),
    defaultNetworkNamespace: "",
    result: settings.result ?? resultOf(primary),
  };
}

/**
 * When chained, the primary's result: runtimes CHECK the plugins before us with the final result, and the reference plugins
 * then look for every address of it on their own interface.
 */
function resultOf({ kind }: Primary): MetaConfig["result"] {
  return kind === "chained" ? "primary" : "merged";
}

/** The few fields that finding and undoing an attachment takes; a mistake, even in one of them, does not hide a record. */
export function metaTeardown({ raw, type }: NetworkConfig): MetaTeardown {
  const { stateDir, binDir, confDir } = settingsIn(raw, type === multusType ? multusPlaces : {});
  const timeoutMs = parseDurationMs(orDefault(raw.timeout, defaultTimeout)) || defaultTimeoutMs;
  return { stateDir, binDir, confDir, timeoutMs };
}

/** Why `timeout` is no duration. Errors: `config.timeout`. */
export function timeoutProblem({ raw, name }: NetworkConfig): CniError | undefined {
  const timeout = orDefault(raw.timeout, defaultTimeout);
  const timeoutMs = parseDurationMs(timeout);
  if (timeoutMs !== undefined && timeoutMs > 0) return undefined;
  const msg = `configuration of network ${JSON.stringify(name)}: timeout ${JSON.stringify(timeout)} is no duration`;
  return cniError("invalidConfig", "config.timeout", msg, `Write it like "90s" or "3m30s".`);
}

export function orDefault(value: unknown, fallback: string): string {
  return typeof value === "string" && value !== "" ? value : fallback;
}

/** Why an ADD would refuse this place in the list; the plugin says the same with the same ids. */
export function placementProblem({ primary, prevResult, network }: MetaConfig): CniError | undefined {
  const doing = `ADD of network ${JSON.stringify(network.name)}`;
  if (primary.kind === "chained" && prevResult === undefined) {
    return cniError(
      "invalidConfig",
      "config.no-primary",
      `${doing}: hawser has neither a delegate nor a plugin before it`,
      `Name the pod's primary network in "delegate", or put hawser behind its plugin in the list.`,
    );
  }
  if (primary.kind !== "chained" && prevResult !== undefined) {
    return cniError(
      "invalidConfig",
      "config.two-primaries",
      `${doing}: there are both a delegate and a prevResult, so a plugin stands before hawser`,
      `Behind another plugin in a list, leave "delegate" out.`,
    );
  }
  return undefined;
}
