import { interfaceNameProblem } from "../../cni/environment.ts";
import { type CniError, describe, failWith } from "../../cni/errors.ts";
import { isSameBytes } from "../../net/bytes.ts";
import { getLink, type Link, listLinks, setLink } from "../../net/links.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { ask, askWhether, type OpenNamespace, type Site } from "../link/site.ts";
import { refuseTaken } from "../link/veth.ts";
import type { DeviceNames } from "./config.ts";
import { isDevice, type KnownDevice } from "./find-device.ts";

/**
 * Moves a device into the container, by one message: the kernel takes it down, moves it, gives it the name, and keeps the name
 * that it had on the node as its alias. By that alias DEL gives the name back, ours and the reference plugin's. Returns the
 * link as it is in the container. Errors: `link.exists`, `link.refused`.
 */
export function moveIn({ host, container }: Site, device: Link, ifname: string): Outcome<Link, CniError> {
  // If only the name were refused, the kernel would have moved the device already.
  const there = askWhether(container, getLink(ifname));
  if (!there.ok) return there;
  if (there.value !== undefined) return refuseTaken(ifname);
  const move = setLink(device.index, {
    namespace: container.namespace.descriptor,
    name: ifname,
    alias: device.name,
  });
  const moved = ask(host, move, `move ${device.name} into the container as ${ifname}`);
  // The index may be another's in the container, so the device has a new one.
  if (moved.ok) return ask(container, getLink(ifname));
  return returned({ host, container }, device, moved.error);
}

/** After a refusal, looks where the device is, and takes it back if it is in the container. */
function returned(site: Site, device: Link, error: CniError): Outcome<never, CniError> {
  const links = ask(site.container, listLinks());
  if (!links.ok) return links;
  const stray = links.value.find(
    ({ name, hardware }) => name === device.name && isSameBytes(hardware, device.hardware),
  );
  const stayed = ask(site.host, getLink(device.index));
  if (stray === undefined || (stayed.ok && stayed.value.name === device.name)) return fail(error);
  const back = moveBack(site, stray, device);
  if (back.ok && device.isUp) ask(site.host, setLink(back.value.index, { up: true }));
  return back.ok ? fail(error) : fail({ ...error, details: `${error.details} ${describe(back.error)}` });
}

/**
 * Moves a device to the node under its name there, by one message. After an ADD it has no alias any more, because nobody knows
 * which one it had before. Returns the link as it is there, down.
 */
export function moveBack(
  { host, container }: Site,
  link: Link,
  { name, alias = "" }: { readonly name: string; readonly alias?: string | undefined },
): Outcome<Link, CniError> {
  const taken = askWhether(host, getLink(name));
  if (!taken.ok) return taken;
  if (taken.value !== undefined) {
    return failWith(
      "link",
      "link.exists",
      `move ${link.name} back to the node as ${name}: the node has another link of that name`,
      "Rename that one. Until then the device stays in the container.",
    );
  }
  const move = setLink(link.index, { namespace: host.namespace.descriptor, name, alias });
  const moved = ask(container, move, `move ${link.name} back to the node as ${name}`);
  return moved.ok ? ask(host, getLink(name)) : moved;
}

/** The name that a device had on the node. A link without one was not moved by this plugin, or by the reference's. */
export function nameOnNode({ alias = "" }: Link): string | undefined {
  return interfaceNameProblem(alias) === undefined ? alias : undefined;
}

/**
 * Gives a device its name back that the kernel has moved to the node, because its namespace has ended: it keeps the container's
 * name then, or becomes `dev7`. Nothing to do is no error. Errors: `link.refused`.
 */
export function restoreName(
  sys: Sys,
  host: OpenNamespace,
  device: KnownDevice,
  ifname: string | undefined,
): Outcome<void, CniError> {
  const links = ask(host, listLinks());
  if (!links.ok) return links;
  const stranded = links.value.find((link) => {
    const name = nameOnNode(link);
    if (name === undefined || name === link.name || !isDevice(sys, device, link)) return false;
    // If the device is known by another mark than its name, the alias may be the operator's own.
    return device.names.device !== "" || link.name === ifname || /^dev\d+$/.test(link.name);
  });
  if (stranded === undefined) return ok(undefined);
  const { index, name, alias = "" } = stranded;
  // Older kernels rename no link that is up.
  const lowered = stranded.isUp ? ask(host, setLink(index, { up: false })) : ok(undefined);
  if (!lowered.ok) return lowered;
  return ask(host, setLink(index, { name: alias, alias: "" }), `give ${name} its name ${alias} back`);
}

/** Whether a link, which has this name on the node, is the device that the configuration names, if it names one. */
export function isNamed({ device }: DeviceNames, name: string | undefined, link: Link): boolean {
  return device === "" || name === device || link.alternativeNames.includes(device);
}
