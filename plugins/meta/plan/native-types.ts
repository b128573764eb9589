import type { Chain } from "../../../cni/chain.ts";
import { isObject, type Json, type JsonObject } from "../../../cni/json.ts";
import { everyPlugins, type FieldShape, type Understood, understood } from "../../link/understood.ts";

type Table = Readonly<Record<string, Understood>>;

/**
 * The types of a chain that our own plugins are run for: those whose every field ours understands. An IPAM plugin is ours only
 * below main plugins that are, because another main plugin runs an executable.
 */
export function nativeTypes(plugins: readonly JsonObject[], table: Table = understood): string[] {
  const others = new Set<string>();
  const native = new Set<string>();
  for (const plugin of plugins) {
    const { type } = plugin;
    if (typeof type !== "string") continue;
    (whyNotOurs(plugin, table) === undefined ? native : others).add(type);
  }
  for (const plugin of plugins) {
    const type = isObject(plugin.ipam) ? plugin.ipam.type : undefined;
    if (typeof type !== "string" || type === "") continue;
    const isBelowOurs =
      typeof plugin.type === "string" && native.has(plugin.type) && !others.has(plugin.type);
    const isOurs = isBelowOurs && whyNotOursIpam(plugin, table) === undefined;
    (isOurs ? native : others).add(type);
  }
  return [...native].filter((type) => !others.has(type));
}

/** The same chain, with the types that ours are run for. */
export function withNative(chain: Chain): Chain {
  const native = nativeTypes(chain.plugins);
  return native.length === 0 ? chain : { ...chain, native };
}

/** A plugin that its executable is run for, although there is one of ours. */
export interface NotOurs {
  readonly type: string;
  /** The place of the first field that ours does not understand. */
  readonly field: string;
}

/** Why executables are run for the types of a chain that there is a plugin of ours for. */
export function notOurs({ plugins, native = [] }: Chain, table: Table = understood): NotOurs[] {
  const found: NotOurs[] = [];
  for (const plugin of plugins) {
    const { type, ipam } = plugin;
    const isOurs = native.includes(String(type));
    const field = isOurs ? undefined : fieldOr(rowOf(table, type), () => whyNotOurs(plugin, table));
    if (field !== undefined) found.push({ type: String(type), field });
    const inner = isObject(ipam) ? ipam.type : undefined;
    if (!isOurs || native.includes(String(inner))) continue;
    const within = fieldOr(rowOf(table, inner), () => whyNotOursIpam(plugin, table));
    if (within !== undefined) found.push({ type: String(inner), field: within });
  }
  return found;
}

function fieldOr(row: Understood | undefined, why: () => string | undefined): string | undefined {
  return row === undefined ? undefined : why();
}

/** Why ours is not run for a plugin: the first field that ours does not understand, or that there is none of ours. */
export function whyNotOurs(plugin: JsonObject, table: Table = understood): string | undefined {
  const own = rowOf(table, plugin.type);
  if (own === undefined || own.role === "ipam") return "there is no such plugin of ours";
  const ipam = own.role === "main" && isObject(plugin.ipam) ? rowOf(table, plugin.ipam.type) : undefined;
  // Its IPAM plugin reads the same capabilities and arguments. What another program understands is its own business.
  const isOpen = own.role === "main" && isObject(plugin.ipam) && ipam === undefined;
  const top: Record<string, FieldShape> = {
    ...everyPlugins,
    ...own.fields,
    ...(own.role === "main" && { ipam: "anything" }),
    runtimeConfig: isOpen ? "anything" : { ...own.capabilities, ...ipam?.capabilities, deviceID: "text" },
    args: { cni: isOpen ? "anything" : { ...own.args, ...ipam?.args } },
  };
  return misfit(plugin, top, "");
}

/** The same for its IPAM plugin. */
export function whyNotOursIpam({ ipam }: JsonObject, table: Table = understood): string | undefined {
  const row = isObject(ipam) ? rowOf(table, ipam.type) : undefined;
  if (row?.role !== "ipam") return "there is no such plugin of ours";
  return misfit(ipam ?? null, { ...row.fields, type: "text", name: "text" }, "ipam");
}

function rowOf(table: Table, type: Json | undefined): Understood | undefined {
  return typeof type === "string" && Object.hasOwn(table, type) ? table[type] : undefined;
}

/** The place of the first value that has not its shape. */
function misfit(value: Json, shape: FieldShape, place: string): string | undefined {
  if (shape === "anything" || value === null) return undefined;
  if (typeof shape === "string") return isShaped(value, shape) ? undefined : place;
  if (isListShape(shape)) {
    if (!Array.isArray(value)) return place;
    return firstOf(value.entries(), ([index, each]) => misfit(each, shape[0], `${place}[${index}]`));
  }
  if (!isObject(value)) return place;
  return firstOf(Object.entries(value), ([key, each]) => {
    const at = place === "" ? key : `${place}.${key}`;
    const field = Object.hasOwn(shape, key) ? shape[key] : undefined;
    return field === undefined ? at : misfit(each, field, at);
  });
}

function isListShape(shape: Exclude<FieldShape, string>): shape is readonly [FieldShape] {
  return Array.isArray(shape);
}

function isShaped(value: Json, shape: "text" | "flag" | "number" | "words"): boolean {
  switch (shape) {
    case "text":
      return typeof value === "string";
    case "flag":
      return typeof value === "boolean";
    case "number":
      return typeof value === "number";
    case "words":
      return isObject(value) && Object.values(value).every((each) => typeof each === "string");
  }
}

function firstOf<T>(values: Iterable<T>, find: (value: T) => string | undefined): string | undefined {
  for (const value of values) {
    const found = find(value);
    if (found !== undefined) return found;
  }
  return undefined;
}
