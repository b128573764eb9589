import type { CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { CniResult, Interface } from "../../cni/types.ts";
import { printHardware } from "../../net/bytes.ts";
import { getLink, type Link, setLink } from "../../net/links.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { announce } from "../link/announce.ts";
import { configureLink } from "../link/configure.ts";
import { addAddresses } from "../link/ipam.ts";
import { ask, askWhether, type Site, withSite } from "../link/site.ts";
import { type UndoStep, withUndo } from "../link/undo-steps.ts";
import { type HostDeviceConfig, parseHostDevice } from "./config.ts";
import { findDevice, type KnownDevice, knowDevice } from "./find-device.ts";
import { moveBack, moveIn, restoreName } from "./move-device.ts";

export async function add(sys: Sys, invocation: Invocation): Promise<Outcome<CniResult, CniError>> {
  const config = parseHostDevice(invocation);
  if (!config.ok) return config;
  const device = knowDevice(sys, config.value);
  if (!device.ok) return device;
  return withSite(sys, invocation, (site) =>
    withUndo((note) => attach(sys, site, invocation, config.value, device.value, note)),
  );
}

async function attach(
  sys: Sys,
  site: Site,
  invocation: Invocation,
  config: HostDeviceConfig,
  device: KnownDevice,
  note: (step: UndoStep) => void,
): Promise<Outcome<CniResult, CniError>> {
  const { ifname, netns } = invocation.environment;
  // A program has the device: there is no interface to move, and the addresses are for that program.
  const link = device.isUserspace ? ok(undefined) : take(sys, site, device, ifname, note);
  if (!link.ok) return link;
  const given = config.ipam === undefined ? ok({}) : await addAddresses(sys, invocation, config.ipam, note);
  if (!given.ok) return given;
  const { ips = [], routes = [], dns }: CniResult = given.value;
  if (link.value !== undefined) {
    const configured = await configureLink(sys, site.container, link.value, given.value);
    if (!configured.ok) return configured;
    announce(sys, site.container, link.value, ips);
  }
  const own: Interface = {
    name: ifname,
    ...(link.value !== undefined && { mac: printHardware(link.value.hardware) }),
    sandbox: netns,
  };
  return ok({
    interfaces: [own],
    ips: ips.map((ip) => ({ ...ip, interface: 0 })),
    routes,
    dns: config.dns ?? dns ?? {},
  });
}

/**
 * Moves the device into the container, and takes it up there. If it had been taken up on the node, it is so again when the ADD
 * fails.
 */
function take(
  sys: Sys,
  site: Site,
  device: KnownDevice,
  ifname: string,
  note: (step: UndoStep) => void,
): Outcome<Link, CniError> {
  // A container that ended without a DEL may have left the device under its own name.
  const restored = device.names.device === "" ? ok(undefined) : restoreMissing(sys, site, device);
  if (!restored.ok) return restored;
  const found = findDevice(sys, site.host, device);
  if (!found.ok) return found;
  const moved = moveIn(site, found.value, ifname);
  if (!moved.ok) return moved;
  note(() => giveBack(site, found.value, ifname));
  // As the reference plugin does, before it has addresses: the link may take a second to come up.
  const risen = ask(site.container, setLink(moved.value.index, { up: true }), `take ${ifname} up`);
  return risen.ok ? moved : risen;
}

function restoreMissing(sys: Sys, { host }: Site, device: KnownDevice): Outcome<void, CniError> {
  const there = askWhether(host, getLink(device.names.device));
  if (!there.ok) return there;
  return there.value === undefined ? restoreName(sys, host, device, undefined) : ok(undefined);
}

function giveBack(site: Site, device: Link, ifname: string): Outcome<void, CniError> {
  const link = askWhether(site.container, getLink(ifname));
  if (!link.ok || link.value === undefined) return link.ok ? ok(undefined) : link;
  const back = moveBack(site, link.value, device);
  if (!back.ok) return back;
  return device.isUp ? ask(site.host, setLink(back.value.index, { up: true })) : ok(undefined);
}
