import type { AttachmentKey } from "../../cni/attachments.ts";
import { type CniError, failWith } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { listAddresses } from "../../net/addresses.ts";
import type { Link } from "../../net/links.ts";
import { getLink, makeLink, removeLink } from "../../net/links.ts";
import { talk } from "../../net/talk.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import { hostEndName } from "./host-end.ts";
import type { Subnet } from "./ip-bytes.ts";
import { ask, askWhether, type OpenNamespace, type RemainingSite, refused, type Site } from "./site.ts";
import type { UndoStep } from "./undo-steps.ts";

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
export function makeVeth(
  site: Site,
  plan: VethPlan,
  note: (step: UndoStep) => void,
): Outcome<VethPair, CniError> {
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
      { name, up: true, transmitQueue: 0, ...ownMtu, ...(master !== undefined && { master }) },
      { kind: "veth", peer },
    );
    const made = talk(host.route, request);
    if (made.ok) {
      note(() => silently(removeNamed(host, name)));
      return lookAtPair(site, name, ifname);
    }
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

/**
 * Removes the veth pair of an attachment, by its end in the container, or, if the namespace is gone, by the host's end, which the
 * kernel has mostly removed by then. Returns the addresses that the container's end had; undefined if nobody knows them.
 */
export function removeVeth(
  { host, container }: RemainingSite,
  { containerId, ifname }: { readonly containerId: string; readonly ifname: string },
): Outcome<Subnet[] | undefined, CniError> {
  const space = container ?? host;
  const name = container === undefined ? hostEndName(containerId, ifname) : ifname;
  const link = askWhether(space, getLink(name), ["ENODEV"], `look at ${name}`);
  if (!link.ok) return link;
  // A link of another kind is not ours.
  if (link.value?.kind !== "veth") return ok(undefined);
  const subnets = container === undefined ? ok(undefined) : subnetsOf(container, link.value);
  if (!subnets.ok) return subnets;
  const removed = removeFound(space, link.value);
  return removed.ok ? subnets : removed;
}

/** The addresses of a link that others reach it by. */
function subnetsOf(space: OpenNamespace, { index, name }: Link): Outcome<Subnet[], CniError> {
  const listed = ask(space, listAddresses(index), `list the addresses of ${name}`);
  if (!listed.ok) return listed;
  const reached = listed.value.filter(({ scope }) => scope === 0);
  return ok(reached.map(({ address, prefix }) => ({ bytes: address, prefix })));
}

function silently(outcome: Outcome<unknown, CniError>): Outcome<void, CniError> {
  return outcome.ok ? ok(undefined) : outcome;
}

export function keyOf({ environment: { containerId, ifname }, config }: Invocation): AttachmentKey {
  return { network: config.name, containerId, ifname };
}
