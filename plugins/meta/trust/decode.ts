import { type CniError, failWith } from "../../../cni/errors.ts";
import { foldedTwins } from "../../../cni/fold.ts";
import { isObject, type Json, type JsonObject } from "../../../cni/json.ts";
import { flag } from "../../../cni/readers.ts";
import type { Definition } from "../../../kube/definition.ts";
import { resourceOf } from "../../../kube/devices/assign.ts";
import { isUnset, listed, quote } from "../../../kube/text.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { MetaConfig } from "../config/config.ts";
import { withPool } from "./flat-pool.ts";
import { isOwnIpam, type Part } from "./plugin-types.ts";
import { type Grant, grantFor, opensTo, type Resources } from "./resources.ts";
import type { Schema, Use } from "./schema.ts";
import { schemaOf } from "./schemas/index.ts";
import {
  addressOrCidr,
  type DecodedFields,
  dns,
  leftOut,
  list,
  mac,
  matching,
  object,
  operators,
  placeOf,
  readFields,
  record,
  type TenantNotes,
  type TenantReader,
  text,
} from "./tenant-fields.ts";

/** The operator's settings for tenants' definitions. */
export type Trust = Pick<MetaConfig, "unknownKeys" | "opaqueTypes" | "definitionNames">;

/** A tenant's definition, made anew of the fields that were understood. */
export interface Decoded {
  readonly config: JsonObject;
  /** The operator's grants that the definition uses. Their `requests` apply to the pods of this definition. */
  readonly grants: readonly Grant[];
  /** For people: the fields that a tenant wrote and that the plugins are not given. */
  readonly leftOut: readonly string[];
}

const maxShown = 8;

/**
 * Decodes a tenant's definition field by field, by the schema of each plugin. In plugins' state its network's name carries the
 * namespace. Errors: `meta.definition-denied`, which names every problem with its place.
 */
export function decodeDefinition(
  trust: Trust,
  resources: Resources,
  definition: Definition,
): Outcome<Decoded, CniError> {
  const { namespace, annotations, config } = definition;
  const notes: TenantNotes = { unknownKeys: trust.unknownKeys, namespace, problems: [], leftOut: [] };
  const grants: Grant[] = [];
  const written = nameOf(definition);
  const scope: Scope = { trust, resources, notes, grants, written, ownName: `${namespace}.${written}` };
  const decoded = readConfig(scope, config);
  const resource = resourceOf(annotations);
  if (resource !== undefined) use(scope, "its annotation", [{ kind: "devices", name: resource }]);
  const name = nameInState(scope, decoded);
  if (notes.problems.length > 0) return denied(definition, notes);
  return ok({ config: { ...decoded, name }, grants, leftOut: notes.leftOut });
}

interface Scope {
  readonly trust: Trust;
  readonly resources: Resources;
  readonly notes: TenantNotes;
  readonly grants: Grant[];
  /** The network's name as its author wrote it. */
  readonly written: string;
  /** The same name with the namespace before it. Plugins keep state under this name. */
  readonly ownName: string;
}

function denied(definition: Definition, { problems }: TenantNotes): Outcome<never, CniError> {
  const texts = problems.map(({ place, why }) => `${place} ${why}`);
  return failWith(
    "selection",
    "meta.definition-denied",
    `read network definition ${definition.namespace}/${definition.name} (${definition.source}): ${listed(texts, maxShown)}`,
    "It is its namespace's text, not the node's operator's, so that only what is known is handed to plugins; docs/security.md#definitions has what may stand in it, and what the operator can open.",
  );
}

function nameOf({ name, config }: Definition): string {
  return typeof config.name === "string" && config.name !== "" ? config.name : name;
}

/**
 * The network's name under which plugins keep state, such as addresses. Two namespaces that choose the same name must not share
 * addresses, nor must a tenant and the operator. So the name carries the namespace. Only if the operator wants names as they
 * are written, plugins of others keep the written name; our own IPAM plugins never do.
 */
