import { kindOf } from "../cni/config.ts";
import { isName } from "../cni/environment.ts";
import { type CniError, failWith } from "../cni/errors.ts";
import { isObject, type JsonObject, parseJson } from "../cni/json.ts";
import { fail, type Outcome, ok } from "../sys/outcome.ts";
import { isUnset, plainReason, quote } from "./text.ts";

/** Where a definition was found, and so what it must be called. */
export interface DefinitionPlace {
  readonly namespace: string;
  readonly name: string;
  /** The file's path. */
  readonly source: string;
}

/** A network definition as found: a CNI configuration or a list, not parsed beyond JSON. */
export interface Definition extends DefinitionPlace {
  /** With `name`, and `type` or `plugins`; or empty: the file of this network's name in confDir is meant. */
  readonly config: JsonObject;
}

const kind = "NetworkAttachmentDefinition";

/** Reads what a file says: a NetworkAttachmentDefinition or a CNI configuration. Errors: `kube.bad-definition`. */
export function parseDefinition(text: string, place: DefinitionPlace): Outcome<Definition, CniError> {
  const document = parseObject(text);
  if (!document.ok) return badDefinition(place, `it ${document.error}`);
  const config = isResource(document.value) ? configOf(document.value, place) : document;
  if (!config.ok) return badDefinition(place, config.error);
  if (config.value === undefined) return ok({ ...place, config: {} });
  const why = configProblem(config.value);
  if (why !== undefined) return badDefinition(place, why);
  // Multus gives a configuration without a name the definition's.
  const name = isUnset(config.value.name) ? { name: place.name } : {};
  return ok({ ...place, config: { ...config.value, ...name } });
}

export function badDefinition(place: DefinitionPlace, why: string): Outcome<never, CniError> {
  return failWith(
    "invalidConfig",
    "kube.bad-definition",
    `read network definition ${place.namespace}/${place.name} (${place.source}): ${why}`,
    `The file holds a ${kind} in JSON, or a CNI configuration.`,
  );
}

/** A JSON object, or the end of a sentence on why it is none. */
export function parseObject(text: string): Outcome<JsonObject, string> {
  const json = parseJson(text);
  if (!json.ok) return fail(`is not JSON: ${plainReason(json.error)}`);
  return isObject(json.value) ? ok(json.value) : fail(`is ${kindOf(json.value)}, not an object`);
}

function isResource(document: JsonObject): boolean {
  if (document.type !== undefined || document.plugins !== undefined) return false;
  return ["kind", "apiVersion", "metadata", "spec"].some((key) => document[key] !== undefined);
}

/** The configuration in `spec.config`, undefined when there is none. */
function configOf(resource: JsonObject, place: DefinitionPlace): Outcome<JsonObject | undefined, string> {
  const why = resourceProblem(resource, place);
  if (why !== undefined) return fail(why);
  const spec = isUnset(resource.spec) ? {} : resource.spec;
  if (!isObject(spec)) return fail(`spec is ${kindOf(spec)}, not an object`);
  const { config } = spec;
  if (isUnset(config)) return ok(undefined);
  if (typeof config !== "string")
    return fail(`spec.config is ${kindOf(config)}, not a string with JSON in it`);
  if (config.trim() === "") return ok(undefined);
  const parsed = parseObject(config);
  return parsed.ok ? parsed : fail(`spec.config ${parsed.error}`);
}

function resourceProblem(resource: JsonObject, { namespace, name }: DefinitionPlace): string | undefined {
  if (resource.kind !== kind) return `kind is ${shown(resource.kind)}, not "${kind}"`;
  const metadata = isUnset(resource.metadata) ? {} : resource.metadata;
  if (!isObject(metadata)) return `metadata is ${kindOf(metadata)}, not an object`;
  if (!isUnset(metadata.name) && metadata.name !== name) {
    return `metadata.name is ${shown(metadata.name)}, but the file's name says ${name}`;
  }
  if (!isUnset(metadata.namespace) && metadata.namespace !== namespace) {
    return `metadata.namespace is ${shown(metadata.namespace)}, but the folder's name says ${namespace}`;
  }
  return undefined;
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
