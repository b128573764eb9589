import { isObject, type Json, type JsonObject } from "../../../cni/json.ts";
import { type Reader, refuse } from "../../../cni/readers.ts";
import type { NetworkRequest } from "../../../kube/annotation.ts";

/** The kinds of requests that a pod's author may make of a network beyond being attached to it. */
export const requestKinds = [
  "ips",
  "mac",
  "infinibandGUID",
  "portMappings",
  "bandwidth",
  "deviceID",
  "defaultRoute",
  "cniArgs",
  "interface",
  "ipamClaim",
  "defaultNetwork",
] as const;

export type RequestKind = (typeof requestKinds)[number];
export type Permission = "allow" | "deny";
export type Permissions = Readonly<Record<RequestKind, Permission>>;

/** The request kinds that a request uses. A request for the primary network also asks to replace the node's primary. */
export function requestedKinds(request: NetworkRequest, role: "primary" | "secondary"): RequestKind[] {
  const values: Readonly<Record<RequestKind, unknown>> = {
    ips: request.ips,
    mac: request.mac,
    infinibandGUID: request.infinibandGuid,
    portMappings: request.portMappings,
    bandwidth: request.bandwidth,
    deviceID: request.deviceId,
    defaultRoute: request.defaultRoute,
    cniArgs: request.cniArgs,
    interface: request.interface,
    ipamClaim: request.ipamClaimReference,
    defaultNetwork: role === "primary" ? true : undefined,
  };
  return requestKinds.filter((kind) => values[kind] !== undefined);
}

/** The configuration's `requests`. */
export interface RequestRules {
  readonly everywhere: Permissions;
  /** Rules for `namespace/name` or `namespace/*`. They go before `everywhere`. */
  readonly networks: Readonly<Record<string, Partial<Permissions>>>;
}

/** Multus allows everything that plugins obey. */
export const allAllowed: Permissions = {
  ips: "allow",
  mac: "allow",
  infinibandGUID: "allow",
  portMappings: "allow",
  bandwidth: "allow",
  deviceID: "allow",
  defaultRoute: "allow",
  cniArgs: "allow",
  interface: "allow",
  ipamClaim: "allow",
  defaultNetwork: "allow",
};

/**
 * A network's author offers what its plugins declare as capabilities; nobody offers a device that is named out of the
 * blue, which may be another pod's or the node's own, or arguments that any plugin may take for anything.
 */
export const safe: Permissions = { ...allAllowed, deviceID: "deny", cniArgs: "deny" };

/**
 * The permissions for one network. A rule for the network goes before a rule for its namespace, and that goes before the rules
 * for all.
 */
export function permissionsFor(
  { everywhere, networks }: RequestRules,
  network: { readonly namespace: string; readonly name: string },
): Permissions {
  const own = (key: string) => (Object.hasOwn(networks, key) ? networks[key] : {});
  const { namespace, name } = network;
  return { ...everywhere, ...own(`${namespace}/*`), ...own(`${namespace}/${name}`) };
}

/** `requests` as the configuration has it, without defaults. */
export interface SaidRules {
  readonly everywhere: Partial<Permissions>;
  readonly networks: RequestRules["networks"];
}

export const noRequestRules: SaidRules = { everywhere: {}, networks: {} };

/** The rules, with `defaults` for what they do not say. */
export function completeRules({ everywhere, networks }: SaidRules, defaults: Permissions): RequestRules {
  return { everywhere: { ...defaults, ...everywhere }, networks };
}

const mustBeRules = `must be an object of ${requestKinds.join(", ")}, each "allow" or "deny", and of "networks", an object of such objects by "namespace/name" or "namespace/*"`;

export const readRequests: Reader<SaidRules> = (value, place, notes) => {
  const rules = isObject(value) ? rulesOf(value) : undefined;
  return rules ?? refuse(notes, place, mustBeRules);
};

function rulesOf({ networks = {}, ...rest }: JsonObject): SaidRules | undefined {
  const everywhere = permissionsOf(rest);
  if (everywhere === undefined || !isObject(networks)) return undefined;
  const read = Object.entries(networks).map(([key, each]) => [key, permissionsOf(each)] as const);
  const right = read.flatMap(([key, each]) => (each && networkKey.test(key) ? [[key, each] as const] : []));
  return right.length === read.length ? { everywhere, networks: Object.fromEntries(right) } : undefined;
}

const networkKey =
  /^[a-z0-9]([-a-z0-9]*[a-z0-9])?\/(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)$/;

/** Undefined when any key or value is no permission. */
function permissionsOf(value: Json): Partial<Permissions> | undefined {
  if (!isObject(value)) return undefined;
  const read: Partial<Record<RequestKind, Permission>> = {};
  for (const [key, each] of Object.entries(value)) {
    const kind = requestKinds.find((known) => known === key);
    if (kind === undefined || (each !== "allow" && each !== "deny")) return undefined;
    read[kind] = each;
  }
  return read;
}
