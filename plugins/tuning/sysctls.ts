import { type Notes, refuse } from "../../cni/readers.ts";

/** A setting of the kernel's network in the container's namespace. */
export interface SysctlSetting {
  /** As it is configured: `net.ipv4.conf.IFNAME.arp_filter`. */
  readonly key: string;
  /** Its file below /proc/sys/net: `ipv4/conf/eth0/arp_filter`. */
  readonly name: string;
  readonly value: string;
}

/**
 * Reads a key as the reference plugin does: dots are slashes, and then the interface replaces the first `IFNAME`, so that the dots of
 * its name stay. Undefined if the setting is not one of the network.
 */
export function sysctlOf(key: string, value: string, ifname: string): SysctlSetting | undefined {
  const path = key.replaceAll(".", "/").replace("IFNAME", () => ifname);
  const [top, ...rest] = path.split("/").filter((part) => part !== "");
  const isWithin = top === "net" && rest.length > 0 && !rest.some((part) => part === "." || part === "..");
  return isWithin ? { key, name: rest.join("/"), value } : undefined;
}

/** One setting cannot have two values. Which one would count is chance in the reference plugin. */
export function noteConflicts(sysctls: readonly SysctlSetting[], notes: Notes): void {
  const byName = new Map<string, SysctlSetting>();
  for (const sysctl of sysctls) {
    const other = byName.get(sysctl.name);
    if (other !== undefined && other.value !== sysctl.value)
      refuse(notes, "sysctl", `${other.key} and ${sysctl.key} are one setting with two values`);
    byName.set(sysctl.name, sysctl);
  }
}

/** The kernel prints tabs between the numbers of a setting, where people write spaces. */
export function isSameValue(one: string, other: string): boolean {
  return normal(one) === normal(other);
}

function normal(value: string): string {
  return value.trim().replace(/\s+/g, " ");
}
