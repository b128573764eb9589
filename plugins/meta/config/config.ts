import { parseDurationMs } from "../../../cni/duration.ts";
import { type CniError, cniError } from "../../../cni/errors.ts";
import { isObject, type JsonObject } from "../../../cni/json.ts";
import type { NetworkConfig } from "../../../cni/types.ts";
import { type RequestRules, readRequestRules, safe } from "./permissions.ts";

/** Where a network is found that the operator has chosen. */
export type NetworkSource =
  | { readonly kind: "inline"; readonly config: JsonObject }
  /** A file of confDir, by the network name in it. */
  | { readonly kind: "named"; readonly name: string }
  /** A definition, else a file of confDir by the network name in it. */
  | { readonly kind: "defined"; readonly namespace: string; readonly name: string }
  /** A file, or the first file of a folder. */
  | { readonly kind: "path"; readonly path: string };

/** Who makes the pod's first interface: a plugin before us in the runtime's list, so that we only add, or one of ours. */
export type Primary = { readonly kind: "chained" } | NetworkSource;

/** A list that goes on in a folder, and is attached last to every pod if there is anything in that folder. */
export interface Auxiliary {
  readonly config: JsonObject;
  readonly folder: string;
}

/** What every verb needs, DEL with a broken configuration included. */
export interface MetaPlaces {
  readonly stateDir: string;
  readonly binDir: string;
  readonly confDir: string;
  /** For all delegates of one operation together. */
  readonly timeoutMs: number;
}

export interface MetaConfig extends MetaPlaces {
  readonly network: NetworkConfig;
  /** Whose words the configuration is written in. Multus's fields come here translated (`multus.ts`). */
  readonly dialect: "hawser" | "multus";
  readonly primary: Primary;
  /** Attached to every pod but those of `systemNamespaces`, before `networks`. */
  readonly defaultNetworks: readonly NetworkSource[];
  readonly systemNamespaces: readonly string[];
  readonly networks: readonly string[];
  readonly auxiliary: Auxiliary | undefined;
  /** A file without which nothing is attached yet; none when empty. */
  readonly readinessFile: string;
  readonly definitionsDir: string;
  /** Where the Kubernetes API is: nowhere (empty), by the pod's own account (`in-cluster`), or as this file says. */
  readonly kubeconfig: string;
  /** Whether the pod's network status is written there, and whether the pod may start without it. */
  readonly status: "sync" | "required" | "off";
  /** Namespaces whose definitions any pod may use, besides its own; `*`: all. */
  readonly crossNamespace: readonly string[];
  /** What is done with a key of the annotation that there is not. */
  readonly unknownKeys: "refuse" | "ignore";
  readonly requests: RequestRules;
  /** The plugins that may run for a definition; undefined: any for those on disk, a list of ours for those of the API. */
  readonly allowedTypes: readonly string[] | undefined;
  /** The same of IPAM plugins; undefined: those of `allowedTypes` that are such, else as there. */
  readonly allowedIpamTypes: readonly string[] | undefined;
  /** Types whose fields a tenant's definition hands on as it has them; `*`: all that no schema is known of. */
  readonly opaqueTypes: readonly string[];
  /** Namespaces whose definitions in the API are the operator's own text. */
  readonly trustedNamespaces: readonly string[];
  /** Whether the name that plugins keep state under carries the namespace of a tenant's definition. */
  readonly definitionNames: "namespaced" | "as-written";
  /** The file of what the operator gives to namespaces. */
  readonly resources: string;
  /** Of a default-network annotation that names none; empty: the pod's. */
  readonly defaultNetworkNamespace: string;
  /** The kubelet's folder: its pod-resources socket and its checkpoint lie below it. */
  readonly kubeletDir: string;
  /** Where device plugins and CNI plugins tell of devices. */
  readonly deviceInfoDir: string;
  readonly result: "merged" | "primary";
  readonly parallel: boolean;
  readonly runtimeConfig: JsonObject;
  readonly prevResult: JsonObject | undefined;
}

