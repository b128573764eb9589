import { type CniError, failWith } from "../../../cni/errors.ts";
import { type JsonObject, parseJson } from "../../../cni/json.ts";
import type { FieldProblem } from "../../../cni/readers.ts";
import { namespaceProblem } from "../../../kube/names.ts";
import { jsonMistake, quote } from "../../../kube/text.ts";
import { isAbsent } from "../../../sys/fault.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { type Permissions, requestKinds } from "../config/permissions.ts";
import type { Use } from "./schema.ts";
import { asItIs, list, matching, object, oneOf, record, type TenantNotes, text } from "./tenant-fields.ts";

/** The namespaces whose definitions may use one thing, and what their pods may not ask of a network that uses it. */
export interface Grant {
  /** `*` stands for all namespaces. */
  readonly namespaces: readonly string[];
  readonly requests: Partial<Permissions>;
}

/** Grants by name. A `*` at the end of a name stands for any rest. A grant of VLANs has a name like `100` or `100-199`. */
export type Grants = ReadonlyMap<string, Grant>;

export interface StoreResource extends Grant {
  /** hawser-flat's `store`. */
  readonly store: JsonObject;
}

export interface PoolResource extends Grant {
  /** The fields of hawser-flat's `ipam` that the operator sets. They include the store and the pool's name in it. */
  readonly ipam: JsonObject;
}

/** The links, devices, stores and pools that the operator gives to namespaces, by the names that definitions may use. */
export interface Resources {
  readonly stores: ReadonlyMap<string, StoreResource>;
  readonly pools: ReadonlyMap<string, PoolResource>;
  /** The store of a definition that names neither a pool nor a store. An empty name means hawser-flat's folder on the node. */
  readonly defaultStore: string;
  /** A kind of use that the operator does not restrict has no entry: definitions may name any link of it, as with Multus. */
  readonly restricted: Readonly<Partial<Record<Use["kind"], Grants>>>;
  /** The networks of confDir that a definition without a configuration may mean. Undefined if the file does not say. */
  readonly networks: Grants | undefined;
}

export const noResources: Resources = {
  stores: new Map(),
  pools: new Map(),
  defaultStore: "",
  restricted: {},
  networks: undefined,
};

const resourceName = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,99})$/;
const name = matching(resourceName, "is no name of letters, digits, '.', '_' and '-'");
const isName = (key: string) => resourceName.test(key);
const isLink = (key: string) =>
  key.length <= 253 && /^[!-~]*$/.test(key) && key.indexOf("*") === (key.endsWith("*") ? key.length - 1 : -1);
const isVlans = (key: string) => /^\d{1,4}(-\d{1,4})?$/.test(key);

const isRequestKind = (key: string) => requestKinds.some((kind) => kind === key);

const grantFields = {
  namespaces: list(text((value) => (value === "*" ? undefined : namespaceProblem(value)))),
  requests: record(isRequestKind, oneOf("allow", "deny")),
};
const grant = object(grantFields);
const store = object({ ...grantFields, etcd: asItIs, dir: asItIs });
const poolFields = {
  ...{ pool: name, ranges: asItIs, routes: asItIs, dns: asItIs, identity: asItIs, hold: asItIs },
  ...{ onLiveElsewhere: asItIs, mac: asItIs, node: asItIs, journalDir: asItIs, notReadyWhen: asItIs },
};

const pool = object({ ...grantFields, ...poolFields, store: name });

const file = object({
  stores: record(isName, store),
  defaultStore: name,
  pools: record(isName, pool),
  masters: record(isLink, grant),
  bridges: record(isLink, grant),
  vlans: record(isVlans, grant),
  devices: record(isLink, grant),
  networks: record(isName, grant),
});

/** Reads the operator's resources file. A missing file restricts nothing and gives nothing. Errors: `config.resources`. */
export function readResources(sys: Sys, path: string): Outcome<Resources, CniError> {
  const content = sys.files.read(path);
  if (!content.ok) {
    if (isAbsent(content.error)) return ok(noResources);
    return refused(path, content.error.message);
  }
  const json = parseJson(content.value);
  if (!json.ok) return refused(path, `it is not JSON: ${jsonMistake(content.value, json.error)}`);
  const notes: TenantNotes = { unknownKeys: "refuse", namespace: "", problems: [], leftOut: [] };
  const read = file(json.value, "", notes);
  const resources = read !== undefined && notes.problems.length === 0 ? resourcesOf(read, notes) : undefined;
  if (resources !== undefined && notes.problems.length === 0) return ok(resources);
  return refused(path, notes.problems.map(({ place, why }) => `${place || "it"} ${why}`).join("; "));
}

