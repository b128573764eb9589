import type { Schema, Schemas } from "../schema.ts";
import type { Part } from "../types.ts";
import { chainedSchemas } from "./chained.ts";
import { referenceIpamSchemas } from "./ipam.ts";
import { vendorIpamSchemas } from "./ipam-vendors.ts";
import { mainSchemas } from "./main.ts";
import { ovnIpamSchemas, ovnSchemas } from "./ovn.ts";
import { vendorSchemas } from "./vendors.ts";

/** What a network's plugins may say, by type. */
export const pluginSchemas: Schemas = { ...mainSchemas, ...chainedSchemas, ...vendorSchemas, ...ovnSchemas };
/** What stands in `ipam`, by its type. A type may be in both, and is another thing in each. */
export const ipamSchemas: Schemas = { ...referenceIpamSchemas, ...vendorIpamSchemas, ...ovnIpamSchemas };

/** How a tenant may write what runs as this part of a network; undefined where nobody has told. */
export function schemaOf(type: string, part: Part): Schema | undefined {
  const schemas = part === "plugin" ? pluginSchemas : ipamSchemas;
  return Object.hasOwn(schemas, type) ? schemas[type] : undefined;
}
