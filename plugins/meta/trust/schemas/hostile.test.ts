import { describe, expect, test } from "vitest";
import { isObject, type Json, type JsonObject } from "../../../../cni/json.ts";
import type { Use } from "../schema.ts";
import { legal, needed, readAs } from "./corpus-testing.ts";
import { schemaOf, typesWithSchema } from "./index.ts";

/** Texts that are no names: each leads to another file, or becomes a tool's option or another line of a file. */
const escapes = [
  "../x",
  "/etc/shadow",
  "a/b",
  "-x",
  "--modprobe=/tmp/x",
  "a b",
  "a\nb",
  "a\u0000b",
  "..",
  "%s",
];

/** For each type and field, values that an attacker would write. Each is refused at its place. */
const hostile: Readonly<Record<string, Readonly<Record<string, readonly Json[]>>>> = {
  bridge: {
    bridge: [...escapes, "a-name-that-is-too-long", 5, ["br1"], "br%d"],
    mtu: [-1, 1.5, "1500", 1e9],
    vlan: [4095, -1, "100", [100]],
    vlanTrunk: [{ id: 1 }, [{ id: 0 }], [{ ID: 5 }], [{ minID: 1, maxID: 5000 }], [5], [{ id: 5, x: 1 }]],
    ipMasq: ["true", 1],
    ipMasqBackend: ["nft; reboot"],
    runtimeConfig: [{}],
  },
  macvlan: {
    master: escapes,
    mode: ["host", 5],
    mac: ["02:00:00:00:00:01\n", "x", "02:00:00:00:00:01;reboot"],
    bcqueuelen: [-1],
  },
  vlan: { master: escapes, vlanId: [4095], vlanID: [5] },
  "host-device": {
    device: escapes,
    pciBusID: ["../../../class/net/eth0", "0000:00:1f.6/../x", "0000:00:1f", "*"],
    hwaddr: ["*"],
    kernelpath: ["/sys/devices/pci0000:00/0000:00:1f.6", ""],
  },
  tap: { selinuxContext: ["system_u:system_r:unconfined_t:s0", ""], owner: [-1, "root"] },
  tuning: {
    dataDir: ["/etc/cni/net.d", "/run/cni/tuning/../../../etc", ""],
    sysctl: [
      { "kernel.core_pattern": "|/tmp/x" },
      { "net/../kernel/core_pattern": "x" },
      { "net..core": "1" },
      { "net.ipv4/../../kernel/panic": "1" },
      { "/proc/sys/net/x": "1" },
      { net: "1" },
      { "net.": "1" },
      { "netfilter.x": "1" },
      { "Net.ipv4.ip_forward": "1" },
      { "net.ipv4.ip_forward": 1 },
      { "net.ipv4.ip_forward": "1\n2" },
      { "net.ipv4.ip_forward": "1", "net.ipv4.IP_forward": "1" },
      { "net.ipv4.conf.IFNAME/../../../kernel/panic": "1" },
      ["net.ipv4.ip_forward"],
    ],
    txQLen: [-1, 1e12],
  },
  portmap: {
    backend: ["ipset"],
    markMasqBit: [14, 0, 31, "13"],
    externalSetMarkChain: [...escapes, "DROP", "NFQUEUE", "KUBE-SERVICES"],
    conditionsV4: [
      ["--modprobe=/tmp/x"],
      ["-M", "/tmp/x"],
      ["-s", "--modprobe=/tmp/x"],
      ["-s", "10.0.0.0/8", "-j", "ACCEPT"],
      ["-m", "bpf", "--object-pinned", "/sys/fs/bpf/x"],
      ["-d10.0.0.0/8"],
      ["-d"],
      ["!"],
      ["!", "!", "-d", "10.0.0.0/8"],
      ["-d", "example.com"],
      ["-i", "--wait"],
      ["-p", "all"],
      ["-d", "10.0.0.0/8", ""],
      ["-w"],
      ["-t", "filter"],
      ["-d", ["10.0.0.0/8"]],
      ["-d 10.0.0.0/8"],
      ["ip daddr 10.0.0.0/8"],
      ["ip", "daddr", "10.0.0.0/8 accept\nadd table ip x"],
      "-d 10.0.0.0/8",
      Array(65).fill("!"),
    ],
    conditionsV6: [["--modprobe=/tmp/x"]],
    portMappings: [[]],
  },
  bandwidth: { ingressRate: [-1, 1.5, "1", 2 ** 60], shapedSubnets: [["x"], "10.0.0.0/8"] },
  firewall: {
    backend: ["/tmp/x"],
    iptablesAdminChainName: [...escapes, "KUBE-FORWARD", "INPUT", "CNI-", "CNI-a b", "cni-x"],
    firewalldZone: escapes,
    ingressPolicy: ["closed"],
  },
  sbr: { gateways: [["x"], "10.0.0.1"], table: [-1] },
  vrf: { vrfname: escapes },
  sriov: {
    deviceID: [...escapes, "0000:3b:02.4/..", "eth0"],
    vlanProto: ["802.1x", ""],
    vlanQoS: [8],
    spoofchk: [true, "ON"],
    Master: ["eth0"],
    MAC: ["02:00:00:00:00:01"],
    OrigVfState: [{}],
    VFID: [0],
  },
  "ib-sriov": { deviceID: escapes, pkey: ["0x12345", "x"], RdmaNetState: [{}] },
  rdma: { deviceID: ["0000:3b:02.4"] },
  "accelerated-bridge": { bridge: ["br1,../x", "br1,,br2", ","], orig_vf_state: [{}], pf_name: ["eth0"] },
  ipoib: { master: escapes },
  ovs: {
    bridge: escapes,
    configuration_path: ["/etc/shadow", "/etc/cni/net.d/ovs.d/../ovs.conf", "ovs.conf"],
    socket_file: ["tcp:127.0.0.1:6640", "unix:/tmp/x", "ssl:10.0.0.1:6640"],
    interface_type: ["patch", "dpdkvhostuserclient", "vxlan", "dpdkvhostuser"],
    deviceID: escapes,
    ofport_request: [65_280],
    link_state_check_retries: [1e6],
    link_state_check_interval: [1e9],
    mirrors: [[{ name: "x", ingress: true }]],
  },
  bond: {
    linksInContainer: [false, "true", 1],
    links: [[{ name: "../x" }], [{ name: "net1", other: 1 }], ["net1"], Array(17).fill({ name: "net1" })],
    miimon: [100, "-1", ""],
    mode: ["", "unknown"],
  },
  "route-override": { addroutes: [[{ dst: "x" }], [{ Dst: "10.0.0.0/8" }]] },
  macvtap: { deviceID: ["eth0"], owner: [-1] },
  coordinator: { hostRPFilter: [0], hostRuleTable: [254], podMACPrefix: ["x"], hijackCIDR: [["x"]] },
  "ovn-k8s-cni-overlay": {
    netAttachDefName: [
      "other/net",
      "shop",
      "shop/",
      "shop/../other/net",
      "shop/a b",
      "Shop/net",
      "default",
      5,
    ],
    physicalNetworkName: escapes,
    subnets: ["10.0.0.0/16;x", "10.0.0.0/16,", "x"],
    deviceID: escapes,
  },
  "kube-ovn": {
    server_socket: ["/tmp/x.sock", "tcp://10.0.0.1:80"],
    provider: [
      "net.other.ovn",
      "ovn",
      "net.shop.ovn.x",
      "other.net.shop.ovn",
      "net.shop.OVN",
      "net",
      "",
      ".shop",
    ],
    vf_driver: ["/tmp/x"],
    vhost_user_socket_volume_name: ["../x", "A/b"],
    vhost_user_socket_name: ["../x", "/tmp/x.sock", "a.b.sock"],
  },
  "ipam:kube-ovn": { server_socket: ["/tmp/x.sock"], provider: ["net.other", "ovn"] },
  "ipam:host-local": {
    dataDir: [
      "/etc/cni/net.d",
      "/var/lib/cni/networks/../x",
      "/var/lib/cni",
      "networks",
      "/var/lib/cni/networks/x",
    ],
    resolvConf: ["/etc/shadow", "/etc/../etc/shadow", "/var/run/secrets/kubernetes.io/serviceaccount/token"],
    ranges: [
      [{ subnet: "10.0.0.0/8" }],
      [[{ Subnet: "10.0.0.0/8" }]],
      [[{ subnet: "10.0.0.0" }]],
      [[{ subnet: "10.0.0.0/8", rangeStart: "10.0.0.0/9" }]],
      {},
      [[{ subnet: "10.0.0.0/8", exclude: [] }]],
    ],
    routes: [[{ dst: "0.0.0.0" }], [{ dst: "0.0.0.0/0", gw: "x" }], [{ dst: "0.0.0.0/0", via: "10.0.0.1" }]],
  },
  "ipam:static": { addresses: [[{ address: "x" }], [{ address: "10.0.0.1/24", Gateway: "10.0.0.1" }], {}] },
  "ipam:dhcp": {
    daemonSocketPath: ["/tmp/x.sock", "/run/cni/../x"],
    provide: [
      [{ option: "host-name", value: "a\nb" }],
      [{ option: "host-name", value: "a".repeat(256) }],
      [{ option: "../x" }],
      [{ option: 12 }],
      [{ option: "12", fromArg: "A;B" }],
    ],
    request: [[{ skipDefault: "true" }]],
  },
  "ipam:whereabouts": {
    kubernetes: [
      { kubeconfig: "/etc/kubernetes/admin.conf" },
      { k8s_api_root: "http://10.0.0.1" },
      { Kubeconfig: "x" },
      "x",
    ],
    configuration_path: ["/etc/shadow", "whereabouts.conf"],
    network_name: ["../x", "a b", "A", "-x", "a..b"],
    datastore: ["etcd"],
    etcd_host: ["10.0.0.1:2379"],
    range: ["10.0.0.0", "10.0.0.1-10.0.0.9", "10.0.0.1-fd00::/64", "x"],
    ipRanges: [[{ range: "10.0.0.0/8", gateway: "10.0.0.1" }], [{ range: "" }]],
    leader_lease_duration: [1e9],
    node_slice_size: ["/x", 26],
    PodName: ["x"],
    Name: ["x"],
  },
  "ipam:spiderpool": {
    ipam_unix_socket_path: ["/tmp/x.sock"],
    default_ipv4_ippool: [["../x"], ["A"], "pool"],
  },
  "ipam:nv-ipam": {
    poolName: ["../x", "a,,b", "A"],
    daemonSocket: ["unix:///tmp/x.sock", "tcp://10.0.0.1:1"],
    confDir: ["/etc"],
    poolType: ["x"],
  },
  "ipam:antrea": { ippools: [["../x"], "pool"] },
  "ipam:hawser-flat": {
    pool: [{}, "../x", "", 5],
    store: [{ dir: "/etc" }, { etcd: { endpoints: ["http://127.0.0.1:1"] } }, "../x", "http://x"],
    node: ["node-b"],
    journalDir: ["/etc/cni"],
    hold: ["1y", "-1s", 5],
    identity: ["node"],
    ranges: [
      [[{ subnet: "10.0.0.0/24", gateway: true }]],
      [[{ subnet: "10.0.0.0/24", exclude: "10.0.0.1" }]],
    ],
    dataDir: ["/x"],
  },
  "ipam:hawser-host-local": { dataDir: ["/etc/cni"], resolvConf: ["/etc/shadow"] },
  "ipam:hawser-static": { store: ["main"] },
};

