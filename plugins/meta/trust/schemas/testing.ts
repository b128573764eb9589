import type { Json, JsonObject } from "../../../../cni/json.ts";
import { type Notes, readFields } from "../fields.ts";
import { schemaOf } from "./index.ts";

/** What a schema made of an object: what would be handed on, and what was said. */
export interface Read {
  readonly handedOn: JsonObject;
  readonly problems: readonly string[];
  readonly leftOut: readonly string[];
}

/** Reads the own fields of a plugin, or of an IPAM plugin (`ipam:host-local`), as a tenant of this namespace wrote them. */
export function readAs(type: string, value: JsonObject, namespace = "shop"): Read {
  const isIpam = type.startsWith("ipam:");
  const schema = schemaOf(isIpam ? type.slice("ipam:".length) : type, isIpam ? "ipam" : "plugin");
  if (schema === undefined) throw new Error(`there is no schema of ${type}`);
  const notes: Notes = { unknownKeys: "refuse", namespace, problems: [], leftOut: [] };
  const handedOn = readFields(schema.fields, value, "", notes);
  const missing = Object.entries(schema.needs ?? {}).filter(([field]) => (value[field] ?? null) === null);
  const problems = [...notes.problems, ...missing.map(([place, why]) => ({ place, why }))];
  return { handedOn, problems: problems.map(({ place, why }) => `${place} ${why}`), leftOut: notes.leftOut };
}

/** One field of a type with one value. */
export type FieldCase = readonly [type: string, field: string, value: Json];
