import { type CniError, describe, failWith } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { CniResult } from "../../cni/types.ts";
import { family } from "../../net/link-kinds.ts";
import { getLink } from "../../net/links.ts";
import {
  addRoute,
  type IpRoute,
  listRoutes,
  removeRoute,
  replaceRoute,
  routeScope,
  routeTable,
} from "../../net/routes.ts";
import { addRule, listRules, type RoutingRule, removeRule } from "../../net/routing-rules.ts";
import { talk } from "../../net/talk.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { chainedResult } from "../link/chained.ts";
import { ask, askWhether, type OpenNamespace, refused, withSite } from "../link/site.ts";
import { type UndoStep, withUndo } from "../link/undo-steps.ts";
import { parseSbrConfig, type SbrConfig } from "./config.ts";
import {
  defaultRoute,
  freeTable,
  hintedRoute,
  inTable,
  routesFor,
  routesOf,
  type SourceAddress,
  sourceAddresses,
  sourceRule,
} from "./source-routes.ts";

type Note = (step: UndoStep) => void;

/** Gives each address of the interface a table of its own, and passes prevResult on. */
export async function add(sys: Sys, invocation: Invocation): Promise<Outcome<CniResult, CniError>> {
  const config = parseSbrConfig(invocation);
  if (!config.ok) return config;
  const previous = chainedResult(invocation);
  if (!previous.ok) return previous;
  const { ifname } = invocation.environment;
  if ((previous.value.ips ?? []).length === 0) {
    const msg = `no IP addresses in prevResult for interface ${ifname}`;
    return failWith("invalidConfig", "config.prev-result", msg, "Routes by source need an address.");
  }
  const addresses = sourceAddresses(previous.value, ifname, config.value.gateways);
  // Nothing is awaited between the look at the tables and their use, so no other ADD of this process is between them.
  const done = await withSite(sys, invocation, ({ container }) =>
    withUndo(async (note) =>
      config.value.table === undefined
        ? makeTables(sys, container, ifname, addresses, config.value, note)
        : addRules(container, addresses, config.value.table, note),
    ),
  );
  return done.ok ? previous : done;
}

function addRules(
  space: OpenNamespace,
  addresses: readonly SourceAddress[],
  table: number,
  note: Note,
): Outcome<void, CniError> {
  for (const { subnet } of addresses) {
    const added = addRuleNoted(space, sourceRule(subnet.bytes, table), note);
    if (!added.ok) return added;
  }
  return ok(undefined);
}

/** A rule that is there already is as good: an ADD that was cut off has left it. */
function addRuleNoted(space: OpenNamespace, rule: RoutingRule, note: Note): Outcome<void, CniError> {
  const request = addRule(rule);
  const added = talk(space.route, request);
  if (!added.ok)
    return added.error.code === "EEXIST" ? ok(undefined) : refused(space, request.words, added.error);
  note(() => ask(space, removeRule(rule)));
  return ok(undefined);
}

/** What the namespace has of rules and routes, of both families. */
export interface RulesAndRoutes {
  readonly rules: readonly RoutingRule[];
  readonly routes: readonly IpRoute[];
}

export function readRouting(space: OpenNamespace): Outcome<RulesAndRoutes, CniError> {
  const rules: RoutingRule[] = [];
  const routes: IpRoute[] = [];
  for (const of of [family.v4, family.v6]) {
    const foundRules = askWhether(space, listRules(of), noFamily);
    if (!foundRules.ok) return foundRules;
    rules.push(...(foundRules.value ?? []));
    const foundRoutes = askWhether(space, listRoutes(of), noFamily);
    if (!foundRoutes.ok) return foundRoutes;
    routes.push(...(foundRoutes.value ?? []));
  }
  return ok({ rules, routes });
}

/** A kernel without IPv6 has none of it. */
const noFamily = ["EOPNOTSUPP", "EAFNOSUPPORT"];