describe("hostile values are refused at their place, and nothing of them is handed on", () => {
  test.each(
    Object.entries(hostile).flatMap(([type, fields]) =>
      Object.entries(fields).flatMap(([field, values]) => values.map((value) => ({ type, field, value }))),
    ),
  )("$type $field $value", ({ type, field, value }) => {
    const { problems } = readAs(type, { [field]: value });
    const its = problems.filter((problem) => problem.startsWith(field) && !problem.includes("is missing"));
    expect(its.length).toBeGreaterThan(0);
  });
});

/** Fields whose text people choose freely within one line: the value of a sysctl, the value of a DHCP option. */
const free = /^(tuning sysctl|cnv-tuning sysctl|ipam:dhcp provide)$/;
/** Texts that every other field must refuse. */
const escaping = [
  ...[
    "../x",
    "/etc/shadow",
    "a/../b",
    "-x",
    "--modprobe=/tmp/x",
    "a\nb",
    "a\u0000b",
    "http://10.0.0.1/",
    "unix:/x",
  ],
  ...["$(reboot)", "a;b", "x".repeat(2000)],
];

describe("legal values, with one text or key of them changed", () => {
  const cases = Object.entries(legal).flatMap(([type, fields]) =>
    Object.entries(fields).flatMap(([field, values]) => values.map((value) => ({ type, field, value }))),
  );

  test.each(cases)("$type $field $value", ({ type, field, value }) => {
    const spoilt = [
      ...(free.test(`${type} ${field}`) ? [] : escaping.flatMap((text) => textsOf(value, text))),
      ...keysOf(value),
    ];
    for (const each of spoilt) {
      const { problems } = readAs(type, { ...needed(type), [field]: each });
      expect({ each, isRefused: problems.some((problem) => problem.startsWith(field)) }).toEqual({
        each,
        isRefused: true,
      });
    }
  });
});

