import fc from "fast-check";
import type { DifferentialCase, PluginCases } from "../differential-case.ts";
import { atVersion, generated, macs, madeBefore, pairOnHost, perhaps, together } from "./case-parts.ts";

const { container, prevResult } = madeBefore([{ address: "10.9.0.5/24", gateway: "10.9.0.1" }]);

function tuned(name: string, config: object, more: Partial<DifferentialCase> = {}): DifferentialCase {
  return {
    name,
    config: { dataDir: "{{state}}/tuning", prevResult, ...config },
    host: pairOnHost,
    container,
    ...more,
  };
}

const own = "net.ipv4.conf.IFNAME.";

/** One field each, and how they meet. */
const byHand: readonly DifferentialCase[] = [
  tuned("nothing", {}),
  tuned("mac", { mac: "02:00:00:00:00:21" }),
  tuned("mac with dashes", { mac: "02-00-00-00-00-21" }),
  tuned("mac in upper case", { mac: "02:AB:CD:00:00:21" }),
  tuned("mac of a group", { mac: "01:00:00:00:00:21" }),
  tuned("mac of zeros", { mac: "00:00:00:00:00:00" }),
  tuned("mac of eight octets", { mac: "02:00:00:00:00:21:00:01" }),
  tuned("no mac", { mac: "nonsense" }),
  tuned("mac that is a number", { mac: 7 }),
  tuned("mac of the runtime", { mac: "02:00:00:00:00:21", runtimeConfig: { mac: "02:00:00:00:00:22" } }),
  tuned("wrong mac of the runtime", { runtimeConfig: { mac: "x" } }),
  tuned("mac of args", {
    runtimeConfig: { mac: "02:00:00:00:00:22" },
    args: { cni: { mac: "02:00:00:00:00:23" } },
  }),
  tuned("mac of CNI_ARGS", { mac: "02:00:00:00:00:21" }, { args: "IgnoreUnknown=1;MAC=02:00:00:00:00:24" }),
  tuned(
    "mac of CNI_ARGS and the runtime",
    { runtimeConfig: { mac: "02:00:00:00:00:22" } },
    { args: "MAC=02:00:00:00:00:24" },
  ),
  tuned("unknown CNI_ARGS", {}, { args: "FOO=1" }),
  tuned("promisc", { promisc: true }),
  tuned("promisc off", { promisc: false }),
  tuned("promisc that args switch off", { promisc: true, args: { cni: { promisc: false } } }),
  tuned("promisc of args", { args: { cni: { promisc: true } } }),
  tuned(
    "promisc that was on",
    { promisc: true },
    { container: [...container, "ip link set eth0 promisc on"] },
  ),
  tuned("promisc that is a text", { promisc: "true" }),
  tuned("mtu", { mtu: 1400 }),
  tuned("smallest mtu", { mtu: 68 }),
  tuned("too small mtu", { mtu: 67 }),
  tuned("largest mtu", { mtu: 65_535 }),
  tuned("too large mtu", { mtu: 65_536 }),
  tuned("negative mtu", { mtu: -1 }),
  tuned("mtu with a fraction", { mtu: 1400.5 }),
  tuned("mtu of args", { mtu: 1400, args: { cni: { mtu: 1300 } } }),
  tuned(
    "mtu below that of IPv6",
    { mtu: 1279 },
    { container: [...container, "ip addr add fd09::5/64 dev eth0"] },
  ),
  tuned("allmulti", { allmulti: true }),
  tuned(
    "allmulti off",
    { allmulti: false },
    { container: [...container, "ip link set eth0 allmulticast on"] },
  ),
  tuned("allmulti of args", { allmulti: true, args: { cni: { allmulti: false } } }),
  tuned("txQLen", { txQLen: 500 }),
  tuned("txQLen 0", { txQLen: 0 }),
  tuned("txQLen of args", { txQLen: 500, args: { cni: { txQLen: 600 } } }),
  tuned("txQLen that is a text", { txQLen: "500" }),
  tuned("sysctl", { sysctl: { "net.ipv4.conf.eth0.arp_filter": "1" } }),
  tuned("sysctl with slashes", { sysctl: { "net/ipv4/conf/eth0/arp_filter": "1" } }),
  tuned("sysctl of the interface", { sysctl: { [`${own}arp_filter`]: "1", [`${own}log_martians`]: "1" } }),
  tuned("sysctl of IPv6", { sysctl: { "net.ipv6.conf.IFNAME.accept_ra": "2" } }),
  tuned("sysctl of the namespace", {
    sysctl: { "net.ipv4.ip_forward": "1", "net.ipv4.ip_default_ttl": "70" },
  }),
  tuned("sysctl of two numbers", { sysctl: { "net.ipv4.ip_local_port_range": "10000 20000" } }),
  tuned("sysctl of the core", { sysctl: { "net.core.somaxconn": "500" } }),
  tuned("sysctl of another subsystem", { sysctl: { "kernel.shmmax": "1" } }),
  tuned("sysctl out of the folder", { sysctl: { "net/../kernel/shmmax": "1" } }),
  tuned("unknown sysctl", { sysctl: { "net.ipv4.there_is_none": "1" } }),
  tuned("sysctl with a wrong value", { sysctl: { [`${own}arp_filter`]: "many" } }),
  tuned("sysctl with a number", { sysctl: { [`${own}arp_filter`]: 1 } }),
  tuned("sysctl of args", {
    sysctl: { [`${own}arp_filter`]: "1" },
    args: { cni: { sysctl: { [`${own}arp_filter`]: "0", [`${own}log_martians`]: "1" } } },
  }),
  tuned("sysctl of args alone", { sysctl: {}, args: { cni: { sysctl: { [`${own}arp_filter`]: "1" } } } }),
  tuned("a sysctl and a wrong mtu", { sysctl: { [`${own}arp_filter`]: "1" }, mtu: 1 }),
  tuned("a mac and a wrong mtu", { mac: "02:00:00:00:00:21", mtu: 1 }),
  tuned("all fields", {
    mac: "02:00:00:00:00:21",
    promisc: true,
    mtu: 1400,
    allmulti: true,
    txQLen: 100,
    sysctl: { [`${own}arp_filter`]: "1" },
  }),
  tuned("no interface", { mtu: 1400 }, { ifname: "eth9" }),
  tuned("no interface, only a sysctl", { sysctl: { "net.ipv4.ip_forward": "1" } }, { ifname: "eth9" }),
  tuned("no prevResult", { mtu: 1400, prevResult: undefined }),
  tuned("prevResult that is none", { mtu: 1400, prevResult: { cniVersion: "1.1.0", ips: "x" } }),
  tuned("version 0.3.1", {
    cniVersion: "0.3.1",
    prevResult: atVersion(prevResult, "0.3.1"),
    mac: "02:00:00:00:00:21",
  }),
  tuned("version 0.4.0", { cniVersion: "0.4.0", prevResult: atVersion(prevResult, "0.4.0"), mtu: 1400 }),
  tuned("version 1.0.0", { cniVersion: "1.0.0", prevResult: atVersion(prevResult, "1.0.0"), mtu: 1400 }),
  tuned("prevResult of another version", { cniVersion: "0.4.0", mtu: 1400 }),
  tuned("keys in other cases", { MTU: 1400, TXQLEN: 7, Mac: "02:00:00:00:00:21" }),
  tuned(
    "an interface with a dot in its name",
    { mtu: 1400, sysctl: { [`${own}arp_filter`]: "1" } },
    {
      ifname: "eth0.5",
      container: ["ip link set eth0 name eth0.5", "ip link set eth0.5 up"],
    },
  ),
];

