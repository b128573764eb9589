import type { Json, JsonObject } from "../../../../cni/json.ts";
import { readFields, type TenantNotes } from "../tenant-fields.ts";
import { schemaOf } from "./index.ts";

/** The result of reading an object by a schema: the object that plugins would be given, and the notes. */
export interface CorpusRead {
  readonly handedOn: JsonObject;
  readonly problems: readonly string[];
  readonly leftOut: readonly string[];
}

/**
 * Reads the own fields of a plugin or of an IPAM plugin (`ipam:host-local`), as if a tenant of this namespace had written them.
 */
export function readAs(type: string, value: JsonObject, namespace = "shop"): CorpusRead {
  const isIpam = type.startsWith("ipam:");
  const schema = schemaOf(isIpam ? type.slice("ipam:".length) : type, isIpam ? "ipam" : "plugin");
  if (schema === undefined) throw new Error(`there is no schema of ${type}`);
  const notes: TenantNotes = { unknownKeys: "refuse", namespace, problems: [], leftOut: [] };
  const handedOn = readFields(schema.fields, value, "", notes);
  const missing = Object.entries(schema.needs ?? {}).filter(([field]) => (value[field] ?? null) === null);
  const problems = [...notes.problems, ...missing.map(([place, why]) => ({ place, why }))];
  return { handedOn, problems: problems.map(({ place, why }) => `${place} ${why}`), leftOut: notes.leftOut };
}

const vf = "0000:3b:02.4";