/** Copies of the value. Each has the text in the place of another of the value's texts. */
function textsOf(value: Json, text: string): Json[] {
  return variants(value, (each) => (typeof each === "string" ? [text] : []));
}

/** Copies of the value. Each has one key in capitals, or one key more. */
function keysOf(value: Json): Json[] {
  return variants(value, (each) => {
    if (!isObject(each)) return [];
    const keys = Object.keys(each).filter((key) => !key.startsWith("net"));
    return [{ ...each, "../x": "/etc/shadow" }, ...keys.map((key) => renamed(each, key, key.toUpperCase()))];
  });
}

function renamed(value: JsonObject, key: string, to: string): JsonObject {
  return Object.fromEntries(Object.entries(value).map(([each, held]) => [each === key ? to : each, held]));
}

function variants(value: Json, change: (each: Json) => Json[]): Json[] {
  const own = change(value);
  if (Array.isArray(value))
    return own.concat(
      value.flatMap((each, index) => variants(each, change).map((made) => value.with(index, made))),
    );
  if (!isObject(value)) return own;
  return own.concat(
    Object.entries(value).flatMap(([key, each]) =>
      variants(each, change).map((made) => ({ ...value, [key]: made })),
    ),
  );
}

describe("fields in another spelling, and fields that nobody knows", () => {
  const types = (["plugin", "ipam"] as const).flatMap((part) =>
    typesWithSchema(part).map(
      (type) =>
        [
          `${part === "ipam" ? "ipam:" : ""}${type}`,
          Object.keys(schemaOf(type, part)?.fields ?? {}),
        ] as const,
    ),
  );

  test.each(types)("%s", (type, fields) => {
    const spellings = fields.flatMap((field) => [
      field.toUpperCase(),
      field.replace("s", "\u017F"),
      field.replace("k", "\u212A"),
    ]);
    for (const spelling of [
      ...spellings.filter((each) => !fields.includes(each)),
      "x",
      "__proto__",
      "constructor",
    ]) {
      const value: JsonObject = JSON.parse(`{${JSON.stringify(spelling)}: ""}`);
      const { handedOn, problems } = readAs(type, value);
      expect({ spelling, handedOn }).toEqual({ spelling, handedOn: {} });
      expect(problems.join()).toMatch(/is written|is no field/);
    }
  });
});

