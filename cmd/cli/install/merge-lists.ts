import { isObject, type Json, type JsonObject, without } from "../../../cni/json.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import { pluginsOf } from "../meta-plugins.ts";

/**
 * Others write into the runtime's first list as well: service meshes append a plugin to it, the primary's installer changes
 * its own. So what we write is put together of three lists: what we wrote last (base), what is there now (theirs), what we
 * would write (ours). Each plugin, and each field around them, is taken from the side that has changed it.
 */
export interface Three {
  /** Undefined when nobody knows what we wrote: then what differs is a conflict. */
  readonly base: JsonObject | undefined;
  readonly theirs: JsonObject;
  readonly ours: JsonObject;
}

const own = "hawser";

/** The list, or what both sides have changed: plugins by their types, and fields. */
export function mergeLists({ base, theirs, ours }: Three): Outcome<JsonObject, readonly string[]> {
  const conflicts: string[] = [];
  const settle = (what: string, ...values: readonly (Json | undefined)[]): Json | undefined => {
    const settled = mergeValue(values[0], values[1], values[2]);
    if (!settled.ok) conflicts.push(what);
    return settled.ok ? settled.value : undefined;
  };
  const fields = mergeFields({ base, theirs, ours }, settle);
  const sides = [base ?? { plugins: [] }, theirs, ours].map(byKey);
  const [before, there, wanted] = sides as [Plugins, Plugins, Plugins];
  const plugins = new Map<string, JsonObject>();
  for (const key of orderOf(there, wanted)) {
    // Hawser's own place is the installation's: whoever wrote the list anew without it has not decided against it.
    const isOurs = key.startsWith(`${own}#`) && !there.has(key);
    const settled = isOurs
      ? wanted.get(key)
      : settle(nameOf(key), before.get(key), there.get(key), wanted.get(key));
    if (isObject(settled)) plugins.set(key, settled);
  }
  return conflicts.length > 0 ? fail(conflicts) : ok({ ...fields, plugins: [...plugins.values()] });
}

function mergeValue(
  base: Json | undefined,
  theirs: Json | undefined,
  ours: Json | undefined,
): Outcome<Json | undefined, undefined> {
  if (isSame(theirs, ours) || isSame(base, theirs)) return ok(ours);
  return isSame(base, ours) ? ok(theirs) : fail(undefined);
}

type Settle = (what: string, ...values: readonly (Json | undefined)[]) => Json | undefined;

function mergeFields({ base = {}, theirs, ours }: Three, settle: Settle): JsonObject {
  const names = new Set([...Object.keys(theirs), ...Object.keys(ours)].filter((name) => name !== "plugins"));
  const fields = [...names].map(
    (name) => [name, settle(name, base[name], theirs[name], ours[name])] as const,
  );
  return Object.fromEntries(fields.filter((each): each is [string, Json] => each[1] !== undefined));
}

type Plugins = ReadonlyMap<string, JsonObject>;

/** Plugins by type; of several of one type the first, the second, and so on. */
function byKey(list: JsonObject): Plugins {
  const counts = new Map<string, number>();
  return new Map(
    pluginsOf(list).map((plugin) => {
      const type = String(plugin.type);
      const count = counts.get(type) ?? 0;
      counts.set(type, count + 1);
      return [`${type}#${count}`, plugin];
    }),
  );
}

function nameOf(key: string): string {
  return `plugin ${key.slice(0, key.lastIndexOf("#"))}`;
}

/** Their order; what only we have comes behind what it follows with us, and hawser last. */
function orderOf(theirs: Plugins, ours: Plugins): string[] {
  const order = [...theirs.keys()];
  const wanted = [...ours.keys()];
  for (const [at, key] of wanted.entries()) {
    if (theirs.has(key)) continue;
    if (key.startsWith(`${own}#`)) {
      order.push(key);
      continue;
    }
    const previous = wanted.slice(0, at).findLast((each) => order.includes(each));
    order.splice(previous === undefined ? 0 : order.indexOf(previous) + 1, 0, key);
  }
  return order;
}

/** Plugins in the order of `list` that are not hawser. */
export function othersIn(list: JsonObject): JsonObject[] {
  return pluginsOf(list).filter(({ type }) => type !== own);
}

/** A list with more plugins at its end, those left out that it has already. Fails with those that it has otherwise. */
export function withPlugins(
  list: JsonObject,
  more: readonly JsonObject[],
): Outcome<JsonObject, readonly string[]> {
  const there = byKey(list);
  const added = [...byKey({ plugins: [...more] })];
  const other = added.filter(([key, plugin]) => there.has(key) && !isSame(there.get(key), plugin));
  if (other.length > 0) return fail(other.map(([key]) => nameOf(key)));
  const missing = added.filter(([key]) => !there.has(key)).map(([, plugin]) => plugin);
  return ok({ ...without(list, "plugins"), plugins: [...there.values(), ...missing] });
}

/** Whether two values say the same: others print an object's keys in their own order. */
export function isSame(one: Json | undefined, other: Json | undefined): boolean {
  return canonical(one) === canonical(other);
}

function canonical(value: Json | undefined): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isObject(value)) return value === undefined ? "" : JSON.stringify(value);
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join(",")}}`;
}
