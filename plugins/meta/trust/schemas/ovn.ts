import { addressFamily, cidrFamily } from "../../../../cni/address.ts";
import { flag } from "../../../../cni/readers.ts";
import type { Schema, Schemas } from "../schema.ts";
import {
  address,
  cidr,
  type DecodedFields,
  list,
  matching,
  object,
  oneOf,
  operatorsBut,
  type TenantReader,
  text,
} from "../tenant-fields.ts";
import { deviceId, deviceUse, logFields, maybe, mtu, textOrEmpty, vlanId, vlanUse } from "./readers.ts";

/**
 * Schemas of OVN-Kubernetes and Kube-OVN. Their controllers read the definition themselves and make the network by it. The
 * plugin then asks the node's daemon for the pod's part of the network. So the configuration that the plugin is given must name
 * its own definition, and no other.
 */

/** Reads a text of parts with commas between them. */
function listed(isRight: (each: string) => boolean, what: string): TenantReader {
  return maybe(
    text((value) =>
      value.split(",").every((each) => isRight(each.trim())) ? undefined : `is no list of ${what}`,
    ),
  );
}

const isSubnet = (each: string) => cidrFamily(each) !== undefined;
/** Reads the subnet of a network that gives a part of it to each node: after its own prefix length stands that of the parts. */
const isSplitSubnet = (each: string) => isSubnet(each) || isSubnet(each.replace(/\/[0-9]{1,3}$/, ""));

const subnets = listed(isSubnet, "networks like 10.1.0.0/16");
const addresses = listed((each) => addressFamily(each) !== undefined, "IP addresses");

const ownDefinition: TenantReader = (value, place, notes) => {
  const isOwn = typeof value === "string" && ownName.test(value) && value.startsWith(`${notes.namespace}/`);
  if (isOwn) return value;
  notes.problems.push({ place, why: `names no definition of its own namespace: ${notes.namespace}/NAME` });
  return undefined;
};
const ownName = /^[a-z0-9-]{1,63}\/[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/** The names that OVN-Kubernetes uses for the cluster's own network. */
const clustersOwn = ["", "default", "ovn-kubernetes"];

const ovnKubernetes = (): Schema => ({
  role: "main",
  fields: {
    topology: oneOf("", "layer2", "layer3", "localnet"),
    netAttachDefName: ownDefinition,
    role: oneOf("", "primary", "secondary"),
    mtu,
    subnets: listed(isSplitSubnet, "networks like 10.1.0.0/16 or 10.1.0.0/16/24"),
    excludeSubnets: subnets,
    joinSubnet: subnets,
    infrastructureSubnets: subnets,
    reservedSubnets: subnets,
    defaultGatewayIPs: addresses,
    vlanID: vlanId,
    allowPersistentIPs: flag,
    physicalNetworkName: maybe(
      matching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, "is no physical network's name"),
    ),
    deviceID: deviceId,
    ...logFields("logFile", "logLevel", "logfile-maxsize", "logfile-maxbackups", "logfile-maxage"),
  },
  needs: { netAttachDefName: "is missing; without it the cluster's own network would be meant" },
  keptName: text((value) => (clustersOwn.includes(value) ? "is the cluster's own network" : undefined)),
  uses: ({ topology, physicalNetworkName, name, vlanID, deviceID }) => [
    ...(topology === "localnet"
      ? [
          { kind: "bridges" as const, name: textOrEmpty(physicalNetworkName) || textOrEmpty(name) },
          ...vlanUse(vlanID),
        ]
      : []),
    ...deviceUse(deviceID),
  ],
});

/** A provider is `NAME.NAMESPACE`. If the network itself is OVN's, `.ovn` follows. */
const provider: TenantReader = (value, place, notes) => {
  const [name, namespace, kind, ...others] = typeof value === "string" ? value.split(".") : [];
  const isKind = kind === undefined || kind === "ovn";
  if (/^[a-z0-9-]{1,63}$/.test(name ?? "") && namespace === notes.namespace && isKind && others.length === 0)
    return value;
  const why = `names no definition of its own namespace: NAME.${notes.namespace}.ovn, or NAME.${notes.namespace} of an IPAM plugin`;
  notes.problems.push({ place, why });
  return undefined;
};

const needs = { provider: "is missing; without it the cluster's own network would be meant" };
const kubeOvnFields = (): DecodedFields => ({
  server_socket: maybe(operatorsBut(["/run/openvswitch/kube-ovn-daemon.sock"], "Write that")),
  provider,
  routes: list(object({ dst: maybe(cidr), gw: maybe(address) })),
});
/** The name of a volume. The daemon looks for it among the pod's own volumes. */
const volume = maybe(matching(/^[a-z0-9][a-z0-9-]{0,62}$/, "is no volume's name"));
const socketName = maybe(
  matching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}(\.sock)?$/, "is no name of a socket within it"),
);

const kubeOvn = (): Schema => ({
  role: "main",
  fields: {
    ...kubeOvnFields(),
    deviceID: deviceId,
    vf_driver: oneOf("", "vfio-pci", "mlx5_core"),
    vhost_user_socket_volume_name: volume,
    vhost_user_socket_name: socketName,
    vhost_user_socket_consumption: oneOf("", "kubevirt"),
  },
  needs,
  uses: ({ deviceID }) => deviceUse(deviceID),
});

export const ovnSchemas: Schemas = { "ovn-k8s-cni-overlay": ovnKubernetes, "kube-ovn": kubeOvn };
export const ovnIpamSchemas: Schemas = {
  "kube-ovn": () => ({ role: "ipam", fields: kubeOvnFields(), needs }),
};