test("a type that is a word of JavaScript's has no schema", () => {
  for (const type of ["constructor", "__proto__", "toString", "", "flannel"]) {
    expect([schemaOf(type, "plugin"), schemaOf(type, "ipam")]).toEqual([undefined, undefined]);
  }
});

test.each(["bond", "ovn-k8s-cni-overlay", "kube-ovn", "ipam:kube-ovn"])(
  "%s does not mean another thing by what it leaves out",
  (type) => {
    expect(readAs(type, {}).problems).toEqual([expect.stringContaining("is missing")]);
  },
);

test("a network of OVN-Kubernetes is not the cluster's", () => {
  const name = schemaOf("ovn-k8s-cni-overlay", "plugin")?.keptName;
  const problems: { place: string; why: string }[] = [];
  const notes = { unknownKeys: "refuse" as const, namespace: "shop", problems, leftOut: [] };
  expect(["tenantblue", "default", "ovn-kubernetes"].map((each) => name?.(each, "name", notes))).toEqual([
    "tenantblue",
    undefined,
    undefined,
  ]);
});

describe("what of the node is made use of", () => {
  const bridges = (name: string): Use => ({ kind: "bridges", name });
  const masters = (name: string): Use => ({ kind: "masters", name });
  const devices = (name: string): Use => ({ kind: "devices", name });
  const vlans = (name: string): Use => ({ kind: "vlans", name });

  test.each<[string, JsonObject, Use[]]>([
    ["bridge", {}, [bridges("cni0")]],
    ["bridge", { bridge: "" }, [bridges("cni0")]],
    ["bridge", { bridge: "br1", vlan: 5 }, [bridges("br1"), vlans("5")]],
    ["bridge", { vlan: 0 }, [bridges("cni0")]],
    [
      "bridge",
      { vlanTrunk: [{ id: 5 }, { minID: 100, maxID: 199 }, { minID: 7 }] },
      [bridges("cni0"), vlans("5"), vlans("100-199"), vlans("7-7")],
    ],
    ["cnv-bridge", { bridge: "br1" }, [bridges("br1")]],
    ["macvlan", {}, [masters("")]],
    ["macvlan", { master: "eth1" }, [masters("eth1")]],
    ["macvlan", { master: "net1", linkInContainer: true }, []],
    ["ipvlan", { master: "eth1", linkInContainer: false }, [masters("eth1")]],
    ["vlan", { master: "eth1", vlanId: 100 }, [masters("eth1"), vlans("100")]],
    ["vlan", { master: "net1", vlanId: 100, linkInContainer: true }, []],
    ["ipoib", { master: "ib0" }, [masters("ib0")]],
    ["host-device", { device: "eth1", pciBusID: "" }, [devices("eth1")]],
    ["host-device", { hwaddr: "02:00:00:00:00:01" }, [devices("02:00:00:00:00:01")]],
    ["tap", {}, []],
    ["tap", { bridge: "br1" }, [bridges("br1")]],
    ["sriov", { deviceID: "0000:3b:02.4", vlan: 9 }, [devices("0000:3b:02.4"), vlans("9")]],
    ["sriov", { vlan: 0 }, []],
    ["ib-sriov", { deviceID: "0000:3b:02.4" }, [devices("0000:3b:02.4")]],
    ["ovs", {}, [bridges("")]],
    ["ovs", { bridge: "br1", trunk: [{ id: 5 }] }, [bridges("br1"), vlans("5")]],
    ["accelerated-bridge", { bridge: "br1,br2" }, [bridges("br1"), bridges("br2")]],
    [
      "ovn-k8s-cni-overlay",
      { topology: "localnet", name: "tenantblue", vlanID: 5 },
      [bridges("tenantblue"), vlans("5")],
    ],
    ["ovn-k8s-cni-overlay", { topology: "localnet", physicalNetworkName: "physnet" }, [bridges("physnet")]],
    ["ovn-k8s-cni-overlay", { topology: "layer2" }, []],
  ])("%s %j", (type, decoded, uses) => {
    expect(schemaOf(type, "plugin")?.uses?.(decoded)).toEqual(uses);
  });
});
