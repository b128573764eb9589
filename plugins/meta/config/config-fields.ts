import { isObject, type Json, type JsonObject } from "../../../cni/json.ts";
import {
  isFlag,
  isText,
  list,
  must,
  type Notes,
  newNotes,
  oneOf,
  type Reader,
  refuse,
} from "../../../cni/readers.ts";
import { noRequestRules, readRequests } from "./permissions.ts";

/** A field that the configuration may have. */
interface Row {
  readonly read: Reader<unknown>;
}

/** A field that becomes one of `MetaConfig`, of the same name. */
interface Setting<T> {
  readonly read: Reader<T>;
  /** The value of the setting if the configuration does not give one. */
  readonly otherwise: T;
}

/** A field that is only judged here: what it means is read elsewhere. */
function judged(read: Reader<unknown>): Row {
  return { read };
}

function setting<T>(read: Reader<T>, otherwise: NoInfer<T>): Setting<T>;
function setting<T>(read: Reader<T>, otherwise: undefined): Setting<T | undefined>;
function setting(read: Reader<unknown>, otherwise: unknown): Setting<unknown> {
  return { read, otherwise };
}

const text = must(isText, () => "must be text");
const texts: Reader<readonly string[]> = list(
  text,
  () => "must be a list of texts",
  (place, index) => `${place}.${index}`,
);
const flag = must(isFlag, () => "must be true or false");
const object = must(isObject, () => "must be an object");
const objectOrNull: Reader<JsonObject> = (value, place, notes) =>
  value === null ? undefined : object(value, place, notes);
const anything: Reader<Json> = (value) => value;

/** Reads an absolute path. An empty path says nothing. A relative path is a problem, but a DEL looks there for its record. */
function path(what: string, isOther: (value: string) => boolean = () => false): Reader<string> {
  return (value, place, notes) => {
    if (!isText(value)) return refuse(notes, place, `must be ${what}, as text`);
    if (value === "") return undefined;
    if (!value.startsWith("/") && !isOther(value)) refuse(notes, place, `must be ${what}`);
    return value;
  };
}
const folder = path("an absolute path");

/** Reads one of some words, of which there are two or more. */
function word<const T extends string>(...words: readonly T[]): Reader<T> {
  const quoted = words.map((each) => JSON.stringify(each));
  return oneOf(words, () => `must be ${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`);
}

/**
 * Every field of the meta-plugin's configuration, a row each. Problems are told in this order. A field that is not here is an
 * error, so that `"network"` for `"networks"` is not a pod that misses an interface.
 */
