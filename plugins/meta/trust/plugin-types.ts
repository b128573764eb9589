import { foldKey } from "../../../cni/fold.ts";
import { isObject, type Json, type JsonObject } from "../../../cni/json.ts";
import type { MetaConfig } from "../config/config.ts";
import type { Owner } from "./owner.ts";

/**
 * The part as which the executable of a type runs: Hawser runs it as a plugin of the network, or such a plugin runs it for
 * addresses.
 */
export type Part = "plugin" | "ipam";

/** This word in a list of types allows every type. */
const everyone = "*";

/**
 * The plugins that may run for a tenant's definition unless the operator says otherwise. They make an interface of their own,
 * or work within the pod. Three kinds are left out: a plugin that takes a device from the node (host-device), one that makes a
 * device for others (tap), and one that runs any program it is told to run.
 */
const defaultPlugins = [
  ...["bridge", "cnv-bridge", "macvlan", "ipvlan", "vlan", "ptp", "dummy", "sriov", "ib-sriov", "ipoib"],
  ...["ovs", "ovn-k8s-cni-overlay", "kube-ovn", "macvtap", "bond"],
  ...["bandwidth", "firewall", "portmap", "sbr", "tuning", "cnv-tuning", "vrf", "rdma", "route-override"],
];
const ownIpam = ["hawser-flat", "hawser-host-local", "hawser-static"];
const defaultIpam = [
  ...["dhcp", "host-local", "static", "whereabouts", "spiderpool", "kube-ovn", "nv-ipam", "antrea"],
  ...ownIpam,
];

/**
 * Plugins that are never an IPAM plugin. A main plugin that runs as an IPAM plugin reads the same configuration again and runs
 * its IPAM plugin, which is itself. That never ends.
 */
const neverIpam = [
  ...["bridge", "cnv-bridge", "macvlan", "ipvlan", "vlan", "ptp", "dummy", "tap", "host-device", "loopback"],
  ...["sriov", "ib-sriov", "ipoib", "ovs", "bond", "macvtap", "accelerated-bridge", "ovn-k8s-cni-overlay"],
  ...[
    "rdma",
    "route-override",
    "coordinator",
    "bandwidth",
    "firewall",
    "portmap",
    "sbr",
    "tuning",
    "cnv-tuning",
  ],
  ...["vrf", "calico", "flannel", "cilium-cni", "multus", "hawser"],
  ...["hawser-bridge", "hawser-macvlan", "hawser-ipvlan", "hawser-vlan", "hawser-ptp", "hawser-dummy"],
  ...["hawser-tap", "hawser-host-device", "hawser-loopback", "hawser-tuning", "hawser-sbr"],
];
/** IPAM plugins that are never a network's plugin: they would keep their state under a name that the author chooses. */
const neverPlugin = [
  "dhcp",
  "host-local",
  "static",
  "whereabouts",
  "spiderpool",
  "nv-ipam",
  "antrea",
  "calico-ipam",
  ...ownIpam,
];

/**
 * Whether the type is one of our own IPAM plugins. In both dialects these keep their state under the operator's names or under
 * the namespace's.
 */
export function isOwnIpam(type: Json | undefined): boolean {
  return typeof type === "string" && ownIpam.includes(type);
}

export type TypeRules = Pick<MetaConfig, "allowedTypes" | "allowedIpamTypes">;

/** The types that may run, for people. */
export function allowedFor(rules: TypeRules, part: Part, owner: Owner): readonly string[] {
  const { allowedTypes, allowedIpamTypes } = rules;
  const unsaid =
    owner === "tenant"
      ? { plugin: defaultPlugins, ipam: defaultIpam }
      : { plugin: [everyone], ipam: [everyone] };
  if (part === "plugin") return allowedTypes?.filter((type) => !neverPlugin.includes(type)) ?? unsaid.plugin;
  return allowedIpamTypes ?? allowedTypes?.filter((type) => !neverIpam.includes(type)) ?? unsaid.ipam;
}

/** The executables of a definition that may not run for it, each with the part as which it would run. */
export function deniedTypes(
  rules: TypeRules,
  owner: Owner,
  config: JsonObject,
): { readonly type: string; readonly part: Part }[] {
  const parts = (["plugin", "ipam"] as const).map((part) => ({
    part,
    allowed: allowedFor(rules, part, owner),
  }));
  return pluginsOf(config).flatMap((plugin) =>
    parts.flatMap(({ part, allowed }) =>
      typesOf(plugin, part)
        .filter((type) => !mayRun(type, part, allowed, owner))
        .map((type) => ({ type, part })),
    ),
  );
}

function mayRun(type: string, part: Part, allowed: readonly string[], owner: Owner): boolean {
  if (owner === "tenant" && (part === "ipam" ? neverIpam : neverPlugin).includes(type)) return false;
  return allowed.includes(everyone) || allowed.includes(type);
}

/** The IPAM plugin that would run itself without end. This is an error in the operator's text, too. */
export function endlessIpam(plugin: JsonObject): string | undefined {
  const types = typesOf(plugin, "plugin");
  return typesOf(plugin, "ipam").find((type) => types.includes(type) || neverIpam.includes(type));
}

export function pluginsOf(config: JsonObject): JsonObject[] {
  return (Array.isArray(config.plugins) ? config.plugins : [config]).filter(isObject);
}

/** The types under every spelling that a Go program reads as the key. `plan` refuses a type that is no text. */
export function typesOf(plugin: JsonObject, part: Part): string[] {
  const holders = part === "plugin" ? [plugin] : valuesOf(plugin, "ipam").filter(isObject);
  const types = holders.flatMap((holder) => valuesOf(holder, "type"));
  return types.filter((each) => typeof each === "string").filter((each) => each !== "");
}

function valuesOf(object: JsonObject, key: string): Json[] {
  return Object.entries(object).flatMap(([each, value]) => (foldKey(each) === key ? [value] : []));
}
