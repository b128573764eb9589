import { asUnavailable, type CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { previousResult } from "../../cni/previous-result.ts";
import { newNotes } from "../../cni/readers.ts";
import type { CniResult } from "../../cni/types.ts";
import type { Link } from "../../net/links.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { checkContainerLink, drifted } from "../link/check-link.ts";
import { passToIpam } from "../link/ipam.ts";
import { readIpamType } from "../link/main-config.ts";
import { type Site, withHost, withSite } from "../link/site.ts";
import { parseHostDevice, readDeviceNames } from "./config.ts";
import { type KnownDevice, knowDevice } from "./find-device.ts";
import { isNamed, nameOnNode, restoreName } from "./move-device.ts";

export async function check(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const config = parseHostDevice(invocation);
  if (!config.ok) return config;
  const device = knowDevice(sys, config.value);
  if (!device.ok) return device;
  const previous = previousResult(invocation.config);
  if (!previous.ok) return previous;
  const checked = await withSite(sys, invocation, async (site) =>
    checkDevice(site, invocation, device.value, previous.value),
  );
  return checked.ok ? passToIpam(sys, "CHECK", invocation, config.value.ipam) : checked;
}

function checkDevice(
  site: Site,
  { environment: { ifname, netns } }: Invocation,
  device: KnownDevice,
  previous: CniResult,
): Outcome<void, CniError> {
  const own = (previous.interfaces ?? []).find(({ name, sandbox }) => name === ifname && sandbox === netns);
  if (device.isUserspace)
    return own === undefined ? drifted(`prevResult has no interface ${ifname} in ${netns}`) : ok(undefined);
  const link = checkContainerLink(site, previous, { ifname, netns });
  return link.ok ? checkName(device, link.value) : link;
}

/** Without its name on the node, DEL could not give the device back. */
function checkName({ names }: KnownDevice, link: Link): Outcome<void, CniError> {
  const name = nameOnNode(link);
  if (name === undefined)
    return drifted(`${link.name} has lost the name that it had on the node (its alias)`);
  return isNamed(names, name, link)
    ? ok(undefined)
    : drifted(`${link.name} is the device ${name}, not ${names.device}`);
}

/** Whether the device is on the node tells nothing: a container may have it, and nothing is wrong. */
export async function status(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const config = parseHostDevice(invocation);
  if (!config.ok) return fail(asUnavailable(config.error));
  return passToIpam(sys, "STATUS", invocation, config.value.ipam);
}

/** GC: the kernel has moved the devices of ended containers to the node, under their names in there. */
export async function gc(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const { raw } = invocation.config;
  const device = knowDevice(sys, readDeviceNames(raw, newNotes()));
  const restored = device.ok
    ? await withHost(sys, async (host) => restoreName(sys, host, device.value, undefined))
    : ok(undefined);
  const collected = await passToIpam(sys, "GC", invocation, readIpamType(raw, newNotes()));
  return restored.ok ? collected : restored;
}
