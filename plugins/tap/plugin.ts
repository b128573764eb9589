import { type CniError, failWith } from "../../cni/errors.ts";
import { getLink, type Link, setLink } from "../../net/links.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import { drifted } from "../link/check-link.ts";
import { containerLinkPlugin } from "../link/container-link.ts";
import { ask, askWhether, type OpenNamespace, refused } from "../link/site.ts";
import { refuseTaken, removeFound } from "../link/veth.ts";
import { parseTap, type TapConfig } from "./config.ts";

/** The reference plugin `tap`. The container gets a TAP interface, which a program (as of a virtual machine) opens. */
export const tap = containerLinkPlugin<TapConfig>({
  about: "gives a container a TAP interface, which a program in it opens",
  kind: "tun",
  notifies: ["arp"],
  parse: parseTap,
  make: ({ container }, config, { environment: { ifname } }) => {
    // TUNSETIFF opens an interface that is there already, and would be none the wiser.
    const there = askWhether(container, getLink(ifname));
    if (!there.ok) return there;
    if (there.value !== undefined) return refuseTaken(ifname);
    const bridge = config.bridge === "" ? ok(undefined) : findBridge(container, config.bridge);
    if (!bridge.ok) return bridge;
    const { multiQueue, owner, group } = config;
    const made = container.namespace.makeTap({
      name: ifname,
      multiQueue,
      ...(owner !== undefined && { owner }),
      ...(group !== undefined && { group }),
    });
    if (!made.ok) return refused(container, `make ${ifname} (tap)`, made.error);
    const link = ask(container, getLink(ifname));
    if (!link.ok) return link;
    const set = finish(container, link.value, config, bridge.value);
    if (set.ok) return set;
    const removed = removeFound(container, link.value);
    return removed.ok ? set : removed;
  },
  check: ({ container }, { bridge }, link) => {
    if (bridge === "") return ok(undefined);
    const master = findBridge(container, bridge);
    if (!master.ok) return master;
    return master.value.index === link.master
      ? ok(undefined)
      : drifted(`${link.name} is no port of ${bridge}`);
  },
});

/** The bridge must be in the namespace of its port, which is the container's. */
function findBridge(container: OpenNamespace, name: string): Outcome<Link, CniError> {
  const bridge = askWhether(container, getLink(name));
  if (!bridge.ok) return bridge;
  if (bridge.value !== undefined) return ok(bridge.value);
  return failWith(
    "link",
    "link.no-master",
    `find bridge ${name} in the namespace of the container: there is no such link`,
    "A plugin before this one must have made it.",
  );
}

/**
 * Gives the interface what the configuration wants of it, and takes it up, by one message. Returns it as it is then. It is up
 * before it has addresses, as the reference plugin's is: nobody has opened it, and without a carrier the kernel adds the route of
 * IPv6 multicast only with an address of an interface that is up.
 */
function finish(
  container: OpenNamespace,
  link: Link,
  { mtu, mac }: TapConfig,
  bridge: Link | undefined,
): Outcome<Link, CniError> {
  const change = setLink(link.index, {
    up: true,
    ...(mtu !== undefined && { mtu }),
    ...(mac !== undefined && { hardware: mac }),
    ...(bridge !== undefined && { master: bridge.index }),
  });
  const set = ask(container, change, `set up ${link.name}`);
  return set.ok ? ask(container, getLink(link.index)) : set;
}
