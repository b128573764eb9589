import type { JsonObject } from "../../../cni/json.ts";
import type { DecodedFields, TenantReader } from "./tenant-fields.ts";

/** What of the node a definition makes use of, by the words of `resources.json`. */
export interface Use {
  readonly kind: "masters" | "bridges" | "vlans" | "devices";
  /** A link's, a bridge's or a device's name, empty for the plugin's own choice; a VLAN's number, or `100-199`. */
  readonly name: string;
}

/** How a tenant may write one plugin type. */
export interface Schema {
  /** `main` makes an interface, `chained` works on one that a plugin before it made, `ipam` is called by a main plugin. */
  readonly role: "main" | "chained" | "ipam";
  /** Its own fields, besides those that each plugin may have (`type`, `capabilities`, `ipam`, `dns`, ...). */
  readonly fields: DecodedFields;
  /**
   * Fields that must be there, since without them it would do what no tenant decides. Each with why, as what follows the
   * field's name.
   */
  readonly needs?: Readonly<Record<string, string>>;
  /** What it reads of `args.cni`, besides what each plugin may have there (`ips`, `mac`). */
  readonly args?: DecodedFields;
  /**
   * Its network's name is handed on as it is written, if this takes it: a controller of its own reads the definition itself,
   * and knows the network by that name.
   */
  readonly keptName?: TenantReader;
  /** Fields that name others' state, as the network's name does: they carry the namespace where that does. */
  readonly namesState?: readonly string[];
  /** Which links of the node what was decoded makes use of; nothing when it is left out. */
  readonly uses?: (decoded: JsonObject) => readonly Use[];
}

/** By type. Each is made when it is asked for: an ADD needs two or three of them, and waits for what it does not. */
export type Schemas = Readonly<Record<string, () => Schema>>;
