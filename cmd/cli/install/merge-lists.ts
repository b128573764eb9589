import { isObject, type Json, type JsonObject, without } from "../../../cni/json.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import { pluginsOf } from "../meta-plugins.ts";

/**
 * A three-way merge of lists. Others write into the runtime's first list as well: a service mesh appends a plugin, the
 * primary's installer changes its own. The merge takes what we wrote last (base), what is there now (theirs) and what
 * we would write (ours). Each plugin and each field comes from the side that has changed it.
 */
export interface Three {
  /** Undefined when nobody knows what we wrote. Then every difference is a conflict. */
  readonly base: JsonObject | undefined;
  readonly theirs: JsonObject;
  readonly ours: JsonObject;
}

const own = "hawser";

/** Merges the lists. Fails with what both sides have changed: types of plugins, and names of fields. */
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
    // The installation decides about hawser's own plugin. A program that wrote the list anew without hawser did not
    // decide against it.
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

/** Plugins by type and number: the first of a type, the second, and so on. */
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

/**
 * Puts the plugins in order. Theirs keep their order. A plugin that only we have follows the same plugin as in our
 * list, and hawser comes last.
 */
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

/** The plugins of `list` that are not hawser, in its order. */
export function othersIn(list: JsonObject): JsonObject[] {
  return pluginsOf(list).filter(({ type }) => type !== own);
}

/**
 * Adds plugins at the end of a list. Leaves out those that the list has already. Fails with the types that the list has
 * with other content.
 */
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

/**
 * Whether two values are equal. The order of an object's keys does not count, because other programs print keys in
 * their own order.
 */
export function isSame(one: Json | undefined, other: Json | undefined): boolean {
  return canonical(one) === canonical(other);
}

function canonical(value: Json | undefined): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isObject(value)) return value === undefined ? "" : JSON.stringify(value);
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join(",")}}`;
}
