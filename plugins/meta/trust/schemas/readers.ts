import { foldKey } from "../../../../cni/fold.ts";
import { isObject, type Json, type JsonObject } from "../../../../cni/json.ts";
import type { Use } from "../schema.ts";
import {
  type DecodedFields,
  either,
  leftOut,
  list,
  matching,
  object,
  oneOf,
  type TenantReader,
  text,
  whole,
} from "../tenant-fields.ts";

/** Readers that several plugins' schemas use. */

/** Takes an empty text, too: Go's decoder cannot tell it from a missing field. */
export function maybe(reader: TenantReader): TenantReader {
  return either(oneOf(""), reader);
}

export const mtu = whole(0, 65_536);
export const vlanId = whole(0, 4094);
export const counted = whole(0, 4_294_967_295);

const trunkId = whole(1, 4094);
export const vlanTrunk = list(object({ minID: trunkId, maxID: trunkId, id: trunkId }));

/** A device by its bus and address there, as `/sys/bus` has it: PCI or auxiliary. No path. */
export const deviceId = maybe(
  matching(
    /^([0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-7]|[A-Za-z0-9_]{1,40}\.[A-Za-z0-9_]{1,40}\.[0-9]{1,10})$/,
    "is no device's PCI address or auxiliary name",
  ),
);

/** What a Kubernetes object, or something like it, is called. */
const subdomain = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

export function isSubdomain(value: string): boolean {
  return subdomain.test(value) && !value.includes("..");
}

export const subdomainName = text((value) => (isSubdomain(value) ? undefined : "is no name of an object"));

/** Leaves out the fields of a plugin's log: the plugin would write a file of the node's. */
export function logFields(...names: readonly string[]): DecodedFields {
  const reader: TenantReader = (_value, place, notes) => {
    notes.leftOut.push(
      `${place}: it would write a file of the node's, which no definition of a namespace does`,
    );
    return undefined;
  };
  return Object.fromEntries(names.map((name) => [name, reader]));
}

export function textOrEmpty(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

/** A VLAN by its number, if it is one. */
export function vlanUse(vlan: Json | undefined): Use[] {
  return typeof vlan === "number" && vlan > 0 ? [{ kind: "vlans", name: String(vlan) }] : [];
}

/** The VLANs of a trunk. Half of a range, which plugins refuse, counts as one VLAN. */
export function trunkUses(trunk: Json | undefined): Use[] {
  return (Array.isArray(trunk) ? trunk : []).filter(isObject).flatMap(({ id, minID, maxID }: JsonObject) => {
    const [least, most] = [minID ?? maxID, maxID ?? minID];
    const range: Use[] = least === undefined ? [] : [{ kind: "vlans", name: `${least}-${most}` }];
    return [...vlanUse(id), ...range];
  });
}

export function deviceUse(device: Json | undefined): Use[] {
  return textOrEmpty(device) === "" ? [] : [{ kind: "devices", name: textOrEmpty(device) }];
}

/** The link that a plugin's interface sits on; the plugin chooses one of the node's where the definition does not. */
export function masterUse({ master, linkInContainer }: JsonObject): Use[] {
  return linkInContainer === true ? [] : [{ kind: "masters", name: textOrEmpty(master) }];
}

/** Leaves out a field of another plugin. Many write such fields by mistake, and no plugin minds them. */
export const ofAnother = leftOut("its plugin has no such field");
const others = [
  ...["bridge", "isGateway", "isDefaultGateway", "ipMasq", "forceAddress", "hairpinMode", "promiscMode"],
  ...["vlan", "vlanId", "vlanTrunk", "master", "mode", "mtu", "mac", "linkInContainer", "resourceName"],
];

/** A main plugin's fields, and those of its siblings that its plugin cannot take for one of its own. */
export function besideOthers(own: DecodedFields): DecodedFields {
  const folded = new Set(Object.keys(own).map(foldKey));
  const apart = others.filter((key) => !folded.has(foldKey(key)));
  return { ...own, ...Object.fromEntries(apart.map((key) => [key, ofAnother])) };
}
