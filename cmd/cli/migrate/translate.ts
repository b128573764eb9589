import { isName } from "../../../cni/environment.ts";
import { isObject, type JsonObject, printJson, without } from "../../../cni/json.ts";
import { type Definition, findByNetworkName } from "../../../kube/definition-files.ts";
import { shortNameProblem } from "../../../kube/names.ts";
import { podAnnotationsCapability } from "../../../kube/pod.ts";
import type { MetaConfig } from "../../../plugins/meta/config/config.ts";
import { idleFields, isOurs } from "../../../plugins/meta/config/multus-fields.ts";
import { findOnNode } from "../../../plugins/meta/observe/observe.ts";
import {
  defaultNetworks,
  type FoundNetwork,
  type OperatorsChoice,
  primaryOf,
} from "../../../plugins/meta/observe/wanted.ts";
import type { Sys } from "../../../sys/sys.ts";
import { callsType } from "../conf-folder.ts";
import { metaPluginIn } from "../meta-plugins.ts";
import type { FoundMultus } from "./find-multus.ts";

/** A configuration of hawser's that replaces Multus's. */
export interface Translation {
  /** Hawser's own part of the configuration. */
  readonly own: JsonObject;
  /** The new content of Multus's file. */
  readonly configuration: JsonObject;
  /** Definitions that must be written besides. */
  readonly definitions: readonly { readonly path: string; readonly content: JsonObject }[];
  /** What changes for pods or operators, each with Multus's field. */
  readonly changes: readonly FieldChange[];
}

export interface FieldChange {
  readonly field: string;
  readonly what: string;
}

/** Translates Multus's configuration into hawser's fields, as far as hawser has them. Reads only. */
export async function translate(sys: Sys, found: FoundMultus, config: MetaConfig): Promise<Translation> {
  const primary = await translatePrimary(sys, config);
  const defaults = await defaultNetworksOf(sys, config);
  const { plugin } = found;
  const capabilities = isObject(plugin.capabilities) ? plugin.capabilities : {};
  const own: JsonObject = {
    cniVersion: config.network.cniVersion,
    name: config.network.name,
    type: "hawser",
    capabilities: { ...capabilities, [podAnnotationsCapability]: true },
    ...primary.fields,
    ...(defaults.networks.length > 0 && { networks: defaults.networks }),
    ...(config.kubeconfig !== "" && { kubeconfig: config.kubeconfig }),
    ...Object.fromEntries(Object.entries(plugin).filter(([field]) => isOurs(field))),
    binDir: config.binDir,
    result: "primary",
    crossNamespace: [...config.crossNamespace],
    unknownKeys: "ignore",
    requests: { deviceID: "allow", cniArgs: "allow" },
    allowedTypes: ["*"],
    // As with Multus, unknown plugins keep their fields, and networks keep the names under which running pods have
    // their addresses.
    opaqueTypes: [...config.opaqueTypes],
    definitionNames: config.definitionNames,
    trustedNamespaces: [...config.trustedNamespaces],
  };
  return {
    own,
    configuration: inPlace(found.document, own),
    definitions: defaults.definitions,
    changes: [...primary.changes, ...defaults.changes, ...changesOf(found, config)],
  };
}

/** In a list the plugins around Multus stay. */
function inPlace(document: JsonObject, own: JsonObject): JsonObject {
  if (!Array.isArray(document.plugins)) return own;
  const plugins = document.plugins.map((plugin) =>
    isObject(plugin) && (plugin.type === "multus" || plugin.type === "multus-shim")
      ? without(own, "cniVersion", "name")
      : plugin,
  );
  return { ...document, plugins };
}

async function translatePrimary(
  sys: Sys,
  config: MetaConfig,
): Promise<{ fields: JsonObject; changes: readonly FieldChange[] }> {
  const { primary } = config;
  if (primary.kind === "inline") {
    return {
      fields: { delegate: primary.config },
      changes: metaChanges("delegates[0]", primary.config),
    };
  }
  if (primary.kind === "chained") return { fields: {}, changes: [] };
  const field = "clusterNetwork";
  const [wanted] = await findOnNode(sys, config, primaryOf(config));
  if (wanted?.lookup.kind !== "found") {
    const why = wanted?.lookup.kind === "failed" ? wanted.lookup.error.msg : "its definition is the API's";
    const what = `it is not on this node (${why}): put its configuration into "delegate"`;
    return { fields: { delegate: {} }, changes: [{ field, what }] };
  }
  const { source, config: content } = wanted.lookup.definition;
  const folder = source.slice(0, source.lastIndexOf("/"));
  const meta = metaChanges(field, content);
  if (primary.kind === "path" && typeof content.name === "string" && isName(content.name)) {
    const first = firstOfName(sys, folder, content.name);
    if (first === source) {
      const what = `it is found in ${folder} by its network's name, so that its agent may write it anew`;
      const fields = { delegate: { name: content.name }, confDir: folder };
      return { fields, changes: [{ field, what }, ...meta] };
    }
    const what = `the configuration of ${source} is copied, for by its network's name ${first} would be found; it no longer follows the original`;
    return { fields: { delegate: content }, changes: [{ field, what }, ...meta] };
  }
  const what = `the configuration of ${source} is copied: it no longer follows the original`;
  return { fields: { delegate: content }, changes: [{ field, what }, ...meta] };
}

/** Finds the file that hawser would take for the network of this name. It may be Multus's own. */
function firstOfName(sys: Sys, folder: string, name: string): string | undefined {
  const found = findByNetworkName(sys, folder, name, (config) => !callsType(config, "hawser"));
  return found.ok ? found.value.source : undefined;
}

