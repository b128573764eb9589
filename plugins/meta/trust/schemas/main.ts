import { flag } from "../../../../cni/readers.ts";
import type { Schema, Schemas } from "../schema.ts";
import { linkName, mac, oneOf, operators, operatorsBut } from "../tenant-fields.ts";
import {
  besideOthers,
  counted,
  deviceId,
  deviceUse,
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
 * Schemas of the main plugins of containernetworking/plugins v1.8.0. Each table follows the plugin's configuration struct. The
 * plugins put interfaces on the node's links by name, as with Multus, and `resources.json` restricts which links.
 */
const ipMasqBackend = oneOf("", "iptables", "nftables");

const bridge = (): Schema => ({
  role: "main",
  fields: besideOthers({
    bridge: linkName,
    isGateway: flag,
    isDefaultGateway: flag,
    forceAddress: flag,
    ipMasq: flag,
    ipMasqBackend,
    mtu,
    hairpinMode: flag,
    promiscMode: flag,
    vlan: vlanId,
    vlanTrunk,
    preserveDefaultVlan: flag,
    macspoofchk: flag,
    enabledad: flag,
    disableContainerInterface: flag,
    portIsolation: flag,
  }),
  uses: (decoded) => [
    { kind: "bridges", name: textOrEmpty(decoded.bridge) || "cni0" },
    ...vlanUse(decoded.vlan),
    ...trunkUses(decoded.vlanTrunk),
  ],
});

const macvlan = (): Schema => ({
  role: "main",
  fields: besideOthers({
    master: linkName,
    mode: oneOf("", "bridge", "private", "vepa", "passthru"),
    mtu,
    mac: maybe(mac),
    linkInContainer: flag,
    bcqueuelen: counted,
  }),
  uses: masterUse,
});

const ipvlan = (): Schema => ({
  role: "main",
  fields: besideOthers({
    master: linkName,
    mode: oneOf("", "l2", "l3", "l3s"),
    mtu,
    linkInContainer: flag,
  }),
  uses: masterUse,
});

const vlan = (): Schema => ({
  role: "main",
  fields: besideOthers({ master: linkName, vlanId, mtu, linkInContainer: flag }),
  // If the VLAN's link is in the pod, its packets stay within what that link carries. So it uses no VLAN of the node.
  uses: (decoded) =>
    decoded.linkInContainer === true ? [] : [...masterUse(decoded), ...vlanUse(decoded.vlanId)],
});

const ptp = (): Schema => ({ role: "main", fields: besideOthers({ ipMasq: flag, ipMasqBackend, mtu }) });

/** host-device takes a device away from the node. */
const hostDevice = (): Schema => ({
  role: "main",
  fields: besideOthers({
    device: linkName,
    hwaddr: maybe(mac),
    pciBusID: deviceId,
    kernelpath: operators("Name the device with device, hwaddr or pciBusID"),
  }),
  uses: ({ device, hwaddr, pciBusID }) => [device, hwaddr, pciBusID].flatMap(deviceUse),
});

const tap = (): Schema => ({
  role: "main",
  fields: {
    multiQueue: flag,
    mtu,
    mac: maybe(mac),
    owner: counted,
    group: counted,
    selinuxContext: operatorsBut(["system_u:system_r:container_t:s0"], "Leave it out"),
    bridge: linkName,
  },
  uses: ({ bridge: name }) =>
    textOrEmpty(name) === "" ? [] : [{ kind: "bridges", name: textOrEmpty(name) }],
});

export const mainSchemas: Schemas = {
  bridge,
  // KubeVirt and OpenShift name the same program so.
  "cnv-bridge": bridge,
  macvlan,
  ipvlan,
  vlan,
  ptp,
  dummy: () => ({ role: "main", fields: besideOthers({}) }),
  loopback: () => ({ role: "main", fields: {} }),
  "host-device": hostDevice,
  tap,
};
