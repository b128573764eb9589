import { asUnavailable, type CniError } from "../../cni/errors.ts";
import type { Invocation, Plugin } from "../../cni/plugin.ts";
import { previousResult } from "../../cni/previous-result.ts";
import { newNotes } from "../../cni/readers.ts";
import type { CniResult } from "../../cni/types.ts";
import { versions } from "../../cni/version.ts";
import { printHardware } from "../../net/bytes.ts";
import type { Link } from "../../net/links.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { notifySettings } from "./announce.ts";
import { checkContainerLink } from "./check-link.ts";
import { configureLink } from "./configure.ts";
import { addAddresses, delAddresses, passToIpam } from "./ipam.ts";
import { type IpamConfig, type MainConfig, readIpamType } from "./main-config.ts";
import { removeInside } from "./make-inside.ts";
import { type OpenNamespace, type Site, trySetting, withHost, withRemainingSite, withSite } from "./site.ts";
import { type UndoStep, withUndo } from "./undo-steps.ts";

/** Not all of these plugins choose the MTU. */
type LinkConfig = IpamConfig & Partial<MainConfig>;

/** What is special of a plugin whose attachment is one link in the container's namespace, and nothing on the node. */
export interface ContainerLink<C extends LinkConfig> {
  readonly about: string;
  /** The kind of its links, as the kernel names it. */
  readonly kind: string;
  readonly parse: (invocation: Invocation) => Outcome<C, CniError>;
  /** Makes the link, down, or leaves nothing. */
  readonly make: (site: Site, config: C, invocation: Invocation) => Outcome<Link, CniError>;
  /** Addresses that come from elsewhere than from an IPAM plugin; undefined: there are none. */
  readonly otherAddresses?: (config: C) => CniResult | undefined;
  /** CHECK of what is special of the link. */
  readonly check?: (site: Site, config: C, link: Link) => Outcome<void, CniError>;
  /** STATUS: whether the node has what an ADD needs. */
  readonly ready?: (host: OpenNamespace, config: C) => Outcome<void, CniError>;
  /** By which of these settings the kernel tells the neighbours of the interface. */
  readonly notifies: readonly (keyof typeof notifySettings)[];
}

export function containerLinkPlugin<C extends LinkConfig>(own: ContainerLink<C>): Plugin {
  return {
    about: own.about,
    versions,
    add: (sys, invocation) => add(sys, own, invocation),
    del: (sys, invocation) => del(sys, own, invocation),
    check: (sys, invocation) => check(sys, own, invocation),
    status: (sys, invocation) => status(sys, own, invocation),
    gc,
  };
}

function add<C extends LinkConfig>(
  sys: Sys,
  own: ContainerLink<C>,
  invocation: Invocation,
): Promise<Outcome<CniResult, CniError>> {
  const config = own.parse(invocation);
  if (!config.ok) return Promise.resolve(config);
  const { containerId, ifname, netns } = invocation.environment;
  return withSite(sys, invocation, (site) =>
    withUndo(async (note) => {
      const link = own.make(site, config.value, invocation);
      if (!link.ok) return link;
      note(() => removeInside(site.container, { containerId, ifname, kind: own.kind }));
      const given = await addressesOf(sys, own, config.value, invocation, note);
      if (!given.ok) return given;
      const { ips = [], routes = [], dns } = given.value;
      if (ips.length > 0)
        for (const each of own.notifies) trySetting(sys, site.container, notifySettings[each](ifname), "1");
      const configured = await configureLink(sys, site.container, link.value, given.value);
      if (!configured.ok) return configured;
      return ok({
        interfaces: [{ name: ifname, mac: printHardware(link.value.hardware), sandbox: netns }],
        ips: ips.map((ip) => ({ ...ip, interface: 0 })),
        routes,
        dns: config.value.dns ?? dns ?? {},
      });
    }),
  );
}

/** The addresses for the link: of the IPAM plugin, or from elsewhere, or none at all (layer 2). */
async function addressesOf<C extends LinkConfig>(
  sys: Sys,
  own: ContainerLink<C>,
  config: C,
  invocation: Invocation,
  note: (step: UndoStep) => void,
): Promise<Outcome<CniResult, CniError>> {
  if (config.ipam === undefined) return ok(own.otherAddresses?.(config) ?? {});
  return addAddresses(sys, invocation, config.ipam, note);
}

/** The link goes first: nobody else may get its addresses while it has them. */
async function del<C extends LinkConfig>(
  sys: Sys,
  { kind }: ContainerLink<C>,
  invocation: Invocation,
): Promise<Outcome<void, CniError>> {
  const { containerId, ifname, netns } = invocation.environment;
  // The kernel removes the links of a namespace with it.
  if (netns !== "") {
    const removed = await withRemainingSite(sys, invocation, async ({ container }) =>
      container === undefined ? ok(undefined) : removeInside(container, { containerId, ifname, kind }),
    );
    if (!removed.ok) return removed;
  }
  // A configuration that ADD refuses has given no addresses.
  const type = readIpamType(invocation.config.raw, newNotes());
  return type === undefined ? ok(undefined) : delAddresses(sys, invocation, type);
}

async function check<C extends LinkConfig>(
  sys: Sys,
  own: ContainerLink<C>,
  invocation: Invocation,
): Promise<Outcome<void, CniError>> {
  const config = own.parse(invocation);
  if (!config.ok) return config;
  const previous = previousResult(invocation.config);
  if (!previous.ok) return previous;
  const { ifname, netns } = invocation.environment;
  const { ipam, mtu } = config.value;
  const checked = await withSite(sys, invocation, async (site) => {
    const expected = { ifname, netns, kinds: [own.kind], mtu };
    const link = checkContainerLink(site, previous.value, expected);
    if (!link.ok) return link;
    return own.check?.(site, config.value, link.value) ?? ok(undefined);
  });
  return checked.ok ? passToIpam(sys, "CHECK", invocation, ipam) : checked;
}

/** STATUS (CNI 1.1.0, section 2): whatever fails every ADD makes the plugin not available. */
async function status<C extends LinkConfig>(
  sys: Sys,
  own: ContainerLink<C>,
  invocation: Invocation,
): Promise<Outcome<void, CniError>> {
  const config = own.parse(invocation);
  if (!config.ok) return fail(asUnavailable(config.error));
  const { ready } = own;
  if (ready !== undefined) {
    const found = await withHost(sys, async (host) => ready(host, config.value));
    if (!found.ok) return fail(asUnavailable(found.error));
  }
  return passToIpam(sys, "STATUS", invocation, config.value.ipam);
}

/** GC: the links go with their namespaces, so only addresses can be left over. */
async function gc(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  return passToIpam(sys, "GC", invocation, readIpamType(invocation.config.raw, newNotes()));
}
