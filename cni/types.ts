import type { JsonObject } from "./json.ts";
import type { Version } from "./version.ts";

/** An interface of a result (CNI 1.1.0, section 5, "Success"). `sandbox` is absent or empty on the host. */
export interface Interface {
  name: string;
  mac?: string;
  mtu?: number;
  sandbox?: string;
  socketPath?: string;
  pciID?: string;
}

export interface IpConfig {
  /** CIDR notation, `10.1.0.5/16`. */
  address: string;
  gateway?: string;
  /** Index into the result's `interfaces`. */
  interface?: number;
}

export interface Route {
  dst: string;
  gw?: string;
  mtu?: number;
  advmss?: number;
  priority?: number;
  table?: number;
  scope?: number;
}

export interface Dns {
  nameservers?: string[];
  domain?: string;
  search?: string[];
  options?: string[];
}

/** A result in the shape of 1.1.0, whatever version it is to be printed in. Unknown keys of its parts survive. */
export interface CniResult {
  interfaces?: Interface[];
  ips?: IpConfig[];
  routes?: Route[];
  dns?: Dns;
}

/** One plugin's network configuration as it came: typed where the specification types it, raw beside it. */
export interface NetworkConfig {
  readonly cniVersion: Version;
  readonly name: string;
  readonly type: string;
  /** Every key as it was read, unknown ones and exact numbers included. */
  readonly raw: JsonObject;
}

/** One entry of `cni.dev/valid-attachments` (CNI 1.1.0, section 4, "GC"). */
export interface ValidAttachment {
  readonly containerID: string;
  readonly ifname: string;
}
