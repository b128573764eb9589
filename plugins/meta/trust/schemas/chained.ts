import { flag } from "../../../../cni/readers.ts";
import type { Schema, Schemas } from "../schema.ts";
import {
  address,
  cidr,
  type DecodedFields,
  linkName,
  list,
  mac,
  matching,
  oneOf,
  operatorsBut,
  record,
  whole,
} from "../tenant-fields.ts";
import { conditions } from "./conditions.ts";
import { counted, maybe, mtu } from "./readers.ts";

/**
 * Schemas of the chained plugins of containernetworking/plugins v1.8.0, with what its main branch has added since. The plugins
 * work within the pod. Some also write rules into the node's packet filter: each word of those is checked.
 */

/**
 * Whether a sysctl belongs to the pod's network namespace: `net.` with dots or slashes, and IFNAME for the interface. No part
 * of it is empty, so it cannot lead out of the folder.
 */
const isSysctl = (key: string) => key.length <= 200 && /^net([./][A-Za-z0-9_-]{1,64}){1,12}$/.test(key);

const tuningFields = (): DecodedFields => ({
  sysctl: record(isSysctl, matching(/^[A-Za-z0-9_.:, \t-]{0,256}$/, "is no sysctl's value")),
  mac: maybe(mac),
  promisc: flag,
  mtu,
  allmulti: flag,
  txQLen: whole(0, 1_000_000),
});

const tuning = (): Schema => ({
  role: "chained",
  fields: { ...tuningFields(), dataDir: operatorsBut(["/run/cni/tuning"], "Leave it out") },
  args: tuningFields(),
});

const portmap = (): Schema => ({
  role: "chained",
  fields: {
    backend: oneOf("", "iptables", "nftables"),
    snat: flag,
    masqAll: flag,
    conditionsV4: conditions,
    conditionsV6: conditions,
    // Rules that all networks share masquerade every packet of the node whose mark has this bit. So the bit is fixed.
    markMasqBit: whole(13, 13),
    externalSetMarkChain: operatorsBut(["KUBE-MARK-MASQ"], "Leave it out for a chain of the plugin's own"),
  },
});

/** Bits, or bits per second. No link is faster, and beyond this number JavaScript and Go count differently. */
const bits = whole(0, Number.MAX_SAFE_INTEGER);

const bandwidth = (): Schema => ({
  role: "chained",
  fields: {
    ingressRate: bits,
    ingressBurst: bits,
    egressRate: bits,
    egressBurst: bits,
    // Only v1.6.0 reads this field.
    shapedSubnets: list(cidr),
    unshapedSubnets: list(cidr),
  },
});

const firewall = (): Schema => ({
  role: "chained",
  fields: {
    backend: oneOf("", "iptables", "firewalld", "nftables"),
    // The packets that the node forwards go through this chain first. A chain of another program could let them pass.
    iptablesAdminChainName: maybe(
      matching(/^CNI-[A-Za-z0-9_-]{1,24}$/, 'is no chain of the plugin\'s own; begin its name with "CNI-"'),
    ),
    firewalldZone: maybe(matching(/^[A-Za-z0-9_][A-Za-z0-9_-]{0,16}$/, "is no zone's name")),
    ingressPolicy: oneOf("", "open", "same-bridge", "isolated"),
  },
});

const sbr = (): Schema => ({
  role: "chained",
  fields: { table: counted, gateways: list(address), addSourceHints: flag },
});

const vrf = (): Schema => ({ role: "chained", fields: { vrfname: linkName, table: counted } });

export const chainedSchemas: Schemas = {
  tuning,
  // KubeVirt names the same program so.
  "cnv-tuning": tuning,
  portmap,
  bandwidth,
  firewall,
  sbr,
  vrf,
};
