import type { KnownDifference } from "./differential-case.ts";

/**
 * Where ours differs from the reference plugins, and why. A difference without a row fails; a row that no difference of its first
 * plugin needs does, too.
 */
export const knownDifferences: readonly KnownDifference[] = [
  ...["ptp", "bridge", "loopback", "macvlan", "vlan", "ipvlan", "tap", "host-device", "sbr", "tuning"].map(
    (plugin) => ({
      plugins: [plugin],
      bothFail: true as const,
      path: /^(add|del)\.state\./,
      reason: "an ADD of ours that fails undoes what it has done; the reference plugin leaves it",
    }),
  ),
  {
    plugins: ["ptp", "bridge"],
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
    plugins: ["ptp", "bridge"],
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
    plugins: ["ptp", "bridge", "ipvlan"],
    when: /^a negative MTU/,
    path: /./,
    reason:
      "ours refuses an MTU below zero, as the reference plugin macvlan does; the reference plugin passes over it",
  },
  {
    plugins: ["ptp", "bridge", "macvlan", "vlan", "ipvlan", "tap", "host-device"],
    when: /"table":77/,
    path: /^check|checks/,
    reason: "the reference plugins' CHECK looks for routes in the main table only",
  },
  {
    plugins: ["ptp", "bridge", "macvlan", "vlan", "ipvlan", "dummy", "tap", "host-device"],
    when: /"mtu":1300,"advmss":1200/,
    path: /\.state\.container\.routes\./,
    reason:
      "ours sets the MTU and the segment size that the result says of a route; the reference plugin drops them",
  },
  {
    plugins: ["ptp", "bridge"],
    when: /"ipMasqBackend":"nftables"/,
    path: /^del\.state\.host\.firewall\.\{"table":\{"family":"ip6?","name":"nat"\}\}$/,
    reason: "DEL of the reference plugin runs iptables for either backend, which makes an empty table",
  },
  {
    plugins: ["macvlan", "vlan", "ipvlan", "tap", "host-device"],
    when: /"nameservers"/,
    path: /^add\.answer\.dns/,
    reason: "ours hands on the name servers of the IPAM plugin; the reference plugin drops them",
  },
  {
    plugins: ["vlan", "ipvlan", "dummy"],
    bothFail: true,
    path: /^del\.answer/,
    reason:
      "DEL of ours reads no more of the configuration than it needs, and looks for no master, so that a pod goes although both have become wrong",
  },
  {
    plugins: ["macvlan", "tap", "host-device"],
    when: /^an (MTU|IPAM) that is a text/,
    path: /^del\.answer/,
    reason:
      "DEL of ours reads no more of the configuration than it needs, so that a pod goes although it has become wrong",
  },
  {
    plugins: ["macvlan", "tap"],
    when: /^the container has the interface/,
    path: /^del\.state\.container/,
    reason:
      "DEL of ours leaves an interface of another kind, which is another plugin's; the reference plugin removes it",
  },
  {
    plugins: ["tap"],
    when: /^the container has the interface/,
    path: /^add\./,
    reason:
      "ours refuses a name that the container has; the reference plugin goes on with that interface, and leaves its own beside it",
  },
  {
    plugins: ["tap"],
    when: /"owner":\d+,"group":\d+/,
    path: /^add\.(answer\.interfaces\.0\.mac|state\.container\.(links\.eth0\.(mtu|address)|settings\.ipv6\/conf\/eth0\/mtu))$/,
    reason: "with an owner and a group, the reference plugin sets neither the hardware address nor the MTU",
  },
  {
    plugins: ["tap"],
    when: /"mtu":\d+,"owner":\d+,"group":\d+/,
    path: /^ours-checks-reference/,
    reason:
      "with an owner and a group, the reference plugin does not set the MTU, and CHECK of ours finds that",
  },
  {
    plugins: ["tap"],
    when: /"mac":"0A-00-00-00-00-23"/,
    path: /./,
    reason:
      "ours takes each spelling of a hardware address that macvlan takes; the reference plugin gives the text to the program `ip`, which takes colons only",
  },
  {
    plugins: ["host-device"],
    bothFail: true,
    path: /^del\.answer/,
    reason:
      "a failed ADD of ours has given the device back, and DEL of the reference plugin fails without one in the container",
  },
  {
    plugins: ["host-device"],
    path: /^failed\.state\.host\.(links\.far0\.addr_info|(routes|forwarding)\..*"(dev|ifname)":"far0")/,
    reason: "the far end of the cable has got its own IPv6 addresses meanwhile, because the device was up",
  },
  {
    plugins: ["host-device"],
    when: /^by (an unknown|a wrong|no) |^the container has the interface/,
    path: /^del\.answer/,
    reason: "DEL of ours succeeds when there is no device to give back; the reference plugin's fails",
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
    plugins: ["bridge"],
    path: /^failed\.state\.host\.(links\.br1|settings\.ipv[46]\/conf\/br1\/|(forwarding|routes)\..*"br1")/,
    reason: "a bridge stays for other pods, also if the ADD that has made it fails",
  },
  {
    plugins: ["bridge"],
    // No gateway's address is given to the bridge.
    when: /^(?!.*"is(Default)?Gateway":true)|^(?!.*"type":")/,
    path: /^(add\.answer\.interfaces\.1\.mac$|(add|del)\.state\.host\.(links\.\w+\.(address$|addr_info\.\d(\.local)?$)|(forwarding|routes)\..*"(mac|dst)":"(MAC|GROUP|LL|33:33:ff|fe80|ff00)))/,
    reason:
      "a bridge of ours keeps its hardware address from the start; the reference plugin's has that of its lowest port until it gets an address, and changes it with its pods. The link-local address comes with the carrier, if there is one at the time",
  },
  {
    plugins: ["bridge"],
    when: /^(?!.*"type":")/,
    path: /^check|checks/,
    reason: "without an IPAM plugin the reference plugin's CHECK runs one without a name, and fails",
  },
  {
    plugins: ["bridge"],
    when: /"isDefaultGateway":true.*\{"dst":"(0\.0\.0\.0|::)\/0"\}/,
    path: /^add\.answer$|^(add|del)\.state\./,
    reason:
      "the reference plugin adds a default route beside the IPAM plugin's that has no gateway of its own, which is the same route, and fails",
  },
  {
    plugins: ["bridge"],
    when: /"is(Default)?Gateway":true.*"10\.10\.0\.5/,
    path: /^add\.answer$|^(add|del)\.state\./,
    reason: "the reference plugin refuses its own second gateway; ours refuses that of another network",
  },
  {
    plugins: ["bridge"],
    when: /^(an MTU that is a text|an IPAM that is a text|negative vlan|vlan out of|trunk )/,
    path: /^del\.answer/,
    reason: "DEL of ours reads no more of the configuration than it needs",
  },
  ...["0\\.3\\.1", "0\\.4\\.0"].map((version) => ({
    plugins: ["loopback"],
    when: new RegExp(`"cniVersion":"${version}"`),
    path: /^add\.answer\.(ips\.\d\.version|dns)$/,
    reason:
      "ours prints what a result of that version must have; the reference plugin prints the fields of 1.0.0 under the older number",
  })),
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
