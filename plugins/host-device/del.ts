import { type CniError, failWith } from "../../cni/errors.ts";
import { canonicalHardware } from "../../cni/hardware.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { newNotes } from "../../cni/readers.ts";
import { parseResult } from "../../cni/result.ts";
import { printHardware } from "../../net/bytes.ts";
import { getLink, type Link } from "../../net/links.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { delAddresses } from "../link/ipam.ts";
import { readIpamType } from "../link/main-config.ts";
import { askWhether, type RemainingSite, withRemainingSite } from "../link/site.ts";
import { type DeviceNames, readDeviceNames } from "./config.ts";
import { knowDevice } from "./find-device.ts";
import { isNamed, moveBack, nameOnNode, restoreName } from "./move-device.ts";

/** The device goes first: nobody else may get its addresses while it has them in the container. */
export async function del(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const released = await withRemainingSite(sys, invocation, async (site) => release(sys, site, invocation));
  if (!released.ok) return released;
  // A configuration that ADD refuses has given no addresses.
  const type = readIpamType(invocation.config.raw, newNotes());
  return type === undefined ? ok(undefined) : delAddresses(sys, invocation, type);
}

/** Gives the node its device back, from the container or from where the kernel has put it when the namespace ended. */
function release(
  sys: Sys,
  { host, container }: RemainingSite,
  invocation: Invocation,
): Outcome<void, CniError> {
  const { ifname } = invocation.environment;
  const names = readDeviceNames(invocation.config.raw, newNotes());
  const link = container === undefined ? ok(undefined) : askWhether(container, getLink(ifname));
  if (!link.ok) return link;
  if (container !== undefined && link.value !== undefined) {
    const name = nameToRestore(invocation, link.value, names);
    // An ADD that found its name taken is followed by a DEL: the link is another attachment's.
    if (name === undefined) return ok(undefined);
    if (name === "") return nameLost(ifname);
    const moved = moveBack({ host, container }, link.value, { name });
    return moved.ok ? ok(undefined) : moved;
  }
  const device = knowDevice(sys, names);
  // A device that is gone from the node needs no name.
  return device.ok ? restoreName(sys, host, device.value, ifname) : ok(undefined);
}

/** The name that the link gets on the node, empty if nobody knows it; undefined if it is none of ours. */
function nameToRestore(invocation: Invocation, link: Link, names: DeviceNames): string | undefined {
  const name = nameOnNode(link);
  if (name !== undefined && isNamed(names, name, link)) return name;
  return isReported(invocation, link) ? names.device : undefined;
}

/** Whether ADD has reported this very link. A container with rights on its network can change the alias. */
function isReported({ config, environment }: Invocation, link: Link): boolean {
  const given = config.raw.prevResult ?? undefined;
  const parsed = given === undefined ? undefined : parseResult(given, config.cniVersion);
  if (parsed?.ok !== true) return false;
  return (parsed.value.result.interfaces ?? []).some(
    ({ name, sandbox, mac = "" }) =>
      name === environment.ifname &&
      sandbox === environment.netns &&
      canonicalHardware(mac) === printHardware(link.hardware),
  );
}

function nameLost(ifname: string): Outcome<never, CniError> {
  return failWith(
    "link",
    "link.no-device",
    `move ${ifname} back to the node: the name that it had there is not known (its alias was removed)`,
    "Set the name as its alias in the container's namespace (ip link set alias), or end the namespace.",
  );
}
