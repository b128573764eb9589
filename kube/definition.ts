import { kindOf } from "../cni/config.ts";
import { isName } from "../cni/environment.ts";
import { type CniError, failWith } from "../cni/errors.ts";
import { isObject, type JsonObject, parseJson } from "../cni/json.ts";
import { isText } from "../cni/readers.ts";
import { fail, type Outcome, ok } from "../sys/outcome.ts";
import { areTexts, isUnset, jsonMistake, quote } from "./text.ts";

/** Where a definition was found. Its own metadata must say the same namespace and name. */
export interface DefinitionPlace {
  readonly namespace: string;
  readonly name: string;
  /** The file's path, or that it is the API's. */
  readonly source: string;
  /** On the disk only the node's operator writes. In the API, whoever may write to the namespace does. */
  readonly keptIn: "disk" | "api";
}

/** A definition's annotation: more namespaces whose pods may use it than the node's configuration allows; `*`: all. */
export const allowedNamespacesAnnotation = "v1.hawser-cni.io/allowed-namespaces";
/** A definition's annotation: what pods may not ask of it although the node's configuration allows it; `*`: anything. */
export const deniedRequestsAnnotation = "v1.hawser-cni.io/denied-requests";

/** A network definition as found: a CNI configuration or a list, not parsed beyond JSON. */
export interface Definition extends DefinitionPlace {
  /** The annotations of its metadata. A CNI configuration that is no resource has none. */
  readonly annotations: Readonly<Record<string, string>>;
  /** With `name`, and `type` or `plugins`; or empty: the file of this network's name in confDir is meant. */
  readonly config: JsonObject;
  /** It has no configuration of its own: `config` is the operator's, of the file in confDir that has its name. */
  readonly isOfConfDir?: true;
}

const kind = "NetworkAttachmentDefinition";
/** A definition is a page or two of text. Without a limit a namespace could store a megabyte that each ADD has to read. */
const maxConfigLength = 64 * 1024;

/** Reads what a file says: a NetworkAttachmentDefinition or a CNI configuration. Errors: `kube.bad-definition`. */
export function parseDefinition(text: string, place: DefinitionPlace): Outcome<Definition, CniError> {
  const document = parseObject(text);
  if (!document.ok) return badDefinition(place, `it ${document.error}`);
  return isResource(document.value)
    ? parseResource(document.value, place)
    : complete(place, {}, document.value);
}

/** Reads a NetworkAttachmentDefinition. Errors: `kube.bad-definition`. */
export function parseResource(resource: JsonObject, place: DefinitionPlace): Outcome<Definition, CniError> {
  const metadata = metadataOf(resource, place);
  if (!metadata.ok) return badDefinition(place, metadata.error);
  const annotations = annotationsOf(metadata.value);
  if (!annotations.ok) return badDefinition(place, annotations.error);
  const config = configOf(resource);
  if (!config.ok) return badDefinition(place, config.error);
  if (config.value === undefined) return ok({ ...place, annotations: annotations.value, config: {} });
  return complete(place, annotations.value, config.value);
}

function complete(
  place: DefinitionPlace,
  annotations: Definition["annotations"],
  config: JsonObject,
): Outcome<Definition, CniError> {
  const why = configProblem(config);
  if (why !== undefined) return badDefinition(place, why);
  // Multus gives a configuration without a name the definition's.
  const name = isUnset(config.name) ? { name: place.name } : {};
  return ok({ ...place, annotations, config: { ...config, ...name } });
}

export function badDefinition(place: DefinitionPlace, why: string): Outcome<never, CniError> {
  return failWith(
    "invalidConfig",
    "kube.bad-definition",
    `read network definition ${place.namespace}/${place.name} (${place.source}): ${why}`,
    `It has to be a ${kind} in JSON or, in a file, a CNI configuration.`,
  );
}

/** A JSON object, or the end of a sentence on why it is none. */
export function parseObject(text: string): Outcome<JsonObject, string> {
  const json = parseJson(text);
  if (!json.ok) return fail(`is not JSON: ${jsonMistake(text, json.error)}`);
  return isObject(json.value) ? ok(json.value) : fail(`is ${kindOf(json.value)}, not an object`);
}

function isResource(document: JsonObject): boolean {
  if (document.type !== undefined || document.plugins !== undefined) return false;
  return ["kind", "apiVersion", "metadata", "spec"].some((key) => document[key] !== undefined);
}

/** The configuration in `spec.config`, undefined when there is none. */
function configOf({ spec: given }: JsonObject): Outcome<JsonObject | undefined, string> {
  const spec = isUnset(given) ? {} : given;
  if (!isObject(spec)) return fail(`spec is ${kindOf(spec)}, not an object`);
  const { config } = spec;
  if (isUnset(config)) return ok(undefined);
  if (typeof config !== "string")
    return fail(`spec.config is ${kindOf(config)}, not a string with JSON in it`);
  if (config.trim() === "") return ok(undefined);
  if (config.length > maxConfigLength)
    return fail(`spec.config has ${config.length} characters, at most ${maxConfigLength} are read`);
  const parsed = parseObject(config);
  return parsed.ok ? parsed : fail(`spec.config ${parsed.error}`);
}

/** The metadata of a resource, if it is a definition and has the namespace and name of its place. */
function metadataOf(resource: JsonObject, { namespace, name }: DefinitionPlace): Outcome<JsonObject, string> {
  if (resource.kind !== kind) return fail(`kind is ${shown(resource.kind)}, not "${kind}"`);
  const metadata = isUnset(resource.metadata) ? {} : resource.metadata;
  if (!isObject(metadata)) return fail(`metadata is ${kindOf(metadata)}, not an object`);
  if (!isUnset(metadata.name) && metadata.name !== name) {
    return fail(`metadata.name is ${shown(metadata.name)}, but the file's name says ${name}`);
  }
  if (!isUnset(metadata.namespace) && metadata.namespace !== namespace) {
    return fail(
      `metadata.namespace is ${shown(metadata.namespace)}, but the folder's name says ${namespace}`,
    );
  }
  return ok(metadata);
}

function annotationsOf({ annotations }: JsonObject): Outcome<Definition["annotations"], string> {
  if (isUnset(annotations)) return ok({});
  if (!isObject(annotations)) return fail(`metadata.annotations is ${kindOf(annotations)}, not an object`);
  if (areTexts(annotations)) return ok(annotations);
  const [key = "", value] = Object.entries(annotations).find(([, each]) => !isText(each)) ?? [];
  return fail(`metadata.annotations: ${quote(key)} is ${kindOf(value)}, not a string`);
}

function configProblem({ type, plugins, name }: JsonObject): string | undefined {
  if (type === undefined && plugins === undefined)
    return `the configuration has neither "type" nor "plugins"`;
  if (isUnset(name)) return undefined;
  if (typeof name !== "string") return `the configuration's name is ${kindOf(name)}, not a string`;
  return isName(name) ? undefined : `the configuration's name ${quote(name)} cannot name a network`;
}

function shown(value: JsonObject[string] | undefined): string {
  return typeof value === "string" ? quote(value) : kindOf(value);
}