const defaults = {
  definitionsDir: "/etc/cni/hawser/net.d",
  confDir: "/etc/cni/net.d",
  binDir: "",
  stateDir: "/var/lib/cni/hawser",
  /** The kubelet gives a sandbox 4 minutes; we must have undone a failure before it stops waiting. */
  timeout: "210s",
  crossNamespace: ["default"],
  trustedNamespaces: ["kube-system"],
  resources: "/etc/cni/hawser/resources.json",
  kubeletDir: "/var/lib/kubelet",
  deviceInfoDir: "/var/run/k8s.cni.cncf.io/devinfo",
};
const defaultTimeoutMs = 210_000;
const multusPlaces = { binDir: "/opt/cni/bin", confDir: "/etc/cni/multus/net.d" };

/** The type of configurations in Multus's words. */
export const multusType = "multus";

/** Fields that are valid, the others by their defaults. */
export function readFields(network: NetworkConfig, primary: Primary): MetaConfig {
  const { raw } = network;
  return {
    ...metaPlaces(network),
    network,
    dialect: "hawser",
    primary,
    defaultNetworks: [],
    systemNamespaces: [],
    auxiliary: undefined,
    readinessFile: "",
    networks: texts(raw.networks) ?? [],
    definitionsDir: orDefault(raw.definitionsDir, defaults.definitionsDir),
    kubeconfig: orDefault(raw.kubeconfig, ""),
    status: raw.status === "required" || raw.status === "off" ? raw.status : "sync",
    crossNamespace: texts(raw.crossNamespace) ?? defaults.crossNamespace,
    unknownKeys: raw.unknownKeys === "ignore" ? "ignore" : "refuse",
    requests: readRequestRules(raw.requests, safe),
    allowedTypes: texts(raw.allowedTypes),
    allowedIpamTypes: texts(raw.allowedIpamTypes),
    opaqueTypes: texts(raw.opaqueTypes) ?? [],
    trustedNamespaces: texts(raw.trustedNamespaces) ?? defaults.trustedNamespaces,
    definitionNames: raw.definitionNames === "as-written" ? "as-written" : "namespaced",
    resources: orDefault(raw.resources, defaults.resources),
    defaultNetworkNamespace: "",
    kubeletDir: orDefault(raw.kubeletDir, defaults.kubeletDir),
    deviceInfoDir: orDefault(raw.deviceInfoDir, defaults.deviceInfoDir),
    result: reportOf(raw.result, primary),
    parallel: raw.parallel === true,
    runtimeConfig: isObject(raw.runtimeConfig) ? raw.runtimeConfig : {},
    prevResult: isObject(raw.prevResult) ? raw.prevResult : undefined,
  };
}

/**
 * When chained, the primary's result unless asked otherwise: runtimes CHECK the plugins before us with the final result, and
 * the reference plugins then look for every address of it on their own interface.
 */
function reportOf(value: unknown, primary: Primary): MetaConfig["result"] {
  if (value === "merged" || value === "primary") return value;
  return primary.kind === "chained" ? "primary" : "merged";
}

export function texts(value: unknown): string[] | undefined {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : undefined;
}

/** The few fields that finding and undoing an attachment takes; a mistake, even in one of them, does not hide a record. */
export function metaPlaces({ raw, type }: NetworkConfig): MetaPlaces {
  const { binDir, confDir } = type === multusType ? multusPlaces : defaults;
  return {
    stateDir: orDefault(raw.stateDir, defaults.stateDir),
    binDir: orDefault(raw.binDir, binDir),
    confDir: orDefault(raw.confDir, confDir),
    timeoutMs: parseDurationMs(orDefault(raw.timeout, defaults.timeout)) || defaultTimeoutMs,
  };
}

/** Why `timeout` is none. Errors: `config.timeout`. */
export function timeoutProblem({ raw, name }: NetworkConfig): CniError | undefined {
  const timeout = orDefault(raw.timeout, defaults.timeout);
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
