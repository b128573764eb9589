import { type CniError, codes } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { printBytes } from "../../net/addresses.ts";
import { getLink } from "../../net/links.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { chainedResult } from "../link/chained.ts";
import { drifted } from "../link/check-link.ts";
import { ask, type OpenNamespace, withSite } from "../link/site.ts";
import { readRouting } from "./add.ts";
import { parseSbrConfig } from "./config.ts";
import { isRuleOf, routesOf, type SourceAddress, sourceAddresses } from "./source-routes.ts";

/** CHECK: each address has its rule, and the table that the rule names has the way to the gateway. */
export async function check(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const config = parseSbrConfig(invocation);
  if (!config.ok) return config;
  const previous = chainedResult(invocation);
  if (!previous.ok) return previous;
  const { ifname } = invocation.environment;
  const addresses = sourceAddresses(previous.value, ifname, config.value.gateways);
  return withSite(sys, invocation, async ({ container }) =>
    checkTables(container, ifname, addresses, config.value.table),
  );
}

function checkTables(
  space: OpenNamespace,
  ifname: string,
  addresses: readonly SourceAddress[],
  table: number | undefined,
): Outcome<void, CniError> {
  const routing = readRouting(space);
  if (!routing.ok) return routing;
  const link = ask(space, getLink(ifname));
  if (!link.ok) return link;
  for (const { subnet, gateway } of addresses) {
    const rules = routing.value.rules.filter((rule) => isRuleOf(rule, subnet.bytes));
    const own = table === undefined ? rules : rules.filter((rule) => rule.table === table);
    const words = `${ifname}: no routing rule is from ${printBytes(subnet.bytes)}`;
    if (own.length === 0) return drifted(table === undefined ? words : `${words} to table ${table}`);
    // The routes of a configured table are the operator's.
    if (table !== undefined || gateway === undefined) continue;
    // A default route that the interface had before takes the place of the one by a configured gateway.
    const hasDefault = own.some((rule) =>
      routesOf(routing.value.routes, link.value.index, rule.table).some(
        (route) => route.prefix === 0 && route.gateway !== undefined,
      ),
    );
    if (!hasDefault)
      return drifted(`${ifname}: the table of ${printBytes(subnet.bytes)} has no default route`);
  }
  return ok(undefined);
}

/** STATUS: whether every ADD would fail for its configuration. */
export async function status(_sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const config = parseSbrConfig(invocation);
  return config.ok ? ok(undefined) : fail({ ...config.error, code: codes.notAvailable });
}
