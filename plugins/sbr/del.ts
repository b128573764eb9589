import type { CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { listAddresses } from "../../net/addresses.ts";
import { getLink, type Link } from "../../net/links.ts";
import type { IpRoute } from "../../net/routes.ts";
import { type RoutingRule, removeRule } from "../../net/routing-rules.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { chainedResult } from "../link/chained.ts";
import { familyOf, subnetOf } from "../link/ip-bytes.ts";
import { ask, askWhether, type OpenNamespace, withRemainingSite } from "../link/site.ts";
import { forget, readRouting, restoreRoutes } from "./add.ts";
import { tableOf } from "./config.ts";
import { isRuleOf, routesOf, sourceAddresses } from "./source-routes.ts";

/** Removes the rules of the interface's addresses. Without the namespace there are none. */
export async function del(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  return withRemainingSite(sys, invocation, async ({ container }) =>
    container === undefined ? ok(undefined) : clean(container, invocation),
  );
}

function clean(space: OpenNamespace, invocation: Invocation): Outcome<void, CniError> {
  const routing = readRouting(space);
  if (!routing.ok) return routing;
  const found = askWhether(space, getLink(invocation.environment.ifname));
  if (!found.ok) return found;
  const sources = findSources(space, invocation, found.value);
  if (!sources.ok) return sources;
  const table = tableOf(invocation.config.raw);
  const own = routing.value.rules.filter(
    (rule) =>
      (table === undefined || rule.table === table) && sources.value.some((bytes) => isRuleOf(rule, bytes)),
  );
  // The routes come first: by the rules a DEL that is repeated finds them.
  if (found.value !== undefined && table === undefined) {
    const moved = moveBack(space, invocation, own, routing.value.routes, found.value);
    if (!moved.ok) return moved;
  }
  return removeRules(space, own);
}

/** The addresses of the interface, and those that prevResult tells: the interface may have lost them. */
function findSources(
  space: OpenNamespace,
  invocation: Invocation,
  link: Link | undefined,
): Outcome<Uint8Array[], CniError> {
  const previous = chainedResult(invocation);
  const told = previous.ok ? sourceAddresses(previous.value, invocation.environment.ifname) : [];
  const sources = told.map(({ subnet }) => subnet.bytes);
  if (link === undefined) return ok(sources);
  const addresses = ask(space, listAddresses(link.index));
  if (!addresses.ok) return addresses;
  return ok([...sources, ...addresses.value.map(({ address }) => address)]);
}

/**
 * Gives the main table what it had, so that the interface is as before. The default route is given back only if prevResult has one:
 * else it is the plugin's own.
 */
function moveBack(
  space: OpenNamespace,
  invocation: Invocation,
  rules: readonly RoutingRule[],
  routes: readonly IpRoute[],
  link: Link,
): Outcome<void, CniError> {
  const previous = chainedResult(invocation);
  const told = previous.ok ? (previous.value.routes ?? []) : [];
  const hadDefault = told
    .filter(({ dst }) => dst.endsWith("/0"))
    .map(({ dst }) => familyOf(subnetOf(dst).bytes));
  const tables = new Set(rules.map(({ table }) => table));
  for (const table of tables) {
    const moved = routesOf(routes, link.index, table);
    const restored = restoreRoutes(
      space,
      moved.filter(({ prefix, family }) => prefix > 0 || hadDefault.includes(family)),
    );
    if (!restored.ok) return restored;
    for (const route of moved) {
      const removed = forget(space, route);
      if (!removed.ok) return removed;
    }
  }
  return ok(undefined);
}

/** Tries all, and fails with the first error. */
function removeRules(space: OpenNamespace, rules: readonly RoutingRule[]): Outcome<void, CniError> {
  let first: CniError | undefined;
  for (const rule of rules) {
    const removed = askWhether(space, removeRule(rule), ["ENOENT"]);
    if (!removed.ok) first ??= removed.error;
  }
  return first === undefined ? ok(undefined) : fail(first);
}
