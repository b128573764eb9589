import type { JsonObject } from "../../../cni/json.ts";
import type { DecodedFields, TenantReader } from "./tenant-fields.ts";

/** One link, bridge, VLAN or device of the node that a definition uses, in the words of `resources.json`. */
export interface Use {
  readonly kind: "masters" | "bridges" | "vlans" | "devices";
  /** The name of a link, bridge or device, or a VLAN's number, or `100-199`. It is empty if the plugin itself chooses. */
  readonly name: string;
}

/** How a tenant may write one plugin type. */
export interface Schema {
  /** `main` makes an interface, `chained` works on one that a plugin before it made, `ipam` is called by a main plugin. */
  readonly role: "main" | "chained" | "ipam";
  /** The type's own fields. Every plugin may have others besides (`type`, `capabilities`, `ipam`, `dns`, ...). */
  readonly fields: DecodedFields;
  /**
   * Fields that must be there. Without one of them the plugin would do something that no tenant may decide. Each has the
   * reason, as the words that follow the field's name.
   */
  readonly needs?: Readonly<Record<string, string>>;
  /** The type's own fields of `args.cni`. Every plugin may have others there besides (`ips`, `mac`). */
  readonly args?: DecodedFields;
  /**
   * If this reader takes the network's name, plugins are given the name as it is written. That is for a type whose own
   * controller reads the definition and knows the network by that name.
   */
  readonly keptName?: TenantReader;
  /**
   * Fields that name state which is shared by name, as the network's name does. If that name carries the namespace, so do they.
   */
  readonly namesState?: readonly string[];
  /** The links of the node that a decoded definition uses. Left out for a type that uses none. */
  readonly uses?: (decoded: JsonObject) => readonly Use[];
}

/** Schemas by type. Each is made when it is asked for, because an ADD needs only two or three of them. */
export type Schemas = Readonly<Record<string, () => Schema>>;