function makeTables(
  sys: Sys,
  space: OpenNamespace,
  ifname: string,
  addresses: readonly SourceAddress[],
  { addSourceHints }: SbrConfig,
  note: Note,
): Outcome<void, CniError> {
  const routing = readRouting(space);
  if (!routing.ok) return routing;
  const link = ask(space, getLink(ifname));
  if (!link.ok) return link;
  const { index } = link.value;
  const routes = routesOf(routing.value.routes, index);
  let from: number | undefined;
  for (const address of addresses) {
    const table = freeTable(routing.value.rules, routing.value.routes, from);
    const made = makeTable(space, { address, routes, index, table }, note);
    if (!made.ok) return made;
    from = table + 1;
  }
  if (!addSourceHints) return removeRoutes(space, routes, note);
  // A hint takes the place of the kernel's own route to the subnet.
  note(() => restoreRoutes(space, routes));
  addHints(sys, space, addresses, index, note);
  return removeRoutes(
    space,
    routes.filter(({ scope }) => scope !== routeScope.link),
    note,
  );
}

interface Table {
  readonly address: SourceAddress;
  readonly routes: readonly IpRoute[];
  readonly index: number;
  readonly table: number;
}

/** Fills a table for an address. The rule comes first: by it, DEL finds the table of an ADD that was cut off. */
function makeTable(
  space: OpenNamespace,
  { address, routes, index, table }: Table,
  note: Note,
): Outcome<void, CniError> {
  const { subnet, gateway } = address;
  const ruled = addRuleNoted(space, sourceRule(subnet.bytes, table), note);
  if (!ruled.ok) return ruled;
  if (gateway !== undefined) {
    const route = defaultRoute(gateway, index, table);
    const added = ask(space, addRoute(route));
    if (!added.ok) return added;
    note(() => forget(space, route));
  }
  for (const route of routesFor(address, routes, table)) {
    const copied = ask(space, replaceRoute(route));
    if (!copied.ok) return copied;
    note(() => forget(space, route));
  }
  return ok(undefined);
}

/** Takes the routes out of the main table. It is done last: a gateway can be reached as long as its subnet's route is there. */
function removeRoutes(space: OpenNamespace, routes: readonly IpRoute[], note: Note): Outcome<void, CniError> {
  // They come back in the order that they had: first the subnets, then what is reached through them.
  const restoring: IpRoute[] = [];
  if (routes.length > 0) note(() => restoreRoutes(space, restoring));
  for (const route of routes) {
    const removed = forget(space, route);
    if (!removed.ok) return removed;
    restoring.push(route);
  }
  return ok(undefined);
}

/** Removes a route that may be gone by now. */
export function forget(space: OpenNamespace, route: IpRoute): Outcome<void, CniError> {
  const removed = askWhether(space, removeRoute({ ...route, flags: 0 }), ["ESRCH"]);
  return removed.ok ? ok(undefined) : removed;
}

/** Gives routes to the main table, those without a gateway first. */
export function restoreRoutes(space: OpenNamespace, routes: readonly IpRoute[]): Outcome<void, CniError> {
  const direct = routes.filter(({ gateway }) => gateway === undefined);
  for (const route of [...direct, ...routes.filter((each) => !direct.includes(each))]) {
    const added = askWhether(space, addRoute(inTable(route, routeTable.main)), ["EEXIST"]);
    if (!added.ok) return added;
  }
  return ok(undefined);
}

/** A hint that the kernel refuses is a warning, as in the reference plugin: packets with a source address go by their rule. */
function addHints(
  sys: Sys,
  space: OpenNamespace,
  addresses: readonly SourceAddress[],
  index: number,
  note: Note,
): void {
  for (const address of addresses) {
    const route = hintedRoute(address, index);
    const hinted = ask(space, replaceRoute(route));
    if (hinted.ok) note(() => forget(space, route));
    else sys.warn(describe(hinted.error));
  }
}