const sysctls = fc.constantFrom<Record<string, string>>(
  { [`${own}arp_filter`]: "1" },
  { "net.ipv4.conf.all.rp_filter": "2", "net.ipv4.ip_forward": "1" },
  { "net.ipv6.conf.IFNAME.forwarding": "1" },
  { [`${own}arp_announce`]: "2", "net/ipv4/tcp_syncookies": "0" },
);

const fields = together(
  perhaps("mac", macs),
  perhaps("promisc", fc.boolean()),
  perhaps("mtu", fc.constantFrom(0, 576, 1280, 1400, 1450, 9000)),
  perhaps("allmulti", fc.boolean()),
  perhaps("txQLen", fc.constantFrom(0, 1, 1000, 4000)),
  perhaps("sysctl", sysctls),
);

const random = fc
  .tuple(
    fields,
    fc.option(fields, { nil: undefined }),
    perhaps("runtimeConfig", perhaps("mac", macs)),
    fc.constantFrom("", "MAC=02:00:00:00:00:31", "IgnoreUnknown=true;K8S_POD_NAME=web"),
    fc.constantFrom<readonly string[]>(
      [],
      ["ip link set eth0 promisc on"],
      ["ip link set eth0 mtu 1300 txqueuelen 9"],
    ),
  )
  .map(([config, asked, runtime, args, before]) => ({
    config: {
      dataDir: "{{state}}/tuning",
      prevResult,
      sysctl: {},
      ...config,
      ...runtime,
      ...(asked !== undefined && { args: { cni: asked } }),
    },
    args,
    host: pairOnHost,
    container: [...container, ...before],
  }));

export const tuningCases: PluginCases = {
  plugin: "tuning",
  cases: [...byHand, ...generated(160 - byHand.length, random)],
};
