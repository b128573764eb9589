import { foldKey } from "../../../cni/fold.ts";
import { isObject, type Json, type JsonObject } from "../../../cni/json.ts";
import { isFlag, isText, isTexts } from "../../../cni/readers.ts";
import { type FieldName, isRight, ownNames } from "./config-fields.ts";

/** How hawser understands one field of Multus: its values and its effect. */
interface MultusField {
  readonly accepts: (value: Json) => boolean;
  /** The end of "<field> must be ...". */
  readonly must: string;
  /** Why the field does nothing here; undefined when it does what it does in Multus. */
  readonly idle?: string;
}

const isPath = (value: Json): boolean => isText(value) && (value === "" || value.startsWith("/"));

const text: MultusField = { accepts: isText, must: "text" };
const path: MultusField = { accepts: isPath, must: "an absolute path" };
const flag: MultusField = { accepts: isFlag, must: "true or false" };
const texts: MultusField = { accepts: isTexts, must: "a list of texts" };
const object: MultusField = { accepts: isObject, must: "an object" };
const anything: MultusField = { accepts: () => true, must: "" };
const logs = "hawser writes to stderr, which the runtime puts into its log";

/** Every field of Multus's thin plugin (v4.2), and the specification's own. */
const fields: ReadonlyMap<string, MultusField> = new Map([
  ["cniVersion", text],
  ["name", text],
  ["type", text],
  [
    "capabilities",
    {
      accepts: (value: Json) => isObject(value) && Object.values(value).every((each) => isFlag(each)),
      must: "an object of names, each true or false",
    },
  ],
  ["runtimeConfig", object],
  ["prevResult", object],
  ...["args", "dns", "ipam", "ipMasq", "disableCheck", "disableGC"].map((name) => [name, anything] as const),
  ["kubeconfig", text],
  [
    "delegates",
    {
      accepts: (value: Json) => Array.isArray(value) && value.every(isObject),
      must: "a list of plugins' configurations",
    },
  ],
  ["clusterNetwork", text],
  ["defaultNetworks", texts],
  ["confDir", path],
  ["cniDir", { ...path, idle: "records lie in stateDir; hawser migrate multus reads what Multus left here" }],
  ["binDir", path],
  ["readinessindicatorfile", path],
  ["namespaceIsolation", flag],
  ["globalNamespaces", text],
  ["systemNamespaces", texts],
  ["multusNamespace", text],
  ["retryDeleteOnError", { ...flag, idle: "a record stays in any case until its DEL has succeeded" }],
  ["auxiliaryCNIChainName", text],
  ["logFile", { ...text, idle: logs }],
  ["logLevel", { ...text, idle: logs }],
  ["logToStderr", { ...flag, idle: logs }],
  ["logOptions", { ...object, idle: logs }],
]);

/** Fields of ours that a configuration in Multus's words may have too, with the meaning that they have in ours. */
const ours: readonly FieldName[] = [
  "definitionsDir",
  "stateDir",
  "timeout",
  "status",
  "parallel",
  "native",
  "kubeletDir",
  "deviceInfoDir",
  // Multus trusts every definition. If the operator closes something with hawser's own fields, it is closed in this dialect,
  // too.
  "requests",
  "allowedTypes",
  "allowedIpamTypes",
  "opaqueTypes",
  "trustedNamespaces",
  "definitionNames",
  "resources",
];

export function isOurs(name: string): boolean {
  return ours.some((each) => each === name);
}

/** Fields of Multus's daemon and of what generates configurations: nothing of this kind runs here. */
const daemons: readonly string[] = [
  ...["chrootDir", "socketDir", "daemonSocketDir", "metricsPort", "connectionLimit", "perNodeCertificate"],
  ...["cniConfigDir", "multusConfigFile", "multusMasterCNI", "multusAutoconfigDir", "forceCNIVersion"],
  ...["overrideNetworkName"],
];

const byFold: ReadonlyMap<string, string> = new Map(
  [...fields.keys(), ...ours, ...daemons].map((name) => [foldKey(name), name]),
);

/** The same configuration in Multus's spelling. Multus's JSON library also takes keys such as `readinessIndicatorFile`. */
export function respell(raw: JsonObject): JsonObject {
  const spelled = Object.entries(raw).map(([key, value]) => [byFold.get(foldKey(key)) ?? key, value]);
  // The right spelling wins, wherever it stands.
  return { ...Object.fromEntries(spelled), ...raw };
}

/** The fields with wrong values. Null counts as not set. */
export function fieldProblems(raw: JsonObject): string[] {
  return ownNames(raw).flatMap((name) => {
    const value = raw[name] ?? null;
    if (value === null) return [];
    const own = ours.find((each) => each === name);
    if (own !== undefined) return isRight(own, value) ? [] : [`${name}: see docs/configuration.md`];
    const field = fields.get(name);
    return field === undefined || field.accepts(value) ? [] : [`${name}: must be ${field.must}`];
  });
}

/** A field that does nothing here. */
export interface IdleField {
  readonly field: string;
  readonly why: string;
}

/** Fields that have no effect. Multus passes over unknown fields, and so does an ADD; `hawser doctor` tells a person. */
export function idleFields(raw: JsonObject): IdleField[] {
  return ownNames(respell(raw)).flatMap((field): IdleField[] => {
    if (isOurs(field)) return [];
    // The configuration has this field in its usual spelling as well.
    if (byFold.has(foldKey(field)) && byFold.get(foldKey(field)) !== field) return [];
    if (daemons.includes(field)) return [{ field, why: "it is the Multus daemon's, and there is no daemon" }];
    const known = fields.get(field);
    if (known === undefined) return [{ field, why: "neither Multus nor hawser knows it" }];
    return known.idle === undefined ? [] : [{ field, why: known.idle }];
  });
}
