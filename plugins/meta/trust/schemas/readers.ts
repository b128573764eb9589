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

/** Takes an empty text as well as what the reader takes: Go's decoder cannot tell an empty text from a missing field. */
export function maybe(reader: TenantReader): TenantReader {
  return either(oneOf(""), reader);
}

export const mtu = whole(0, 65_536);
export const vlanId = whole(0, 4094);
export const counted = whole(0, 4_294_967_295);

const trunkId = whole(1, 4094);
export const vlanTrunk = list(object({ minID: trunkId, maxID: trunkId, id: trunkId }));

/** A PCI or auxiliary device by its address on the bus, as in `/sys/bus`. A path is refused. */
export const deviceId = maybe(
  matching(
    /^([0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-7]|[A-Za-z0-9_]{1,40}\.[A-Za-z0-9_]{1,40}\.[0-9]{1,10})$/,
    "is no device's PCI address or auxiliary name",
  ),
);

/** A name as Kubernetes gives it to objects. */
const subdomain = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

export function isSubdomain(value: string): boolean {
  return subdomain.test(value) && !value.includes("..");
}

export const subdomainName = text((value) => (isSubdomain(value) ? undefined : "is no name of an object"));

/** Leaves out the fields that set a plugin's log, since the plugin would write a file on the node. */
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

/** The use of a VLAN, if the value is a VLAN's number. */
export function vlanUse(vlan: Json | undefined): Use[] {
  return typeof vlan === "number" && vlan > 0 ? [{ kind: "vlans", name: String(vlan) }] : [];
}

/** The uses of a trunk's VLANs. A range of which one end is missing counts as one VLAN. Plugins refuse it. */
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

/**
 * The use of the link that the plugin puts its interface on. If the definition names none, the plugin chooses a link of the
 * node.
 */
export function masterUse({ master, linkInContainer }: JsonObject): Use[] {
  return linkInContainer === true ? [] : [{ kind: "masters", name: textOrEmpty(master) }];
}

/** Leaves out a field that belongs to another plugin. Many people write such fields by mistake, and plugins ignore them. */
export const ofAnother = leftOut("its plugin has no such field");
const others = [
  ...["bridge", "isGateway", "isDefaultGateway", "ipMasq", "forceAddress", "hairpinMode", "promiscMode"],
  ...["vlan", "vlanId", "vlanTrunk", "master", "mode", "mtu", "mac", "linkInContainer", "resourceName"],
];

/**
 * The fields of a main plugin, with those of other main plugins that are left out. A field that Go could read as one of the
 * plugin's own is not among these.
 */
export function besideOthers(own: DecodedFields): DecodedFields {
  const folded = new Set(Object.keys(own).map(foldKey));
  const apart = others.filter((key) => !folded.has(foldKey(key)));
  return { ...own, ...Object.fromEntries(apart.map((key) => [key, ofAnother])) };
}
