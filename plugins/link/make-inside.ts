import type { CniError } from "../../cni/errors.ts";
import { sha256 } from "../../cni/sha256.ts";
import type { LinkKind, LinkSpec } from "../../net/link-kinds.ts";
import { getLink, type Link, makeLink, setLink } from "../../net/links.ts";
import { talk } from "../../net/talk.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import { ask, askWhether, type OpenNamespace, refused, type Site } from "./site.ts";
import { refuseTaken, removeFound, removeNamed } from "./veth.ts";

/** A link to be made in the container's namespace. */
export interface InsideLink {
  readonly containerId: string;
  readonly ifname: string;
  /** The link that it is made on, if there is one, and where that is. */
  readonly master?: { readonly link: Link; readonly place: OpenNamespace };
  readonly mtu?: number | undefined;
  readonly mac?: Uint8Array | undefined;
}

/**
 * Makes a link by one message in the container's namespace, down, so that a kill leaves nothing on the node. Returns it as the
 * kernel tells it. Errors: `link.exists`, `link.refused`.
 */
export function makeInside(site: Site, plan: InsideLink, kind: LinkKind): Outcome<Link, CniError> {
  const { ifname, master, mtu, mac, containerId } = plan;
  const from = master?.place ?? site.container;
  const spec: LinkSpec = {
    name: ifname,
    ...(from !== site.container && { namespace: site.container.namespace.descriptor }),
    ...(master && { parent: master.link.index }),
    ...(mtu !== undefined && { mtu }),
    ...(mac !== undefined && { hardware: mac }),
  };
  const words = `make ${ifname} (${kind.kind})${master === undefined ? "" : ` on ${master.link.name}`}`;
  const made = talk(from.route, makeLink(spec, kind));
  if (made.ok) return ask(site.container, getLink(ifname));
  if (made.error.code !== "EEXIST") return refused(from, words, made.error);
  const there = askWhether(site.container, getLink(ifname));
  if (!there.ok) return there;
  if (there.value !== undefined) return refuseTaken(ifname);
  // Older kernels look for the name in the namespace of the master, too, where it may be another link's.
  const passing = passingName(containerId, ifname);
  const passed = ask(from, makeLink({ ...spec, name: passing }, kind), words);
  return passed.ok ? renameInside(site.container, passing, ifname) : passed;
}

/** The name that a link has for a moment. It follows from the attachment, so that DEL finds what a kill has left. */
function passingName(containerId: string, ifname: string): string {
  return `hwsr${sha256(`${containerId}\n${ifname}`).slice(0, 8)}`;
}

function renameInside(container: OpenNamespace, passing: string, ifname: string): Outcome<Link, CniError> {
  const link = ask(container, getLink(passing));
  if (!link.ok) return link;
  const renamed = ask(
    container,
    setLink(link.value.index, { name: ifname }),
    `rename ${passing} to ${ifname}`,
  );
  if (renamed.ok) return ok({ ...link.value, name: ifname });
  const removed = removeFound(container, link.value);
  return removed.ok ? renamed : removed;
}

/**
 * Removes the link of an attachment, under whichever name a kill has left it. A link of another kind is another plugin's: an ADD
 * that found its name taken is followed by a DEL. Nothing to remove is no error.
 */
export function removeInside(
  container: OpenNamespace,
  {
    containerId,
    ifname,
    kind,
  }: { readonly containerId: string; readonly ifname: string; readonly kind: string },
): Outcome<void, CniError> {
  const link = askWhether(container, getLink(ifname), ["ENODEV"], `look at ${ifname}`);
  if (!link.ok) return link;
  if (link.value?.kind === kind) {
    const removed = removeFound(container, link.value);
    return removed.ok ? ok(undefined) : removed;
  }
  const passed = removeNamed(container, passingName(containerId, ifname));
  return passed.ok ? ok(undefined) : passed;
}
