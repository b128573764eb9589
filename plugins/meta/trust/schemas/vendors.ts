import { flag } from "../../../../cni/readers.ts";
import type { Schema, Schemas, Use } from "../schema.ts";
import {
  address,
  cidr,
  type DecodedFields,
  linkName,
  list,
  mac,
  matching,
  object,
  oneOf,
  operators,
  operatorsBut,
  routes,
  type TenantReader,
  whole,
} from "../tenant-fields.ts";
import {
  besideOthers,
  counted,
  deviceId,
  deviceUse,
  logFields,
  masterUse,
  maybe,
  mtu,
  textOrEmpty,
  trunkUses,
  vlanId,
  vlanTrunk,
  vlanUse,
} from "./readers.ts";

/**
 * Schemas of other projects' plugins, by their sources in the middle of 2026: sriov-cni, ib-sriov-cni, rdma-cni,
 * accelerated-bridge-cni, ipoib-cni, ovs-cni, bond-cni, route-override-cni, macvtap-cni, and Spiderpool's coordinator.
 */
const byResource = operators("Name the device's resource in the annotation k8s.v1.cni.cncf.io/resourceName");
const linkState = oneOf("", "auto", "enable", "disable");

const sriov = (): Schema => ({
  role: "main",
  fields: besideOthers({
    deviceID: deviceId,
    vlan: vlanId,
    vlanQoS: whole(0, 7),
    vlanProto: matching(/^802\.1([qQ]|[aA][dD])$/, "is neither 802.1q nor 802.1ad"),
    mtu,
    mac: maybe(mac),
    min_tx_rate: counted,
    max_tx_rate: counted,
    spoofchk: oneOf("", "on", "off"),
    trust: oneOf("", "on", "off"),
    link_state: linkState,
    ...logFields("logLevel", "logFile"),
  }),
  uses: ({ deviceID, vlan }) => [...deviceUse(deviceID), ...vlanUse(vlan)],
});

const ibSriov = (): Schema => ({
  role: "main",
  fields: besideOthers({
    deviceID: deviceId,
    pkey: maybe(matching(/^(0[xX])?[0-9A-Fa-f]{1,4}$/, "is no partition key")),
    link_state: linkState,
    rdmaIsolation: flag,
    ibKubernetesEnabled: flag,
    vfioPciMode: flag,
  }),
  args: { guid: matching(/^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){7}$/, "is no GUID") },
  uses: ({ deviceID }) => deviceUse(deviceID),
});

/** rdma works on the device of the plugin before it. A device that the tenant's text chooses could be any of the node's. */
const rdma = (): Schema => ({ role: "chained", fields: { deviceID: byResource }, args: { debug: flag } });

/** Names of bridges with commas between them. The plugin takes the first bridge that has the device's uplink. */
const bridgeNames = maybe(
  matching(
    /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}(,[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}){0,15}$/,
    "is no list of bridges' names",
  ),
);

const acceleratedBridge = (): Schema => ({
  role: "main",
  fields: {
    debug: flag,
    bridge: bridgeNames,
    vlan: vlanId,
    trunk: vlanTrunk,
    setUplinkVlan: flag,
    mac: maybe(mac),
    mtu,
    deviceID: deviceId,
  },
  uses: ({ bridge, vlan, trunk, deviceID }) => [
    ...(textOrEmpty(bridge) || "cni0").split(",").map((name): Use => ({ kind: "bridges", name })),
    ...vlanUse(vlan),
    ...trunkUses(trunk),
    ...deviceUse(deviceID),
  ],
});

const ipoib = (): Schema => ({
  role: "main",
  fields: besideOthers({ master: linkName, mtu }),
  uses: masterUse,
});

