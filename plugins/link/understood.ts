/**
 * The fields that our own plugins understand, by the type of the reference plugin of the same purpose. If a network's plugin has
 * a field that is not here, or a value of another shape, the meta-plugin runs the executable of that type instead of ours
 * (`"native": "prefer"`). So a field stands here only if ours does with it what the reference plugin does.
 */

/** The shape of a value. Null is a value of each shape: for the reference plugins it is a field that is not there. */
export type FieldShape =
  | "text"
  | "flag"
  | "number"
  /** An object whose values are texts. */
  | "words"
  | "anything"
  /** A list of such values. */
  | readonly [FieldShape]
  /** An object with these fields. */
  | { readonly [field: string]: FieldShape };

type Fields = Readonly<Record<string, FieldShape>>;

/** What one plugin understands. */
export interface Understood {
  /** `ipam`: the plugin has an IPAM plugin. What that one understands stands in its own row. */
  readonly role: "main" | "chained" | "ipam";
  /** Of the plugin's own part of the configuration, but for those of `everyPlugins`. An IPAM plugin's part is `ipam`. */
  readonly fields: Fields;
  /** Of `runtimeConfig`. */
  readonly capabilities: Fields;
  /** Of `args.cni`. */
  readonly args: Fields;
}

/** Fields that a runtime or Hawser adds, and that every plugin gets. Plugins without a use for one pass over it. */
export const everyPlugins: Fields = {
  cniVersion: "text",
  name: "text",
  type: "text",
  prevResult: "anything",
  deviceID: "text",
  pciBusID: "text",
  dns: { nameservers: ["text"], domain: "text", search: ["text"], options: ["text"] },
};

const route: FieldShape = {
  dst: "text",
  gw: "text",
  mtu: "number",
  advmss: "number",
  priority: "number",
  table: "number",
  scope: "number",
};
const range: Fields = { subnet: "text", rangeStart: "text", rangeEnd: "text", gateway: "text" };

const tuningFields: Fields = {
  sysctl: "words",
  mac: "text",
  promisc: "flag",
  mtu: "number",
  allmulti: "flag",
  txQLen: "number",
};

export const understood: Readonly<Record<string, Understood>> = {
  bridge: {
    role: "main",
    fields: {
      bridge: "text",
      isGateway: "flag",
      isDefaultGateway: "flag",
      forceAddress: "flag",
      ipMasq: "flag",
      ipMasqBackend: "text",
      mtu: "number",
      hairpinMode: "flag",
      promiscMode: "flag",
      vlan: "number",
      vlanTrunk: [{ id: "number", minID: "number", maxID: "number" }],
      preserveDefaultVlan: "flag",
      macspoofchk: "flag",
      enabledad: "flag",
      disableContainerInterface: "flag",
      portIsolation: "flag",
    },
    capabilities: { mac: "text" },
    args: { mac: "text" },
  },
  ptp: {
    role: "main",
    fields: { ipMasq: "flag", ipMasqBackend: "text", mtu: "number" },
    capabilities: {},
    args: {},
  },
  loopback: { role: "main", fields: {}, capabilities: {}, args: {} },
  "host-local": {
    role: "ipam",
    fields: {
      ...range,
      ranges: [[range]],
      routes: [route],
      dataDir: "text",
      resolvConf: "text",
    },
    capabilities: { ips: ["text"], ipRanges: [[range]] },
    args: { ips: ["text"] },
  },
  static: {
    role: "ipam",
    fields: {
      addresses: [{ address: "text", gateway: "text" }],
      routes: [route],
      dns: { nameservers: ["text"], domain: "text", search: ["text"], options: ["text"] },
    },
    capabilities: { ips: ["text"] },
    args: { ips: ["text"] },
  },
  tuning: {
    role: "chained",
    fields: { ...tuningFields, dataDir: "text" },
    capabilities: { mac: "text" },
    args: tuningFields,
  },
  sbr: {
    role: "chained",
    fields: { table: "number", gateways: ["text"], addSourceHints: "flag" },
    capabilities: {},
    args: {},
  },
  macvlan: {
    role: "main",
    fields: {
      master: "text",
      mode: "text",
      mtu: "number",
      mac: "text",
      linkInContainer: "flag",
      bcqueuelen: "number",
    },
    capabilities: { mac: "text" },
    args: {},
  },
  ipvlan: {
    role: "main",
    fields: { master: "text", mode: "text", mtu: "number", linkInContainer: "flag" },
    capabilities: {},
    args: {},
  },
  vlan: {
    role: "main",
    fields: { master: "text", vlanId: "number", mtu: "number", linkInContainer: "flag" },
    capabilities: {},
    args: {},
  },
  dummy: { role: "main", fields: {}, capabilities: {}, args: {} },
  // The label of `selinuxContext` is that of the program that makes the interface, so only another program can set it.
  tap: {
    role: "main",
    fields: {
      multiQueue: "flag",
      mtu: "number",
      mac: "text",
      owner: "number",
      group: "number",
      bridge: "text",
    },
    capabilities: { mac: "text" },
    args: {},
  },
  "host-device": {
    role: "main",
    fields: { device: "text", hwaddr: "text", kernelpath: "text", pciBusID: "text" },
    capabilities: { deviceID: "text" },
    args: {},
  },
};
