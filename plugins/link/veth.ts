import { type CniError, failWith } from "../../cni/errors.ts";
import type { Link } from "../../net/links.ts";
import { getLink, makeLink, removeLink } from "../../net/links.ts";
import { talk } from "../../net/talk.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import { hostEndName } from "./host-end.ts";
import { ask, askWhether, type OpenNamespace, refused, type Site } from "./site.ts";

/** A veth pair to be made. */
export interface VethPlan {
  readonly containerId: string;
  /** The name of the container's end. */
  readonly ifname: string;
  readonly mtu?: number | undefined;
  /** The hardware address of the container's end. */
  readonly mac?: Uint8Array | undefined;
  /** The link that the host's end belongs to. */
  readonly master?: number;
}

/** Both ends of a veth pair, as the kernel tells them. */
export interface VethPair {
  readonly host: Link;
  readonly container: Link;
}

/** A host's end has another name if the first is taken. Two in four billion names are the same. */
const mostTurns = 10;

/**
 * Makes a veth pair by one message: the host's end up and with its master, the container's end in its namespace, down. Errors:
 * `link.exists`, `link.refused`.
 */
export function makeVeth(site: Site, plan: VethPlan): Outcome<VethPair, CniError> {
  const { host, container } = site;
  const { containerId, ifname, mtu, mac, master } = plan;
  for (let turn = 0; turn < mostTurns; turn++) {
    const name = hostEndName(containerId, ifname, turn);
    const ownMtu = mtu === undefined ? {} : { mtu };
    const peer = {
      name: ifname,
      namespace: container.namespace.descriptor,
      ...ownMtu,
      ...(mac !== undefined && { hardware: mac }),
    };
    const request = makeLink(
      { name, up: true, ...ownMtu, ...(master !== undefined && { master }) },
      { kind: "veth", peer },
    );
    const made = talk(host.route, request);
    if (made.ok) return lookAtPair(site, name, ifname);
    const words = `make the veth pair ${ifname} and ${name}`;
    if (made.error.code !== "EEXIST") return refused(container, words, made.error);
    const there = askWhether(container, getLink(ifname));
    if (!there.ok) return there;
    if (there.value !== undefined) return refuseTaken(ifname);
  }
  return failWith(
    "link",
    "link.exists",
    `make a veth pair for ${ifname}: all names of host's ends are taken`,
  );
}

/** The container already has an interface of that name. */
export function refuseTaken(ifname: string): Outcome<never, CniError> {
  const msg = `the container has an interface ${ifname} already`;
  return failWith(
    "link",
    "link.exists",
    msg,
    "Run DEL first: it also clears what an interrupted ADD has left.",
  );
}

function lookAtPair(site: Site, name: string, ifname: string): Outcome<VethPair, CniError> {
  const host = ask(site.host, getLink(name));
  if (!host.ok) return host;
  const container = ask(site.container, getLink(ifname));
  return container.ok ? ok({ host: host.value, container: container.value }) : container;
}

/** Removes a link by its name. Returns it as it was, undefined if there is none of that name. */
export function removeNamed(space: OpenNamespace, name: string): Outcome<Link | undefined, CniError> {
  const link = askWhether(space, getLink(name), ["ENODEV"], `look at ${name}`);
  if (!link.ok || link.value === undefined) return link;
  return removeFound(space, link.value);
}

/** Removes a link that was seen. It may have gone meanwhile. */
export function removeFound(space: OpenNamespace, link: Link): Outcome<Link, CniError> {
  const removed = askWhether(space, removeLink(link.index), ["ENODEV"], `remove ${link.name}`);
  return removed.ok ? ok(link) : removed;
}

/** Removes the host's end of an attachment whose namespace is gone. The kernel has mostly done so, with the namespace. */
export function removeHostEnd(
  host: OpenNamespace,
  containerId: string,
  ifname: string,
): Outcome<void, CniError> {
  const name = hostEndName(containerId, ifname);
  const link = askWhether(host, getLink(name), ["ENODEV"], `look at ${name}`);
  if (!link.ok) return link;
  if (link.value?.kind !== "veth") return ok(undefined);
  const removed = removeFound(host, link.value);
  return removed.ok ? ok(undefined) : removed;
}
