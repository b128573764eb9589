import { asUnavailable, type CniError, failWith } from "../../cni/errors.ts";
import type { Invocation, Plugin } from "../../cni/plugin.ts";
import { previousResult } from "../../cni/previous-result.ts";
import type { CniResult } from "../../cni/types.ts";
import { versions } from "../../cni/version.ts";
import { listAddresses } from "../../net/addresses.ts";
import { getLink, setLink } from "../../net/links.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { checkContainerLink, drifted } from "../link/check-link.ts";
import { printSubnet } from "../link/ip-bytes.ts";
import { ask, type OpenNamespace, withHost, withRemainingSite, withSite } from "../link/site.ts";

/** Every namespace has the link, and it is called nothing else: CNI_IFNAME says nothing. */
const ifname = "lo";

/** Takes the link up: the kernel gives it its addresses. What earlier plugins of the list have made is handed on. */
async function add(sys: Sys, invocation: Invocation): Promise<Outcome<CniResult, CniError>> {
  const { config, environment } = invocation;
  const given = (config.raw.prevResult ?? undefined) !== undefined;
  const previous = given ? previousResult(config) : undefined;
  if (previous !== undefined && !previous.ok) return previous;
  return withSite(sys, invocation, async ({ container }) => {
    const own = mustBeLoopback(container);
    if (!own.ok) return own;
    const risen = setState(container, true);
    if (!risen.ok) return risen;
    const listed = ask(container, listAddresses(risen.value), `list the addresses of ${ifname}`);
    if (!listed.ok) return listed;
    const ips = listed.value.map(({ address: bytes, prefix }) => ({
      address: printSubnet({ bytes, prefix }),
      interface: 0,
    }));
    const interfaces = [{ name: ifname, mac: "00:00:00:00:00:00", sandbox: environment.netns }];
    return ok(previous?.value ?? { interfaces, ips });
  });
}

/** As the reference plugin, refuses a link that others reach the container by. Errors: `link.not-loopback`. */
function mustBeLoopback(container: OpenNamespace): Outcome<void, CniError> {
  const link = ask(container, getLink(ifname));
  if (!link.ok) return link;
  const listed = ask(container, listAddresses(link.value.index), `list the addresses of ${ifname}`);
  if (!listed.ok) return listed;
  const other = listed.value.find(({ address }) => !isLoopback(address));
  if (other === undefined) return ok(undefined);
  const found = printSubnet({ bytes: other.address, prefix: other.prefix });
  const msg = `loopback interface ${ifname} has the address ${found}, by which others may reach it`;
  return failWith("link", "link.not-loopback", msg, "Remove the address, or leave the plugin out.");
}

/** 127.0.0.0/8 and ::1. */
function isLoopback(address: Uint8Array): boolean {
  if (address.length === 4) return address[0] === 127;
  return address.every((byte, at) => byte === (at === 15 ? 1 : 0));
}

async function del(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  return withRemainingSite(sys, invocation, async ({ container }) => {
    if (container === undefined) return ok(undefined);
    const set = setState(container, false);
    return set.ok ? ok(undefined) : set;
  });
}

/** The link is up, and has the addresses that ADD has reported. A list whose first plugin is another has no `lo` in its result. */
async function check(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const previous = previousResult(invocation.config);
  if (!previous.ok) return previous;
  const { netns } = invocation.environment;
  return withSite(sys, invocation, async (site) => {
    const { interfaces = [] } = previous.value;
    const link = ask(site.container, getLink(ifname));
    if (!link.ok) return link;
    if (!link.value.isUp) return drifted(`${ifname} is down`);
    if (!interfaces.some(({ name }) => name === ifname)) return ok(undefined);
    const checked = checkContainerLink(site, previous.value, { ifname, netns, kinds: [""] });
    return checked.ok ? ok(undefined) : checked;
  });
}

/** Whether the kernel answers at all. */
async function status(sys: Sys): Promise<Outcome<void, CniError>> {
  const found = await withHost(sys, async (host) => ask(host, getLink(ifname)));
  return found.ok ? ok(undefined) : fail(asUnavailable(found.error));
}

/** Nothing of it outlives a namespace. */
async function gc(): Promise<Outcome<void, CniError>> {
  return ok(undefined);
}

/** Returns the index of the link. */
function setState(container: OpenNamespace, up: boolean): Outcome<number, CniError> {
  const link = ask(container, getLink(ifname));
  if (!link.ok) return link;
  if (link.value.isUp === up) return ok(link.value.index);
  const set = ask(container, setLink(link.value.index, { up }), `take ${ifname} ${up ? "up" : "down"}`);
  return set.ok ? ok(link.value.index) : set;
}

/** The reference plugin `loopback`: the loopback link of the container. */
export const loopback: Plugin = {
  about: "takes the container's loopback interface up",
  versions,
  add,
  del,
  check,
  status,
  gc,
};
