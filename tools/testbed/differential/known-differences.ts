import type { KnownDifference } from "./differential-case.ts";

/**
 * Where ours differs from the reference plugins, and why. A difference without a row fails; a row that no difference of its first
 * plugin needs does, too.
 */
export const knownDifferences: readonly KnownDifference[] = [
  ...["ptp", "bridge", "sbr", "tuning"].map((plugin) => ({
    plugins: [plugin],
    bothFail: true as const,
    path: /^(add|del)\.state\./,
    reason: "an ADD of ours that fails undoes what it has done; the reference plugin leaves it",
  })),
  {
    plugins: ["ptp"],
    path: /^failed\.state\.host\.settings\..*(forward|accept_redirects)/,
    reason: "a node that forwards packets stays so: other attachments may need it by then",
  },
  {
    plugins: ["ptp"],
    when: /^(?!.*"type":")/,
    path: /^del\.answer/,
    reason: "DEL must succeed: the reference plugin runs an IPAM plugin without a name",
  },
  {
    plugins: ["ptp"],
    when: /"ipMasq":true(?!.*"nftables").*"10\.10\.0\.5/,
    path: /^del\.answer/,
    reason: "the reference plugin wants to remove the chain while the rule of the second address needs it",
  },
  {
    plugins: ["ptp"],
    when: /^an MTU that is a text/,
    path: /^del\.answer/,
    reason: "DEL of ours reads no more of the configuration than it needs",
  },
  {
    plugins: ["ptp"],
    when: /^a negative MTU/,
    path: /./,
    reason:
      "ours refuses an MTU below zero, as the reference plugin macvlan does; the reference plugin passes over it",
  },
  {
    plugins: ["ptp"],
    when: /"table":77/,
    path: /^check|checks/,
    reason: "the reference plugins' CHECK looks for routes in the main table only",
  },
  {
    plugins: ["ptp"],
    when: /"mtu":1300,"advmss":1200/,
    path: /\.state\.container\.routes\./,
    reason:
      "ours sets the MTU and the segment size that the result says of a route; the reference plugin drops them",
  },
  {
    plugins: ["ptp"],
    when: /"ipMasqBackend":"nftables"/,
    path: /^del\.state\.host\.firewall\.\{"table":\{"family":"ip6?","name":"nat"\}\}$/,
    reason: "DEL of the reference plugin runs iptables for either backend, which makes an empty table",
  },
  {
    plugins: ["sbr"],
    path: /^del\.state\.container\.routes\./,
    reason:
      "DEL of ours gives the main table back what ADD took out of it, so that ADD works again; the reference plugin leaves the routes in the table",
  },
  {
    plugins: ["sbr"],
    when: /^table 100 has a route|^table 100 has a default route/,
    path: /^(add|del)\.|check/,
    reason:
      "ours takes a table without routes; the reference plugin looks at rules and at the main table only, and mixes or fails",
  },
  {
    plugins: ["tuning", "sbr"],
    when: /^(mac|promisc|mtu|txQLen|sysctl|a table) (that is a|with a) (number|text|fraction)/,
    path: /^del\.answer/,
    reason:
      "DEL of ours reads no more of the configuration than it needs, so that a pod goes although it has become wrong",
  },
  {
    plugins: ["sbr"],
    when: /^table 0|^a negative table/,
    path: /^add\./,
    reason:
      "ours refuses a table that does not exist; the reference plugin has the kernel choose one, and its DEL does not find the rule",
  },
  {
    plugins: ["tuning"],
    when: /"mtu":576/,
    path: /^del\.state\.container/,
    reason:
      "below 1280 bytes the kernel switches IPv6 off: ours restores the hardware address before the MTU, so that the link-local address is the first one again",
  },
  {
    plugins: ["macvlan", "host-device", "tap", "bridge", "ptp", "vlan", "ipvlan", "dummy"],
    when: /\/(32|128)"/,
    path: /^check|checks/,
    reason:
      "the reference plugins' CHECK looks for the route to the subnet, which an address of all bits does not have",
  },
  {
    plugins: ["tuning"],
    when: /^prevResult of another version/,
    path: /./,
    reason:
      "ours reads a prevResult by the version that it says; the reference plugin refuses it if the configuration says another",
  },
  {
    plugins: ["tuning"],
    when: /"mac":"[^"]*[A-F-]/,
    path: /^add\.answer\.interfaces\.\d\.mac|^check|checks/,
    reason:
      "ours tells a hardware address as the kernel does; the reference plugin compares the written text with the kernel's, and its CHECK fails",
  },
  {
    plugins: ["tuning"],
    when: /promisc on/,
    path: /^check|checks/,
    reason:
      "ours checks what is configured; the reference plugin's CHECK fails for an interface that is promiscuous for another reason",
  },
  {
    plugins: ["tuning"],
    when: /ip_local_port_range/,
    path: /^check|checks/,
    reason:
      "the kernel prints tabs between numbers, with which the reference plugin's CHECK does not find the configured text alike",
  },
  {
    plugins: ["tuning"],
    when: /^unknown CNI_ARGS/,
    path: /^(add|del)\.answer|^check|checks/,
    reason: "the reference plugin refuses CNI_ARGS that it does not know, unless there is IgnoreUnknown",
  },
];