function nameInState({ trust, notes, written, ownName }: Scope, decoded: JsonObject): string {
  const plugins = Array.isArray(decoded.plugins) ? decoded.plugins.filter(isObject) : [decoded];
  const isOurs = plugins.some(({ ipam }) => isObject(ipam) && isOwnIpam(ipam.type));
  if (isOurs) return ownName;
  const [keeps] = plugins.flatMap(({ type }) => schemaOf(String(type), "plugin")?.keptName ?? []);
  if (keeps !== undefined) keeps(written, "name", notes);
  // One name is for the whole list. An IPAM plugin in this list would keep its state under that name, beside the cluster's own
  // state.
  if (keeps !== undefined && plugins.some(({ ipam }) => isObject(ipam) && !isUnset(ipam.type)))
    notes.problems.push({ place: "name", why: "cannot stay as it is where a plugin of the list has ipam" });
  return keeps !== undefined || trust.definitionNames === "as-written" ? written : ownName;
}

const version = matching(/^\d{1,3}\.\d{1,3}\.\d{1,3}$/, "is no version");
const isCapability = (key: string) => /^[A-Za-z0-9._/-]{1,100}$/.test(key);
const aFlag = (value: Json): Json | undefined =>
  value === "true" || value === "false" ? value === "true" : undefined;
/** A flag. Like libcni, it may be the text "true" or "false". */
const loose: TenantReader = (value, place, notes) => aFlag(value) ?? flag(value, place, notes);

/** Fields of a list, and of a single plugin that stands for a list. */
const envelope: DecodedFields = {
  cniVersion: version,
  cniVersions: list(version),
  name: text(() => undefined),
  disableCheck: loose,
  disableGC: loose,
  loadOnlyInlinedPlugins: loose,
};

/** Fields of a list only. */
const listFields: DecodedFields = {
  ...envelope,
  plugins: list((value) => value, 16),
  capabilities: leftOut(
    `it does nothing beside "plugins"; it belongs into the plugin that has the capability`,
  ),
};

const label = object({ key: text(() => undefined), value: text(() => undefined) });
const runtimes = operators("It is the runtime's to say, for each pod");

/** Fields that every plugin may have besides its own. */
const common: DecodedFields = {
  cniVersion: version,
  name: text(() => undefined),
  type: matching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, "is no plugin's name"),
  capabilities: record(isCapability, flag),
  dns,
  runtimeConfig: runtimes,
  prevResult: runtimes,
};

function readConfig(scope: Scope, config: JsonObject): JsonObject {
  const { plugins } = config;
  if (plugins === undefined) return readPlugin(scope, config, "", envelope);
  const { plugins: listed, ...read } = readFields(listFields, config, "", scope.notes);
  const entries = Array.isArray(listed) ? listed : [];
  return {
    ...read,
    plugins: entries.flatMap((entry, index) => {
      const place = `plugins[${index}]`;
      if (isObject(entry)) return [readPlugin(scope, entry, place, {})];
      scope.notes.problems.push({ place, why: "is no object" });
      return [];
    }),
  };
}

/** Decodes the configuration of one plugin. */
function readPlugin(scope: Scope, plugin: JsonObject, place: string, more: DecodedFields): JsonObject {
  const type = typeNameOf(plugin);
  const schema = schemaOf(type, "plugin");
  const fields: DecodedFields = {
    ...common,
    ...more,
    args: argsOf(schema, plugin.ipam),
    ipam: schema?.role === "chained" ? noIpam : (value, where) => readIpam(scope, value, where),
  };
  const read = readPart(scope, "plugin", fields, plugin, place);
  if (schema?.uses !== undefined && !isOpaque(scope, type))
    use(scope, place, schema.uses({ name: scope.written, ...read }));
  return read;
}

const noIpam = leftOut("its plugin gives no addresses");

/** The main plugin and its IPAM plugin both read `args.cni`, each for its own fields. */
function argsOf(schema: Schema | undefined, ipam: Json | undefined): TenantReader {
  const ipamArgs = isObject(ipam) ? schemaOf(String(ipam.type), "ipam")?.args : undefined;
  const own = { ips: list(addressOrCidr), mac, labels: list(label) };
  return object({ cni: object({ ...own, ...ipamArgs, ...schema?.args }) });
}

function readIpam(scope: Scope, ipam: Json, place: string): Json | undefined {
  const { notes, resources, ownName, grants } = scope;
  if (!isObject(ipam)) {
    notes.problems.push({ place, why: "is no object" });
    return undefined;
  }
  const type = typeNameOf(ipam);
  // An `ipam` without a type and without values means no addresses. Go programs write that in several ways.
  if (type === "" && Object.values(ipam).every(isUnset)) return {};
  const fields: DecodedFields = { type: text(() => undefined) };
  const read = readPart(scope, "ipam", fields, ipam, place);
  if (type !== "hawser-flat") return read;
  const pool = withPool(resources, read, place, ownName, notes);
  grants.push(...pool.grants);
  return pool.ipam;
}

