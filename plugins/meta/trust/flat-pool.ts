import type { Json, JsonObject } from "../../../cni/json.ts";
import { quote } from "../../../kube/text.ts";
import { type Grant, opensTo, type Resources } from "./resources.ts";
import type { TenantNotes } from "./tenant-fields.ts";

/** The fields of hawser-flat's `ipam` that make a pool. A tenant who names the operator's pool cannot write them. */
const poolsOwn = ["store", "ranges", "identity", "hold", "onLiveElsewhere"];

/** A tenant's `ipam` of hawser-flat as the plugin is given it, and the grants that allow it. */
export interface FlatPool {
  readonly ipam: JsonObject;
  readonly grants: readonly Grant[];
}

/**
 * Puts the operator's text in the place of a name in a tenant's definition. If the definition has `pool`, everything that makes
 * the pool is the operator's. If it has none, the namespace makes a pool of its own under a name of its own, in a store that
 * the operator has opened to the namespace.
 */
export function withPool(
  resources: Resources,
  ipam: JsonObject,
  place: string,
  ownName: string,
  notes: TenantNotes,
): FlatPool {
  return ipam.pool === undefined
    ? ownPool(resources, ipam, place, ownName, notes)
    : operatorsPool(resources, ipam, place, notes);
}

function operatorsPool(resources: Resources, ipam: JsonObject, place: string, notes: TenantNotes): FlatPool {
  const { type, pool: named, routes, dns, mac } = ipam;
  const pool = openedTo(notes, resources.pools, named, `${place}.pool`, "pool");
  if (pool === undefined) return { ipam, grants: [] };
  for (const key of poolsOwn.filter((each) => ipam[each] !== undefined)) {
    notes.problems.push({
      place: `${place}.${key}`,
      why: "is said by the pool, which is the operator's; leave it out",
    });
  }
  const own = {
    ...(routes !== undefined && { routes }),
    ...(dns !== undefined && { dns }),
    ...(mac !== undefined && { mac }),
  };
  return { ipam: { ...pool.ipam, ...own, type: type ?? "" }, grants: [pool] };
}

function ownPool(
  resources: Resources,
  ipam: JsonObject,
  place: string,
  ownName: string,
  notes: TenantNotes,
): FlatPool {
  const { store: asked, ...rest } = ipam;
  const named = typeof asked === "string" && asked !== "" ? asked : resources.defaultStore;
  const own = { ...rest, pool: ownName };
  if (named === "") return { ipam: own, grants: [] };
  const store = openedTo(notes, resources.stores, named, `${place}.store`, "store");
  if (store === undefined) return { ipam, grants: [] };
  return { ipam: { ...own, store: store.store }, grants: [store] };
}

/**
 * The operator's resource of this name, if it is open to the namespace. If it is not, the problem lists the resources that are.
 */
function openedTo<T extends Grant>(
  { namespace, problems }: TenantNotes,
  all: ReadonlyMap<string, T>,
  name: Json | undefined,
  place: string,
  what: string,
): T | undefined {
  const named = typeof name === "string" ? all.get(name) : undefined;
  if (named !== undefined && opensTo(named, namespace)) return named;
  const open = [...all].filter(([, each]) => opensTo(each, namespace)).map(([key]) => quote(key));
  const there = open.length === 0 ? "There is none" : `Open are ${open.join(", ")}`;
  const why = `names no ${what} of the operator's that is open to namespace ${namespace}. ${there} (resources.json)`;
  problems.push({ place, why });
  return undefined;
}