export const fields = {
  cniVersion: judged(text),
  name: judged(text),
  type: judged(text),
  capabilities: judged((value, place, notes) =>
    isObject(value) && Object.values(value).every(isFlag)
      ? value
      : refuse(notes, place, "must be an object of names, each true or false"),
  ),
  args: judged(anything),
  dns: judged(anything),
  ipam: judged(anything),
  ipMasq: judged(anything),
  runtimeConfig: setting(objectOrNull, {}),
  prevResult: setting(objectOrNull, undefined),
  disableCheck: judged(anything),
  disableGC: judged(anything),
  delegate: judged(object),
  networks: setting(texts, []),
  definitionsDir: setting(folder, "/etc/cni/hawser/net.d"),
  /** Where the Kubernetes API is: nowhere (empty), by the pod's own account (`in-cluster`), or as this file says. */
  kubeconfig: setting(
    path('"in-cluster" or an absolute path', (value) => value === "in-cluster"),
    "",
  ),
  /** Whether the pod's network status is written there, and whether the pod may start without it. */
  status: setting(word("sync", "required", "off"), "sync"),
  confDir: setting(folder, "/etc/cni/net.d"),
  stateDir: setting(folder, "/var/lib/cni/hawser"),
  binDir: setting(folder, ""),
  /** Namespaces whose definitions any pod may use, besides its own; `*`: all. */
  crossNamespace: setting(texts, ["default"]),
  /** Whether a key of the annotation that does not exist is refused or ignored. */
  unknownKeys: setting(word("refuse", "ignore"), "refuse"),
  requests: setting(readRequests, noRequestRules),
  /** The plugins that may run for a definition. Undefined: any for definitions on disk, a list of ours for those of the API. */
  allowedTypes: setting(texts, undefined),
  /** The same for IPAM plugins. Undefined: the IPAM plugins in `allowedTypes`; if that is undefined too, the same rule. */
  allowedIpamTypes: setting(texts, undefined),
  /** Types whose fields plugins are given as a tenant wrote them. `*` stands for all types without a schema. */
  opaqueTypes: setting(texts, []),
  /** Namespaces whose definitions in the API are the operator's own text. */
  trustedNamespaces: setting(texts, ["kube-system"]),
  /** Whether the name that plugins keep state under carries the namespace of a tenant's definition. */
  definitionNames: setting(word("namespaced", "as-written"), "namespaced"),
  /** The path of the resources file. */
  resources: setting(folder, "/etc/cni/hawser/resources.json"),
  /** The kubelet's folder: its pod-resources socket and its checkpoint lie below it. */
  kubeletDir: setting(folder, "/var/lib/kubelet"),
  /** The folder of the device information of device plugins and CNI plugins. */
  deviceInfoDir: setting(folder, "/var/run/k8s.cni.cncf.io/devinfo"),
  /** The result that the runtime is given. Undefined: it depends on whether Hawser makes the primary. */
  result: setting(word("merged", "primary"), undefined),
  parallel: setting(flag, false),
  /** Whether our own plugins take the place of the reference plugins where they understand every field. */
  native: setting(word("prefer", "off"), "prefer"),
  /** The time for all delegates of one operation together. The kubelet gives a sandbox 4 minutes, and undoing needs a part. */
  timeout: judged(must(isText, () => 'must be text like "90s"')),
};

type Rows = typeof fields;
export type FieldName = keyof Rows;
type SettingName = {
  [K in FieldName]: Rows[K] extends { readonly otherwise: unknown } ? K : never;
}[FieldName];
export type Settings = {
  readonly [K in SettingName]: Rows[K] extends { readonly otherwise: infer T } ? T : never;
};

/** Notes the problems of the fields that are there. */
export function judgeFields(raw: JsonObject): Notes {
  const notes = newNotes();
  const rows: Readonly<Record<string, Row>> = fields;
  for (const key in rows) {
    const value = raw[key];
    if (value !== undefined) rows[key]?.read(value, key, notes);
  }
  return notes;
}

/** Whether a field of ours may have this value. */
export function isRight(name: FieldName, value: Json): boolean {
  const notes = newNotes();
  fields[name].read(value, name, notes);
  return notes.problems.length === 0;
}

/** Names of fields that do not exist. A key with a slash (cni.dev/valid-attachments) belongs to the owner of its prefix. */
export function unknownFields(raw: JsonObject): string[] {
  return ownNames(raw).filter((name) => !Object.hasOwn(fields, name));
}

export function ownNames(raw: JsonObject): string[] {
  return Object.keys(raw).filter((key) => !key.includes("/"));
}

/**
 * The settings. A setting that is missing or wrong has the value of `defaults`, else the table's own: a DEL uses what is
 * right in a configuration that is wrong elsewhere. Loops, because each ADD runs this once, without the JIT.
 */
export function settingsIn(raw: JsonObject, defaults: Partial<Settings> = {}): Settings {
  const rows: Readonly<Record<string, Row & { readonly otherwise?: unknown }>> = fields;
  const usual: Record<string, unknown> = {};
  const said: Record<string, unknown> = {};
  for (const name in rows) {
    const row = rows[name];
    if (row === undefined || !("otherwise" in row)) continue;
    usual[name] = row.otherwise;
    const value = raw[name] === undefined ? undefined : row.read(raw[name], name, newNotes());
    if (value !== undefined) said[name] = value;
  }
  // Each value is of its row, and so of its row's type.
  return { ...usual, ...defaults, ...said } as Settings;
}
