import type { ErrorId } from "../../../cni/error-ids.ts";
import { type CniError, failWith } from "../../../cni/errors.ts";
import { isObject, type JsonObject } from "../../../cni/json.ts";
import { textsIn } from "../../../cni/readers.ts";
import type { NetworkConfig } from "../../../cni/types.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import { type MetaConfig, type NetworkSource, orDefault, readFields, timeoutProblem } from "./config.ts";
import { fieldProblems, respell } from "./multus-fields.ts";
import { allAllowed } from "./permissions.ts";

const defaults = { multusNamespace: "kube-system", globalNamespaces: "default" };
/** Multus's own first plugin of an auxiliary chain: it makes the empty result that the others are chained to. */
const passthru = { type: "passthru", name: "passthru-cni" };

/**
 * A configuration in Multus's words (v4.2, the thin plugin) as the one that all stages know. Errors: `config.field`,
 * `config.timeout`, `config.delegates`, `config.auxiliary`.
 */
export function parseMultusConfig(network: NetworkConfig): Outcome<MetaConfig, CniError> {
  const respelled = { ...network, raw: respell(network.raw) };
  const problems = fieldProblems(respelled.raw);
  if (problems.length > 0) return refuse(network, "config.field", problems.join("; "), "");
  const timeout = timeoutProblem(respelled);
  if (timeout !== undefined) return fail(timeout);
  const chosen = chosenNetworks(respelled.raw);
  if (chosen === undefined) {
    const hint = `Name the pod's first network in "delegates" or "clusterNetwork".`;
    return refuse(network, "config.delegates", "there is neither a delegate nor a clusterNetwork", hint);
  }
  const config = translate(respelled, chosen);
  if (isSet(respelled.raw.auxiliaryCNIChainName) && config.auxiliary === undefined) {
    const why = "auxiliaryCNIChainName stands for a folder beside the clusterNetwork, which is no path";
    return refuse(network, "config.auxiliary", why, `Give "clusterNetwork" as the path of a file.`);
  }
  return ok(config);
}

/** The primary alone of a configuration that is wrong somewhere, for a DEL that has nothing else. */
export function salvageMultusConfig(network: NetworkConfig): MetaConfig | undefined {
  const respelled = { ...network, raw: respell(network.raw) };
  const chosen = chosenNetworks(respelled.raw);
  if (chosen === undefined) return undefined;
  return {
    ...translate(respelled, { ...chosen, defaultNetworks: [] }),
    auxiliary: undefined,
    runtimeConfig: {},
  };
}

interface Chosen {
  readonly primary: NetworkSource;
  readonly defaultNetworks: readonly NetworkSource[];
  readonly systemNamespaces: readonly string[];
}

/** With a clusterNetwork the delegates are not looked at (as in Multus). */
function chosenNetworks(raw: JsonObject): Chosen | undefined {
  const { clusterNetwork } = raw;
  if (typeof clusterNetwork === "string" && clusterNetwork !== "") {
    const namespace = orDefault(raw.multusNamespace, defaults.multusNamespace);
    return {
      primary: sourceOf(clusterNetwork, namespace),
      defaultNetworks: (textsIn(raw.defaultNetworks) ?? []).map((name) => sourceOf(name, namespace)),
      systemNamespaces: textsIn(raw.systemNamespaces) ?? [defaults.multusNamespace],
    };
  }
  const delegates = Array.isArray(raw.delegates) ? raw.delegates.filter(isObject) : [];
  const [primary, ...defaultNetworks] = delegates.map(
    (config): NetworkSource => ({ kind: "inline", config }),
  );
  return primary === undefined ? undefined : { primary, defaultNetworks, systemNamespaces: [] };
}

/** Multus takes everything with a slash for a path. */
function sourceOf(network: string, namespace: string): NetworkSource {
  if (network.includes("/")) return { kind: "path", path: network };
  return { kind: "defined", namespace, name: network };
}

function translate(
  network: NetworkConfig,
  { primary, defaultNetworks, systemNamespaces }: Chosen,
): MetaConfig {
  const { raw } = network;
  return {
    ...readFields(network, primary, {
      settings: {
        allowedTypes: ["*"],
        opaqueTypes: ["*"],
        trustedNamespaces: [orDefault(raw.multusNamespace, defaults.multusNamespace)],
        definitionNames: "as-written",
        // What Multus ran goes on running, until the operator chooses otherwise.
        native: "off",
      },
      permissions: allAllowed,
    }),
    dialect: "multus",
    defaultNetworks,
    systemNamespaces,
    networks: [],
    auxiliary: auxiliaryOf(network),
    readinessFile: orDefault(raw.readinessindicatorfile, ""),
    crossNamespace: raw.namespaceIsolation === true ? globalNamespaces(raw) : ["*"],
    unknownKeys: "ignore",
    defaultNetworkNamespace: orDefault(raw.multusNamespace, defaults.multusNamespace),
    result: "primary",
  };
}

function globalNamespaces(raw: JsonObject): string[] {
  return orDefault(raw.globalNamespaces, defaults.globalNamespaces)
    .split(",")
    .map((namespace) => namespace.trim())
    .filter((namespace) => namespace !== "");
}

function auxiliaryOf({ raw, cniVersion }: NetworkConfig): MetaConfig["auxiliary"] {
  const { auxiliaryCNIChainName: name, clusterNetwork } = raw;
  if (typeof name !== "string" || name === "") return undefined;
  if (typeof clusterNetwork !== "string" || !clusterNetwork.includes("/")) return undefined;
  const folder = clusterNetwork.slice(0, clusterNetwork.lastIndexOf("/"));
  return { config: { cniVersion, name, plugins: [passthru] }, folder: `${folder}/${name}` };
}

function isSet(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

function refuse(network: NetworkConfig, id: ErrorId, why: string, hint: string): Outcome<never, CniError> {
  return failWith(
    "invalidConfig",
    id,
    `configuration of network ${JSON.stringify(network.name)} (of type multus): ${why}`,
    `${hint} docs/migrating-from-multus.md lists every field.`.trim(),
  );
}