function typeNameOf({ type }: JsonObject): string {
  return typeof type === "string" ? type : "";
}

function isOpaque({ trust }: Scope, type: string): boolean {
  return (
    trust.opaqueTypes.includes(type) ||
    (trust.opaqueTypes.includes("*") &&
      schemaOf(type, "plugin") === undefined &&
      schemaOf(type, "ipam") === undefined)
  );
}

/** Decodes the fields of one executable by its schema. An opaque type's fields stay as they are. */
function readPart(
  scope: Scope,
  part: Part,
  fields: DecodedFields,
  value: JsonObject,
  place: string,
): JsonObject {
  const { notes } = scope;
  const type = typeNameOf(value);
  if (!isOwnIpam(type) && isOpaque(scope, type)) return readOpaque(fields, value, place, notes);
  const schema = schemaOf(type, part);
  if (schema !== undefined) return readBySchema(scope, schema, { ...fields, ...schema.fields }, value, place);
  const what = part === "plugin" ? "plugin" : "IPAM plugin";
  const why =
    type === ""
      ? `names no ${what}`
      : `is ${quote(type)}, whose fields are not known here; the operator lets them through with "opaqueTypes"`;
  notes.problems.push({ place: place === "" ? "type" : `${place}.type`, why });
  return {};
}

function readBySchema(
  { trust, notes }: Scope,
  { needs = {}, namesState = [] }: Schema,
  fields: DecodedFields,
  value: JsonObject,
  place: string,
): JsonObject {
  const read = readFields(fields, value, place, notes);
  for (const [key, why] of Object.entries(needs)) {
    if (value[key] === undefined || value[key] === null)
      notes.problems.push({ place: placeOf(place, key), why });
  }
  if (trust.definitionNames === "as-written") return read;
  const named = namesState.filter((key) => typeof read[key] === "string" && read[key] !== "");
  return { ...read, ...Object.fromEntries(named.map((key) => [key, `${notes.namespace}.${read[key]}`])) };
}

/**
 * Decodes the fields that every plugin may have. The opaque type's own fields stay as they are, if Go cannot read any key of
 * them as one of the common fields.
 */
function readOpaque(fields: DecodedFields, value: JsonObject, place: string, notes: TenantNotes): JsonObject {
  const own = Object.entries(value).filter(([key]) => !Object.hasOwn(fields, key));
  const judged = Object.fromEntries(Object.entries(value).filter(([key]) => Object.hasOwn(fields, key)));
  noteTwins(value, Object.keys(fields), place, notes, 0);
  return { ...Object.fromEntries(own), ...readFields(fields, judged, place, notes) };
}

const maxDepth = 16;

function noteTwins(
  value: Json,
  known: readonly string[],
  place: string,
  notes: TenantNotes,
  depth: number,
): void {
  if (depth > maxDepth) {
    notes.problems.push({ place, why: `is nested more than ${maxDepth} deep` });
  } else if (Array.isArray(value)) {
    for (const [index, each] of value.entries()) noteTwins(each, [], `${place}[${index}]`, notes, depth + 1);
  } else if (isObject(value)) {
    for (const { key, known: other } of foldedTwins(value, known)) {
      notes.problems.push({ place: `${place}.${quote(key)}`, why: `is read as ${quote(other)} by plugins` });
    }
    for (const [key, each] of Object.entries(value)) noteTwins(each, [], `${place}.${key}`, notes, depth + 1);
  }
}

/** Notes each use of the node that is not granted. If the operator does not restrict a kind of use, everybody may use it. */
function use({ resources, notes, grants }: Scope, place: string, uses: readonly Use[]): void {
  for (const { kind, name } of uses) {
    const restricted = resources.restricted[kind];
    if (restricted === undefined) continue;
    const grant = grantFor(restricted, kind, name);
    if (grant !== undefined && opensTo(grant, notes.namespace)) grants.push(grant);
    else {
      const what = name === "" ? "a link of its plugin's own choice" : quote(name);
      const why = `uses ${what} of ${kind}, which the operator has not opened to namespace ${notes.namespace} (resources.json)`;
      notes.problems.push({ place: place === "" ? "it" : place, why });
    }
  }
}