const ovs = (): Schema => ({
  role: "main",
  fields: besideOthers({
    bridge: linkName,
    vlan: vlanId,
    mtu,
    trunk: vlanTrunk,
    deviceID: deviceId,
    ofport_request: whole(0, 65_279),
    // These types do not make a socket, or the end of a tunnel or of another bridge.
    interface_type: oneOf("", "system", "internal", "tap", "dpdk"),
    configuration_path: maybe(
      operatorsBut(
        ["/etc/cni/net.d/ovs.d/ovs.conf", "/etc/kubernetes/cni/net.d/ovs.d/ovs.conf"],
        "Leave it out",
      ),
    ),
    socket_file: maybe(
      operatorsBut(
        [
          "unix:/var/run/openvswitch/db.sock",
          "unix:/run/openvswitch/db.sock",
          "unix:/usr/local/var/run/openvswitch/db.sock",
        ],
        "Leave it out; it is in the file of ovs-cni",
      ),
    ),
    link_state_check_retries: whole(0, 100),
    link_state_check_interval: whole(0, 60_000),
  }),
  args: { ovnPort: operators("Leave it out: a port of OVN's is told to its pod by OVN") },
  uses: ({ bridge, vlan, trunk, deviceID }) => [
    { kind: "bridges", name: textOrEmpty(bridge) },
    ...vlanUse(vlan),
    ...trunkUses(trunk),
    ...deviceUse(deviceID),
  ],
});

const inContainer: TenantReader = (value, place, notes) => {
  if (value === true) return value;
  notes.problems.push({ place, why: `must be true, since ${hostLinks}` });
  return undefined;
};
const hostLinks = "links of the node would be taken away from it, which is the operator's alone";

const bond = (): Schema => ({
  role: "main",
  fields: {
    mode: oneOf(
      "balance-rr",
      "active-backup",
      "balance-xor",
      "broadcast",
      "802.3ad",
      "balance-tlb",
      "balance-alb",
    ),
    linksInContainer: inContainer,
    failOverMac: whole(0, 2),
    miimon: matching(/^[0-9]{1,6}$/, "is no number of milliseconds"),
    links: list(object({ name: linkName }), 16),
    mtu,
    allSlavesActive: whole(0, 1),
    tlbDynamicLb: whole(0, 1),
    xmitHashPolicy: oneOf("layer2", "layer2+3", "layer3+4", "encap2+3", "encap3+4", "vlan+srcmac"),
  },
  needs: { linksInContainer: `is missing, so that ${hostLinks}; write true` },
});

const overrides = (): DecodedFields => ({
  flushroutes: flag,
  flushgateway: flag,
  delroutes: routes,
  addroutes: routes,
  skipcheck: flag,
});

/**
 * macvtap works on a device that a device plugin offers. A device that the tenant's text chooses could be any link of the node.
 */
const macvtap = (): Schema => ({
  role: "main",
  fields: {
    deviceID: byResource,
    mtu,
    promiscMode: flag,
    owner: counted,
    group: counted,
  },
});

const nodes = operators("Leave it out; the SpiderCoordinator has it for the cluster");
const prefix = matching(/^[A-Za-z][A-Za-z0-9_-]{0,13}$/, "is no beginning of an interface's name");

/** The coordinator makes a link between the pod and the node, with routes and rules at both ends. */
const coordinator = (): Schema => ({
  role: "chained",
  fields: {
    mode: oneOf("", "auto", "underlay", "overlay", "disable"),
    vethLinkAddress: maybe(address),
    vethMTU: mtu,
    podMACPrefix: maybe(matching(/^[0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}$/, "is no beginning of a MAC address")),
    multusNicPrefix: maybe(prefix),
    podDefaultCniNic: linkName,
    podDefaultRouteNic: linkName,
    overlayPodCIDR: list(cidr),
    serviceCIDR: list(cidr),
    hijackCIDR: list(cidr),
    policyRoutes: list(object({ dst: cidr, gw: address })),
    tunePodRoutes: flag,
    detectGateway: flag,
    detectIPConflict: flag,
    txQueueLen: whole(0, 1_000_000),
    podRPFilter: whole(-1, 2),
    hostRPFilter: nodes,
    hostRuleTable: nodes,
    ...logFields("logOptions"),
  },
});

export const vendorSchemas: Schemas = {
  sriov,
  "ib-sriov": ibSriov,
  rdma,
  "accelerated-bridge": acceleratedBridge,
  ipoib,
  ovs,
  bond,
  "route-override": () => ({ role: "chained", fields: overrides(), args: overrides() }),
  macvtap,
  coordinator,
};
