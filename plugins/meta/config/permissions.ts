import { isObject, type Json, type JsonObject } from "../../../cni/json.ts";
import type { NetworkRequest } from "../../../kube/annotation.ts";

/** What a pod's author may ask of a network beyond being attached to it. */
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

/** What a request asks beyond being attached; `isPrimary`: as the pod's own choice of its primary network. */
export function requestedKinds(request: NetworkRequest, isPrimary: boolean): RequestKind[] {
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
    defaultNetwork: isPrimary || undefined,
  };
  return requestKinds.filter((kind) => values[kind] !== undefined);
}

/** The configuration's `requests`. */
export interface RequestRules {
  readonly everywhere: Permissions;
  /** By `namespace/name` or `namespace/*`: what goes before `everywhere`. */
  readonly networks: Readonly<Record<string, Partial<Permissions>>>;
}

/** What Multus does: whatever the plugins obey. */
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

/** What goes for one network; a rule for it goes before one for its namespace, and that before those for all. */
export function permissionsFor(
  { everywhere, networks }: RequestRules,
  network: { readonly namespace: string; readonly name: string },
): Permissions {
  const own = (key: string) => (Object.hasOwn(networks, key) ? networks[key] : {});
  const { namespace, name } = network;
  return { ...everywhere, ...own(`${namespace}/*`), ...own(`${namespace}/${name}`) };
}

/** Reads what `isRequestRules` accepts; what it does not say is as in `defaults`. */
export function readRequestRules(value: Json | undefined, defaults: Permissions): RequestRules {
  if (!isRequestRules(value)) return { everywhere: defaults, networks: {} };
  const { networks, ...everywhere } = value;
  return {
    everywhere: { ...defaults, ...(everywhere as Partial<Permissions>) },
    networks: (networks ?? {}) as RequestRules["networks"],
  };
}

export function isRequestRules(value: unknown): value is JsonObject {
  if (!isObject(value)) return false;
  const { networks = {}, ...everywhere } = value;
  if (!isObject(networks) || !isPermissions(everywhere)) return false;
  return Object.entries(networks).every(([key, each]) => networkKey.test(key) && isPermissions(each));
}

const networkKey =
  /^[a-z0-9]([-a-z0-9]*[a-z0-9])?\/(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)$/;

function isPermissions(value: unknown): boolean {
  if (!isObject(value)) return false;
  const kinds: readonly string[] = requestKinds;
  return Object.entries(value).every(
    ([key, each]) => kinds.includes(key) && (each === "allow" || each === "deny"),
  );
}