/** For each type, its fields with legal values. Plugins are given each value as it is. */
export const legal: Readonly<Record<string, Readonly<Record<string, readonly Json[]>>>> = {
  bridge: {
    bridge: ["", "br1", "cni-podman0", "br_ext.100"],
    isGateway: [true, false],
    isDefaultGateway: [true],
    forceAddress: [true],
    ipMasq: [true],
    ipMasqBackend: ["", "iptables", "nftables"],
    mtu: [0, 1500, 9000],
    hairpinMode: [true],
    promiscMode: [true],
    vlan: [0, 100, 4094],
    vlanTrunk: [[], [{ minID: 100, maxID: 199 }, { id: 42 }]],
    preserveDefaultVlan: [false],
    macspoofchk: [true],
    enabledad: [true],
    disableContainerInterface: [true],
    portIsolation: [true],
  },
  "cnv-bridge": { bridge: ["br1"], macspoofchk: [true], vlan: [100], preserveDefaultVlan: [false] },
  macvlan: {
    master: ["", "eth0", "ens3f0.100", "bond0", "enp3s0f0np0", "eth0@if4"],
    mode: ["", "bridge", "private", "vepa", "passthru"],
    mtu: [1500],
    mac: ["", "02:00:00:00:00:01", "02-00-00-00-00-01", "0200.0000.0001"],
    linkInContainer: [true],
    bcqueuelen: [1000, 4_294_967_295],
  },
  ipvlan: { master: ["eth0"], mode: ["", "l2", "l3", "l3s"], mtu: [1400], linkInContainer: [false] },
  vlan: { master: ["eth0"], vlanId: [5], mtu: [1500], linkInContainer: [true] },
  ptp: { ipMasq: [true], ipMasqBackend: ["nftables"], mtu: [1500] },
  "host-device": { device: ["eth1"], hwaddr: ["02:00:00:00:00:01"], pciBusID: ["", vf, "mlx5_core.sf.4"] },
  tap: {
    multiQueue: [true],
    mtu: [1500],
    mac: ["02:00:00:00:00:01"],
    owner: [107],
    group: [107],
    selinuxContext: ["system_u:system_r:container_t:s0"],
    bridge: ["br1"],
  },
  tuning: {
    sysctl: [
      {},
      { "net.core.somaxconn": "512", "net.ipv4.conf.IFNAME.arp_filter": "1" },
      { "net/ipv4/conf/eth0/rp_filter": "2", "net.ipv4.tcp_rmem": "4096\t87380 6291456" },
    ],
    mac: ["c2:b0:57:49:47:f1"],
    promisc: [true],
    mtu: [1454],
    allmulti: [true, false],
    txQLen: [0, 20_000],
    dataDir: ["/run/cni/tuning"],
  },
  "cnv-tuning": { promisc: [true] },
  portmap: {
    backend: ["iptables", "nftables"],
    snat: [true],
    masqAll: [true],
    markMasqBit: [13],
    externalSetMarkChain: ["KUBE-MARK-MASQ"],
    conditionsV4: [
      [],
      [""],
      ["!", "-d", "192.0.2.0/24"],
      ["-s", "10.0.0.0/8", "!", "-i", "eth+", "-p", "tcp"],
    ],
    conditionsV6: [["!", "-d", "fc00::/7"]],
  },
  bandwidth: {
    ingressRate: [0, 123_000_000_000],
    ingressBurst: [456],
    egressRate: [1],
    egressBurst: [34_359_738_360],
    shapedSubnets: [["10.0.0.0/8", "fd00::/8"]],
    unshapedSubnets: [["10.0.0.0/8"]],
  },
  firewall: {
    backend: ["iptables", "firewalld", ""],
    iptablesAdminChainName: ["", "CNI-ADMIN", "CNI-shop_1"],
    firewalldZone: ["trusted", "public"],
    ingressPolicy: ["open", "same-bridge", "isolated"],
  },
  sbr: { table: [100], gateways: [["192.0.2.1", "2001:db8::1"]], addSourceHints: [true] },
  vrf: { vrfname: ["blue"], table: [1001] },
  sriov: {
    deviceID: ["", vf, "10000:01:00.1"],
    vlan: [0, 1000],
    vlanQoS: [7],
    vlanProto: ["802.1q", "802.1Q", "802.1ad", "802.1AD"],
    mtu: [9000],
    mac: ["02:00:00:00:00:01"],
    min_tx_rate: [0],
    max_tx_rate: [25_000],
    spoofchk: ["on", "off"],
    trust: ["on", "off"],
    link_state: ["auto", "enable", "disable"],
  },
  "ib-sriov": {
    deviceID: [vf],
    pkey: ["0x8001", "0x6", "7FFF"],
    link_state: ["enable"],
    rdmaIsolation: [true],
    ibKubernetesEnabled: [false],
    vfioPciMode: [true],
  },
  "accelerated-bridge": {
    debug: [true],
    bridge: ["", "br1", "br1,br2"],
    vlan: [42],
    trunk: [[{ id: 42 }, { minID: 1000, maxID: 1010 }]],
    setUplinkVlan: [true],
    mac: ["02:00:00:00:00:01"],
    mtu: [1500],
    deviceID: [vf],
  },
  ipoib: { master: ["ib0"], mtu: [2044] },
  ovs: {
    bridge: ["", "br1"],
    vlan: [100],
    mtu: [2000],
    trunk: [[{ id: 42 }, { minID: 1000, maxID: 1010 }]],
    deviceID: [vf],
    ofport_request: [5],
    interface_type: ["", "internal", "dpdk"],
    configuration_path: ["/etc/cni/net.d/ovs.d/ovs.conf"],
    socket_file: ["unix:/var/run/openvswitch/db.sock", "unix:/usr/local/var/run/openvswitch/db.sock"],
    link_state_check_retries: [5],
    link_state_check_interval: [600],
  },
  bond: {
    mode: ["active-backup", "balance-rr", "802.3ad", "balance-tlb"],
    linksInContainer: [true],
    failOverMac: [0, 1, 2],
    miimon: ["100"],
    links: [[{ name: "net1" }, { name: "net2" }]],
    mtu: [1500],
    allSlavesActive: [0, 1],
    tlbDynamicLb: [1],
    xmitHashPolicy: ["layer3+4"],
  },
  "route-override": {
    flushroutes: [true],
    flushgateway: [true],
    delroutes: [[{ dst: "0.0.0.0/0" }]],
    addroutes: [[{ dst: "192.168.0.0/16", gw: "10.1.254.254" }]],
    skipcheck: [true],
  },
  macvtap: { mtu: [1500], promiscMode: [true], owner: [107], group: [107] },
  coordinator: {
    mode: ["auto", "underlay", "overlay", "disable"],
    vethLinkAddress: ["169.254.100.1"],
    vethMTU: [1500],
    podMACPrefix: ["0a:1b"],
    multusNicPrefix: ["net"],
    podDefaultCniNic: ["eth0"],
    podDefaultRouteNic: ["eth0"],
    overlayPodCIDR: [["10.244.0.0/16"]],
    serviceCIDR: [["10.96.0.0/12", "fd00::/108"]],
    hijackCIDR: [["169.254.0.0/16"]],
    policyRoutes: [[{ dst: "10.0.0.0/8", gw: "10.6.0.1" }]],
    tunePodRoutes: [true],
    detectGateway: [true],
    detectIPConflict: [false],
    txQueueLen: [1000],
    podRPFilter: [-1, 0, 2],
  },
  "ovn-k8s-cni-overlay": {
    topology: ["layer2", "layer3", "localnet"],
    netAttachDefName: ["shop/localnet", "shop/a.b"],
    role: ["primary", "secondary"],
    mtu: [1300],
    subnets: ["10.128.0.0/16/24,fd00::/48/64", "10.100.200.0/24, fd01::/64"],
    excludeSubnets: ["10.100.200.0/29"],
    joinSubnet: ["100.65.0.0/16,fd99::/64"],
    infrastructureSubnets: ["10.100.200.8/29"],
    reservedSubnets: ["10.100.200.16/29"],
    defaultGatewayIPs: ["10.100.200.1,fd01::1"],
    vlanID: [4000],
    allowPersistentIPs: [true],
    physicalNetworkName: ["physnet"],
    deviceID: [vf],
  },
  "kube-ovn": {
    server_socket: ["/run/openvswitch/kube-ovn-daemon.sock"],
    provider: ["attachnet.shop.ovn"],
    routes: [[{ dst: "19.10.0.0/16", gw: "10.17.0.1" }, { gw: "10.17.0.1" }]],
    deviceID: [vf],
    vf_driver: ["vfio-pci"],
    vhost_user_socket_volume_name: ["vhostuser-sockets"],
    vhost_user_socket_name: ["sock", "vhost.sock"],
    vhost_user_socket_consumption: ["kubevirt"],
  },
  "ipam:kube-ovn": {
    server_socket: ["/run/openvswitch/kube-ovn-daemon.sock"],
    provider: ["macvlan.shop"],
    routes: [[{ dst: "19.10.0.0/16", gw: "10.17.0.1" }]],
  },
  "ipam:host-local": {
    subnet: ["10.1.0.0/16"],
    rangeStart: ["", "10.1.0.10"],
    rangeEnd: ["10.1.0.20"],
    gateway: ["10.1.0.1", ""],
    ranges: [
      [[{ subnet: "10.1.0.0/16", rangeStart: "10.1.0.2", rangeEnd: "10.1.0.9", gateway: "10.1.0.1" }]],
      [[{ subnet: "10.1.0.0/24" }, { subnet: "10.2.0.0/24" }], [{ subnet: "2001:db8::/64" }]],
    ],
    routes: [[{ dst: "0.0.0.0/0" }, { dst: "fd00::/8", gw: "2001:db8::1" }]],
    resolvConf: ["", "/etc/resolv.conf"],
    dataDir: ["", "/var/lib/cni/networks", "/run/my-orchestrator/container-ipam-state"],
  },
  "ipam:static": {
    addresses: [
      [],
      [{ address: "10.10.0.1/24", gateway: "10.10.0.254" }, { address: "3ffe:ffff:0:1ff::1/64" }],
    ],
    routes: [[{ dst: "192.168.0.0/16", gw: "10.10.5.1", mtu: 1400, advmss: 1360, priority: 5, table: 100 }]],
    dns: [{ nameservers: ["8.8.8.8"], domain: "example.com", search: ["example.com"], options: ["ndots:5"] }],
  },
  "ipam:dhcp": {
    daemonSocketPath: ["", "/run/cni/dhcp.sock"],
    provide: [
      [
        { option: "host-name", fromArg: "K8S_POD_NAME" },
        { option: "60", value: "PXEClient ünïcode" },
      ],
    ],
    request: [[{ skipDefault: true, option: "12" }, { option: "routers" }]],
    priority: [100],
  },
  "ipam:whereabouts": {
    range: ["192.168.2.225/28", "192.168.2.10-192.168.2.20/24", "2001:db8::/64", ""],
    range_start: ["192.168.2.10"],
    range_end: ["192.168.2.100"],
    exclude: [["192.168.2.229/30", "192.168.2.236/32"]],
    ipRanges: [[{ range: "192.168.10.0/24", exclude: ["192.168.10.1/32"] }, { range: "abcd::/64" }]],
    network_name: ["", "net-a", "blue.net"],
    node_slice_size: ["/26", "26"],
    gateway: ["192.168.2.1"],
    addresses: [[{ address: "10.0.0.1/24", gateway: "10.0.0.254" }]],
    routes: [[{ dst: "0.0.0.0/0" }]],
    dns: [{ nameservers: ["10.0.0.53"] }],
    enable_overlapping_ranges: [true, false],
    datastore: ["kubernetes"],
    kubernetes: [{}, { kubeconfig: "/etc/cni/net.d/whereabouts.d/whereabouts.kubeconfig" }],
    configuration_path: ["/etc/cni/net.d/whereabouts.d/whereabouts.conf"],
    leader_lease_duration: [1500],
    leader_renew_deadline: [1000],
    leader_retry_period: [500],
  },
  "ipam:spiderpool": {
    default_ipv4_ippool: [
      ["vlan100-v4", "vlan200-v4"],
      ["rail1-*", "v4-[123]"],
    ],
    default_ipv6_ippool: [["vlan100-v6"]],
    clean_gateway: [true],
    match_master_subnet: [true],
    ipam_unix_socket_path: ["/var/run/spidernet/spiderpool.sock"],
  },
  "ipam:nv-ipam": {
    poolName: ["", "pool1", "v4-pool,v6-pool"],
    poolType: ["", "ippool", "cidrpool", "CIDRPool"],
    forcePoolName: [true],
    daemonSocket: ["unix:///var/lib/cni/nv-ipam/daemon.sock"],
    daemonCallTimeoutSeconds: [5],
    confDir: ["/etc/cni/net.d/nv-ipam.d"],
  },
  "ipam:antrea": { ippools: [["pool-a", "pool-b"]] },
  "ipam:hawser-flat": {
    pool: ["blue"],
    store: ["main"],
    ranges: [
      [
        [
          {
            subnet: "10.60.0.0/24",
            rangeStart: "10.60.0.10",
            rangeEnd: "10.60.0.99",
            exclude: ["10.60.0.50"],
          },
        ],
      ],
      [[{ subnet: "10.60.0.0/24", gateway: "none" }], [{ subnet: "fd60::/64", gateway: false }]],
    ],
    routes: [[{ dst: "0.0.0.0/0" }]],
    dns: [{ search: ["shop.example"] }],
    identity: ["pod", "container"],
    hold: ["", "0", "90s", "1h30m", "forever"],
    onLiveElsewhere: ["wait", "new-ip", "takeover"],
    mac: ["", "identity", "none"],
  },
  "ipam:hawser-host-local": { ranges: [[[{ subnet: "10.1.0.0/16" }]]] },
  "ipam:hawser-static": { addresses: [[{ address: "10.10.0.1/24" }]] },
};

/** The fields that the type needs. */
export function needed(type: string): JsonObject {
  if (type === "ovn-k8s-cni-overlay") return { netAttachDefName: "shop/own" };
  if (type.endsWith("kube-ovn")) return { provider: "own.shop.ovn" };
  return type === "bond" ? { linksInContainer: true } : {};
}