function refused(path: string, why: string): Outcome<never, CniError> {
  return failWith(
    "invalidConfig",
    "config.resources",
    `read the operator's resources ${path}: ${why}`,
    "docs/configuration.md#resources lists every field. Definitions of namespaces wait until it is right.",
  );
}

/** What a reader of this module returns. */
type ReadBy<R extends (...args: never) => unknown> = Exclude<ReturnType<R>, undefined>;

function resourcesOf(read: ReadBy<typeof file>, { problems }: TenantNotes): Resources {
  const stores = new Map(
    Object.entries(read.stores ?? {}).map(([key, each]) => [key, storeOf(`stores.${key}`, each, problems)]),
  );
  const pools = new Map(
    Object.entries(read.pools ?? {}).map(([key, each]) => [key, poolOf(key, each, stores, problems)]),
  );
  const { defaultStore = "" } = read;
  if (defaultStore !== "" && !stores.has(defaultStore)) {
    problems.push({ place: "defaultStore", why: `${quote(defaultStore)} is none of "stores"` });
  }
  const kinds = (["masters", "bridges", "vlans", "devices"] as const).filter((kind) => read[kind]);
  const restricted = Object.fromEntries(kinds.map((kind) => [kind, grantsOf(kind, read[kind], problems)]));
  const networks = read.networks && grantsOf("networks", read.networks, problems);
  return { stores, pools, defaultStore, restricted, networks };
}

function grantsOf(
  kind: string,
  read: Record<string, ReadBy<typeof grant>> = {},
  problems: FieldProblem[],
): Grants {
  return new Map(Object.entries(read).map(([key, each]) => [key, grantOf(`${kind}.${key}`, each, problems)]));
}

/** Reads a grant. A grant without namespaces is a mistake: we cannot tell whether the operator means nobody or everybody. */
function grantOf(
  place: string,
  { namespaces, requests = {} }: ReadBy<typeof grant>,
  problems: FieldProblem[],
): Grant {
  if (namespaces === undefined) problems.push({ place, why: `has no "namespaces"; write ["*"] for all` });
  return { namespaces: namespaces ?? [], requests };
}

function storeOf(place: string, each: ReadBy<typeof store>, problems: FieldProblem[]): StoreResource {
  const { etcd, dir } = each;
  const fields = { ...(etcd !== undefined && { etcd }), ...(dir !== undefined && { dir }) };
  if (Object.keys(fields).length !== 1) {
    problems.push({ place, why: `has to have one of "etcd" and "dir"` });
  }
  return { ...grantOf(place, each, problems), store: fields };
}

function poolOf(
  key: string,
  each: ReadBy<typeof pool>,
  stores: Resources["stores"],
  problems: FieldProblem[],
): PoolResource {
  const { namespaces: _namespaces, requests: _requests, store: named, pool: ownName, ...ipam } = each;
  const found = named === undefined ? undefined : stores.get(named)?.store;
  if (named !== undefined && found === undefined) {
    problems.push({ place: `pools.${key}.store`, why: 'is none of "stores"' });
  }
  if (ipam.ranges === undefined) problems.push({ place: `pools.${key}`, why: `has no "ranges"` });
  const whole = { ...ipam, pool: ownName ?? key, ...(found !== undefined && { store: found }) };
  return { ...grantOf(`pools.${key}`, each, problems), ipam: whole };
}

/** The operator's grant for this name, undefined if there is none. An exact name goes before a pattern. */
export function grantFor(grants: Grants, kind: Use["kind"] | "networks", used: string): Grant | undefined {
  const exact = grants.get(used);
  if (exact !== undefined) return exact;
  for (const [pattern, each] of grants) {
    if (
      kind === "vlans"
        ? holdsVlans(pattern, used)
        : pattern.endsWith("*") && used.startsWith(pattern.slice(0, -1))
    )
      return each;
  }
  return undefined;
}

/** Whether the pattern contains all of the VLAN numbers that are used. */
function holdsVlans(pattern: string, used: string): boolean {
  const [first = 0, last = first] = pattern.split("-").map(Number);
  const [from = 0, to = from] = used.split("-").map(Number);
  return first <= from && from <= to && to <= last;
}

export function opensTo({ namespaces }: Grant, namespace: string): boolean {
  return namespaces.includes(namespace) || namespaces.includes("*");
}
