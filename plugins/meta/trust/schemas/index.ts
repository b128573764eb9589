import type { Part } from "../plugin-types.ts";
import type { Schema, Schemas } from "../schema.ts";
import { chainedSchemas } from "./chained.ts";
import { referenceIpamSchemas } from "./ipam.ts";
import { vendorIpamSchemas } from "./ipam-vendors.ts";
import { mainSchemas } from "./main.ts";
import { ovnIpamSchemas, ovnSchemas } from "./ovn.ts";
import { vendorSchemas } from "./vendors.ts";

const schemas: Readonly<Record<Part, Schemas>> = {
  plugin: { ...mainSchemas, ...chainedSchemas, ...vendorSchemas, ...ovnSchemas },
  // A type may be in both tables, with a different schema in each.
  ipam: { ...referenceIpamSchemas, ...vendorIpamSchemas, ...ovnIpamSchemas },
};
const made: Record<Part, Map<string, Schema>> = { plugin: new Map(), ipam: new Map() };

/** The schema of a type that runs as this part of a network, undefined if there is none. */
export function schemaOf(type: string, part: Part): Schema | undefined {
  const known = made[part].get(type);
  if (known !== undefined) return known;
  const schema = Object.hasOwn(schemas[part], type) ? schemas[part][type]?.() : undefined;
  if (schema !== undefined) made[part].set(type, schema);
  return schema;
}

/** The types that have a schema. */
export function typesWithSchema(part: Part): string[] {
  return Object.keys(schemas[part]);
}