function metaChanges(field: string, primary: JsonObject): FieldChange[] {
  const meta = metaPluginIn(primary);
  if (meta === undefined) return [];
  const { type, owner } = meta;
  const what = `its plugin ${type} is ${owner}'s, which attaches a pod's networks itself: each would be attached twice. Name the cluster's own network`;
  return [{ field, what }];
}

interface DefaultNetworks {
  readonly networks: string[];
  readonly definitions: { path: string; content: JsonObject }[];
  readonly changes: FieldChange[];
}

/**
 * Translates the networks of every pod. One with a definition is named by it. For any other a definition must be
 * written.
 */
async function defaultNetworksOf(sys: Sys, config: MetaConfig): Promise<DefaultNetworks> {
  const all: DefaultNetworks = { networks: [], definitions: [], changes: [] };
  for (const { choice, lookup } of await findOnNode(sys, config, defaultNetworks(config))) {
    if (choice === undefined) continue;
    const { field, source } = choice;
    const isDotted = source.kind === "defined" && shortNameProblem(source.name) !== undefined;
    if (lookup.kind === "found" && (isDotted || !isDefinition(source, lookup))) {
      const namespace = isDefinition(source, lookup) ? namespaceOf(source) : "default";
      const name = freeName(all, config, namespace, lookup.network.split("/").at(-1) ?? "");
      all.networks.push(`${namespace}/${name}`);
      all.definitions.push({
        path: pathOf(config, namespace, name),
        content: contentOf(namespace, name, lookup.definition),
      });
      all.changes.push({ field, what: `it becomes the definition ${namespace}/${name}` });
    } else if (isDotted) {
      const what = `it is left out: ${source.name} has a dot, which "networks" does not know; define it under another name and add that`;
      all.changes.push({ field, what });
    } else if (source.kind === "defined") {
      all.networks.push(`${source.namespace}/${source.name}`);
      if (lookup.kind !== "found")
        all.changes.push({ field, what: "its definition is to come from the API (kubeconfig)" });
    } else if (lookup.kind === "failed") {
      all.changes.push({ field, what: `it is left out: ${lookup.error.msg}` });
    }
  }
  return all;
}

type Source = OperatorsChoice["source"];

function namespaceOf(source: Source): string {
  return source.kind === "defined" ? source.namespace : "default";
}

function pathOf({ definitionsDir }: MetaConfig, namespace: string, name: string): string {
  return `${definitionsDir}/${namespace}/${name}.json`;
}

/** Makes a name that is valid in the annotation's short form and differs from the others. */
function freeName(
  { definitions }: DefaultNetworks,
  config: MetaConfig,
  namespace: string,
  wanted: string,
): string {
  const label = labelOf(wanted);
  const isTaken = (name: string) => definitions.some(({ path }) => path === pathOf(config, namespace, name));
  for (let count = 1; ; count++) {
    const name = count === 1 ? label : `${label}-${count}`;
    if (!isTaken(name)) return name;
  }
}

/**
 * A definition with annotations becomes a NetworkAttachmentDefinition, since only this has annotations. They may name a
 * device's resource.
 */
function contentOf(namespace: string, name: string, { config, annotations }: Definition): JsonObject {
  if (Object.keys(annotations).length === 0) return config;
  return {
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name, namespace, annotations: { ...annotations } },
    spec: { config: printJson(config) },
  };
}

function isDefinition(source: Source, { network }: FoundNetwork): boolean {
  return source.kind === "defined" && network === `${source.namespace}/${source.name}`;
}

/**
 * Makes a definition's name that is valid in the short form, in which `networks` is written: no capitals, dots or
 * underlines.
 */
function labelOf(name: string): string {
  const label = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  return label === "" ? "network" : label;
}

function changesOf({ plugin, moved, kind }: FoundMultus, config: MetaConfig): FieldChange[] {
  const changes: FieldChange[] = moved.map(({ field, from, to }) => ({
    field,
    what: `${from} is the daemon's view of the node's ${to}`,
  }));
  if (kind === "thick") {
    changes.push({ field: "type", what: "there is no daemon: the runtime's call does the work itself" });
  }
  if (config.kubeconfig !== "") {
    const what = `${config.kubeconfig} is Multus's and goes with it, and its account may not patch pods/status, which the network status takes. Give hawser one of its own (docs/migrating-from-multus.md); hawser doctor tries it`;
    changes.push({ field: "kubeconfig", what });
  }
  if (config.defaultNetworks.length > 0 && config.systemNamespaces.length > 0) {
    const names = config.systemNamespaces.join(", ");
    changes.push({ field: "systemNamespaces", what: `pods of ${names} get the networks of every pod, too` });
  }
  if (config.readinessFile !== "") {
    const what = `ADD does not wait for ${config.readinessFile}: without its network it fails, and is tried again`;
    changes.push({ field: "readinessindicatorfile", what });
  }
  if (config.auxiliary !== undefined) {
    const what = `${config.auxiliary.folder} is not read: put its plugins behind hawser in the runtime's list`;
    changes.push({ field: "auxiliaryCNIChainName", what });
  }
  if (config.crossNamespace.includes("*")) {
    const what =
      "pods may use every namespace's definitions, as before; list those that they need, or leave it out";
    changes.push({ field: "namespaceIsolation", what: `crossNamespace ["*"]: ${what}` });
  }
  const asked =
    "a pod's ips and mac go by capabilities alone: declare both at the plugins of networks that take them";
  changes.push({ field: "delegates", what: asked });
  const idle = idleFields(plugin).map(({ field, why }) => ({ field, what: `it has no effect: ${why}` }));
  return [...changes, ...idle];
}
