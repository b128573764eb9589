import { type Outcome, ok } from "../sys/outcome.ts";
import type { Family } from "./address.ts";
import { type CniError, failWith } from "./errors.ts";
import { type JsonObject, without } from "./json.ts";
import type { CniResult, Dns, Interface, IpConfig, Route } from "./types.ts";
import { atLeast, type Version } from "./version.ts";

/** Fields of an interface that results before 1.0.0 cannot have: libcni's types have them from 1.0.0 on. */
const interfaceSince100 = ["mtu", "socketPath", "pciID"] as const;

/** Every field of a route. libcni has one type of route for all versions, so no version loses any of these fields. */
const routeFields = ["dst", "gw", "mtu", "advmss", "priority", "table", "scope"] as const;

/**
 * The document of a result in a version of the specification (CNI 1.1.0, section 5, "Success"), `cniVersion` first.
 * Loses what that version cannot say. Errors: `convert.no-addresses`, as 0.1.0 and 0.2.0 describe nothing else.
 */
export function printResult(result: CniResult, version: Version): Outcome<JsonObject, CniError> {
  return atLeast(version, "0.3.0") ? ok(printLists(result, version)) : printFamilies(result, version);
}

/** Converts to 0.3.0 and later. Keys that are not in the specification stay. */
function printLists(result: CniResult, version: Version): JsonObject {
  const { interfaces = [], ips = [], routes = [], dns = {}, ...others } = result;
  const printedDns = withoutEmpty(dns);
  const showsDns = !atLeast(version, "1.0.0") || Object.keys(printedDns).length > 0;
  return {
    cniVersion: version,
    ...(interfaces.length > 0 && { interfaces: interfaces.map((each) => printInterface(each, version)) }),
    ...(ips.length > 0 && { ips: ips.map((each) => printAddress(each, version)) }),
    ...(routes.length > 0 && { routes: routes.map((each) => ({ ...each })) }),
    ...(showsDns && { dns: printedDns }),
    ...without(others, "cniVersion"),
  };
}

function printInterface(entry: Interface, version: Version): JsonObject {
  return atLeast(version, "1.0.0") ? { ...entry } : without({ ...entry }, ...interfaceSince100);
}

function printAddress(entry: IpConfig, version: Version): JsonObject {
  if (atLeast(version, "1.0.0")) return { ...entry };
  return { version: familyOf(entry.address), ...without({ ...entry }, "version") };
}

/** An empty list says no more than its absence, and libcni leaves it out. */
function withoutEmpty(dns: Dns): JsonObject {
  return Object.fromEntries(
    Object.entries({ ...dns }).filter(
      ([, value]) => !(value === "" || (Array.isArray(value) && value.length === 0)),
    ),
  );
}

/** Converts to 0.1.0 and 0.2.0: the first address of each family, with the routes of that family. */
function printFamilies(result: CniResult, version: Version): Outcome<JsonObject, CniError> {
  const ip4 = printFamily(result, "4");
  const ip6 = printFamily(result, "6");
  if (ip4 === undefined && ip6 === undefined) {
    return failWith(
      "incompatibleVersion",
      "convert.no-addresses",
      `print the result in CNI ${version}: it has no addresses`,
      "Before 0.3.0 a result is nothing but addresses: raise cniVersion, or give the network an IPAM.",
    );
  }
  const { nameservers = [], domain = "", search = [], options = [] } = result.dns ?? {};
  const dns = withoutEmpty({ nameservers, domain, search, options });
  return ok({ cniVersion: version, ...(ip4 && { ip4 }), ...(ip6 && { ip6 }), dns });
}

function printFamily(result: CniResult, family: Family): JsonObject | undefined {
  const first = result.ips?.find((each) => familyOf(each.address) === family);
  if (first === undefined) return undefined;
  const routes = (result.routes ?? []).filter((route) => familyOf(route.dst) === family);
  return {
    ip: first.address,
    ...(first.gateway !== undefined && { gateway: first.gateway }),
    ...(routes.length > 0 && {
      routes: routes.map(printFirstRoute),
    }),
  };
}

/** Takes unknown keys out of a route. Table and priority stay: without them it would be another route. */
function printFirstRoute(route: Route): JsonObject {
  const known = Object.entries(route).filter(([key]) => (routeFields as readonly string[]).includes(key));
  return Object.fromEntries(known);
}

/** The family of a text that is known to be an address. */
function familyOf(address: string): Family {
  return address.includes(":") ? "6" : "4";
}
