import type { IpConfig } from "../../cni/types.ts";
import { linkFlag } from "../../net/link-kinds.ts";
import { type Link, setLink } from "../../net/links.ts";
import { talk } from "../../net/talk.ts";
import type { Sys } from "../../sys/sys.ts";
import { type OpenNamespace, trySetting } from "./site.ts";

/** Settings by which the kernel tells the neighbours of an interface, in its folder of /proc/sys/net. */
export const notifySettings = {
  arp: (ifname: string) => `ipv4/conf/${ifname}/arp_notify`,
  ndisc: (ifname: string) => `ipv6/conf/${ifname}/ndisc_notify`,
} as const;

/** ARPHRD_ETHER. */
const ethernetType = 1;

/**
 * Tells the neighbours of an interface that its addresses are here now. An address may have been another container's before,
 * and neighbours keep what they know for minutes. The interface must be up. The kernel announces all addresses that are not
 * tentative when the interface is given its hardware address, even the one that it has, if two settings say so. To send the
 * frames by a socket of our own would take 15 ms longer for each: the kernel waits for a grace period when such a socket is
 * closed. This is the best that we can do: what fails is a warning, and no ADD fails for it.
 */
export function announce(
  sys: Sys,
  space: OpenNamespace,
  {
    index,
    name,
    flags,
    hardware,
    hardwareType,
  }: Pick<Link, "index" | "name" | "flags" | "hardware" | "hardwareType">,
  ips: readonly IpConfig[],
): void {
  if (ips.length === 0 || hardwareType !== ethernetType || (flags & linkFlag.noArp) !== 0) return;
  const hasV6 = ips.some(({ address }) => address.includes(":"));
  const settings = [notifySettings.arp(name), ...(hasV6 ? [notifySettings.ndisc(name)] : [])];
  const changed = settings.filter((setting) => {
    const present = space.namespace.readSetting(setting);
    return present.ok && present.value === "0";
  });
  for (const setting of changed) trySetting(sys, space, setting, "1");
  const announced = talk(space.route, setLink(index, { hardware }));
  if (!announced.ok) sys.warn(`announce the addresses of ${name}: ${announced.error.message}`);
  for (const setting of changed) trySetting(sys, space, setting, "0");
}
