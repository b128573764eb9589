import { type CniError, failWith } from "../../cni/errors.ts";
import { show } from "../../cni/fields.ts";
import type { JsonObject } from "../../cni/json.ts";
import { flag, type Notes, refuse, text } from "../../cni/readers.ts";
import { family } from "../../net/link-kinds.ts";
import { getLink, type Link } from "../../net/links.ts";
import { type IpRoute, listRoutes, routeTable, routeType } from "../../net/routes.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import { drifted } from "./check-link.ts";
import { optional } from "./main-config.ts";
import { ask, askWhether, type OpenNamespace, type Site } from "./site.ts";

/** The link that a network's links are made on, as the configuration names it. */
export interface MasterChoice {
  /** Empty: the link of the default route. */
  readonly master: string;
  /** Whether the master is in the container's namespace, where an earlier plugin has put it. */
  readonly linkInContainer: boolean;
}

export function readMaster(raw: JsonObject, notes: Notes): MasterChoice {
  return {
    master: readLinkName(raw, "master", notes),
    linkInContainer: optional(raw, "linkInContainer", flag, notes) ?? false,
  };
}

/** Reads the name of a link, which is empty if the field is absent. The kernel's longest are alternative names. */
export function readLinkName(raw: JsonObject, key: string, notes: Notes): string {
  const name = optional(raw, key, text, notes) ?? "";
  const isName = new TextEncoder().encode(name).length < 128 && !/[/\s\0]/.test(name);
  if (!isName) refuse(notes, key, `${show(name)} cannot name an interface`);
  return name;
}

/** The place that the master of an attachment is in. */
export function masterPlace(site: Site, { linkInContainer }: MasterChoice): OpenNamespace {
  return linkInContainer ? site.container : site.host;
}

/** Finds the master. Errors: `link.no-master`, `link.refused`. */
export function findMaster(place: OpenNamespace, { master }: MasterChoice): Outcome<Link, CniError> {
  if (master === "") return findDefault(place);
  const link = askWhether(place, getLink(master));
  if (!link.ok) return link;
  if (link.value !== undefined) return ok(link.value);
  return failWith(
    "link",
    "link.no-master",
    `find master ${show(master)} in the namespace of ${place.whose}: there is no such link`,
    `"master" must name a link that is there before the container is attached.`,
  );
}

/** Finds the link of the default route: that of IPv4, else that of IPv6. */
function findDefault(place: OpenNamespace): Outcome<Link, CniError> {
  for (const of of [family.v4, family.v6]) {
    const routes = ask(place, listRoutes(of));
    if (!routes.ok) return routes;
    const index = linkOfDefault(routes.value);
    if (index !== undefined) return ask(place, getLink(index));
  }
  return failWith(
    "link",
    "link.no-master",
    `find the master in the namespace of ${place.whose}: no default route leads out of a link`,
    `Name the master with "master".`,
  );
}

/** The kernel lists the routes of IPv4 in the order in which it tries them, and those of IPv6 by their priority. */
function linkOfDefault(routes: readonly IpRoute[]): number | undefined {
  for (const route of routes) {
    const isDefault = route.prefix === 0 && route.table === routeTable.main;
    if (!isDefault || route.type !== routeType.unicast) continue;
    const link = route.link ?? route.multipath?.[0]?.link;
    if (link !== undefined) return link;
  }
  return undefined;
}

/** An interface cannot send more at once than its master. The words are the reference plugins'. Errors: `link.config`. */
export function mtuFits(mtu: number | undefined, master: Link): Outcome<void, CniError> {
  if (mtu === undefined || mtu <= master.mtu) return ok(undefined);
  return failWith(
    "invalidConfig",
    "link.config",
    `mtu: invalid MTU ${mtu}, must be [0, master MTU(${master.mtu})]`,
    `The master is ${master.name}. Nothing was changed.`,
  );
}

/** CHECK: the link is on the master that the configuration names, and that is there. Errors: `link.drift`, `link.no-master`. */
export function checkMaster(site: Site, choice: MasterChoice, link: Link): Outcome<void, CniError> {
  const place = masterPlace(site, choice);
  // The default route may lead elsewhere by now, and the link is right all the same.
  if (choice.master === "") {
    const parent = askWhether(place, getLink(link.parent ?? 0));
    if (!parent.ok) return parent;
    return parent.value === undefined ? drifted(`the master of ${link.name} is gone`) : ok(undefined);
  }
  const master = findMaster(place, choice);
  if (!master.ok) return master;
  return master.value.index === link.parent
    ? ok(undefined)
    : drifted(`${link.name} is not on ${choice.master}, but on the link with index ${link.parent ?? 0}`);
}

/** STATUS: the master is there, and can carry the MTU. A master in a container is not known before. */
export function mastersReady(
  host: OpenNamespace,
  config: MasterChoice & { readonly mtu: number | undefined },
): Outcome<void, CniError> {
  if (config.linkInContainer) return ok(undefined);
  const master = findMaster(host, config);
  return master.ok ? mtuFits(config.mtu, master.value) : master;
}
