import { isObject, type JsonDocument } from "./json-document.ts";

/**
 * What the suite varies in a configuration. `{{name}}` within a text is replaced by a text; a text that is nothing but
 * `{{name}}` by any JSON value; `{{name=default}}` is the default while nothing is varied.
 *
 *   {{state}}     a folder of the case's own
 *   {{node}}      the path of the network namespace that plays the node
 *   {{uplink}}    a link of the node (asks the suite to make one)
 *   {{device}}    a link of the node for this container alone (the same)
 *   {{subnet}}    the addresses that there are; a small one when a probe is to exhaust them
 *   {{delegate}}  the type of the plugin that is run, for recorders
 *   {{list}}      a list of plugins, for recorders
 *   {{plugin}}    the executable under test, {{suite}} the suite's own: for the services of a profile
 */
export type Holes = Readonly<Record<string, unknown>>;

const hole = /\{\{(\w+)(?:=([^}]*))?\}\}/g;
const wholeHole = /^\{\{(\w+)(?:=([^}]*))?\}\}$/;

export function fill(template: JsonDocument, holes: Holes): JsonDocument {
  return fillValue(template, holes) as JsonDocument;
}

function fillValue(value: unknown, holes: Holes): unknown {
  if (typeof value === "string") return fillText(value, holes);
  if (Array.isArray(value)) return value.map((each) => fillValue(each, holes));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, fillValue(each, holes)]));
}

export function fillText(text: string, holes: Holes): unknown {
  const whole = wholeHole.exec(text);
  if (whole !== null) return contentOf(holes, whole[1] ?? "", whole[2]);
  return text.replaceAll(hole, (_all, name: string, byDefault: string | undefined) =>
    String(contentOf(holes, name, byDefault)),
  );
}

function contentOf(holes: Holes, name: string, byDefault: string | undefined): unknown {
  const value = holes[name] ?? byDefault;
  if (value === undefined) throw new Error(`the configuration has a hole {{${name}}} that nothing fills`);
  return value;
}

/** Every case fills the holes of these names. A hole of another name needs a default. */
const filled = ["state", "node", "uplink", "device", "version", "network", "list", "plugin", "suite"];

/** The names of the holes of a configuration that nothing would fill. */
export function openHolesOf(template: unknown): readonly string[] {
  const text = JSON.stringify(template) ?? "";
  return [...text.matchAll(hole)].flatMap(([, name = "", byDefault]) =>
    byDefault !== undefined || filled.includes(name) ? [] : [name],
  );
}

/** The names of the holes of a configuration. */
export function holesOf(template: unknown): ReadonlySet<string> {
  const text = JSON.stringify(template) ?? "";
  return new Set([...text.matchAll(hole)].map(([, name = ""]) => name));
}
