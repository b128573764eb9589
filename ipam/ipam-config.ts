import { type Family, parseAddress, parseCidr, printAddress, printCidr } from "../cni/address.ts";
import { asUnavailable, type CniError, cniError } from "../cni/errors.ts";
import { fieldOf, readEntries, readObject, readText, readTexts, show } from "../cni/fields.ts";
import { isObject, type Json, type JsonObject } from "../cni/json.ts";
import { isNot, type Notes, problemTexts, refuse } from "../cni/readers.ts";
import type { Dns, NetworkConfig, Route } from "../cni/types.ts";
import { atLeast } from "../cni/version.ts";
import { fail, type Outcome, ok } from "../sys/outcome.ts";
import type { Sys } from "../sys/sys.ts";

/** The `ipam` object of a network configuration. If there is none, that is noted. */
export function ipamOf({ raw }: NetworkConfig, notes: Notes): JsonObject {
  const ipam = fieldOf(raw, "ipam");
  if (isObject(ipam)) return ipam;
  const why = ipam === undefined ? "IPAM config missing 'ipam' key" : isNot("an object")(ipam);
  refuse(notes, "ipam", why);
  return {};
}

/** Makes one error of all problems of a configuration. Each problem begins with the path of its field. */
export function invalidIpam(network: NetworkConfig, notes: Notes): CniError {
  return cniError(
    "invalidConfig",
    "ipam.config",
    `IPAM configuration of network ${JSON.stringify(network.name)}: ${problemTexts(notes).join("; ")}`,
    "Nothing was allocated. docs/ipam.md lists every field.",
  );
}

/**
 * A reason why no ADD gets an address although the configuration is right. `unreachable`: the store is away, refuses, or takes
 * no writes.
 */
export const shortages = ["full", "unreachable"] as const;
export type Shortage = (typeof shortages)[number];

/** Reads which shortages make the node not ready. */
export function readNotReadyWhen(ipam: JsonObject, notes: Notes): readonly Shortage[] {
  const words = readTexts(ipam, "notReadyWhen", "ipam", notes);
  return words.flatMap((word, index) => {
    const shortage = shortages.find((each) => each === word);
    if (shortage === undefined)
      refuse(notes, `ipam.notReadyWhen[${index}]`, `${show(word)} is none of ${shortages.join(", ")}`);
    return shortage ?? [];
  });
}

/**
 * What STATUS says of a shortage. If STATUS fails, the runtime calls the node not ready, and Kubernetes evicts its running
 * pods, although these miss nothing. A pool of the cluster would do so on all nodes at once. So STATUS fails only if
 * the operator wants that. Otherwise it writes the shortage to stderr.
 */
export function judgeShortage(
  sys: Sys,
  notReadyWhen: readonly Shortage[],
  shortage: Shortage,
  error: CniError,
): Outcome<void, CniError> {
  if (notReadyWhen.includes(shortage)) return fail(asUnavailable(error));
  const rest = `The node counts as ready all the same: "notReadyWhen" of ipam does not name "${shortage}".`;
  sys.warn(`hawser: STATUS: ${error.msg}; ${error.details.replace(/\.?$/, ".")} ${rest} [${error.id}]`);
  return ok(undefined);
}

/** Reads `routes` and prints them in one spelling. A zero that Go programs write for an unset field counts as absent. */
export function readRoutes(ipam: JsonObject, notes: Notes): Route[] {
  return readEntries(ipam, "routes", "ipam", notes).flatMap((entry, index) => {
    const route = readRoute(entry, `ipam.routes[${index}]`, notes);
    return route === undefined ? [] : [route];
  });
}

function readRoute(entry: Json, place: string, notes: Notes): Route | undefined {
  if (!isObject(entry)) return refuse(notes, place, isNot("an object")(entry));
  const dst = readText(entry, "dst", place, notes);
  const gw = readText(entry, "gw", place, notes) ?? "";
  const network = parseCidr(dst ?? "");
  const gateway = gw === "" ? undefined : parseAddress(gw);
  if (dst === "") refuse(notes, `${place}.dst`, "is missing");
  else if (dst !== undefined && network === undefined)
    refuse(notes, `${place}.dst`, `${show(dst)} is no network like 10.1.0.0/16`);
  if (gw !== "" && gateway === undefined) refuse(notes, `${place}.gw`, `${show(gw)} is no IP address`);
  const numbers = readRouteNumbers(entry, place, notes);
  if (network === undefined) return undefined;
  return { dst: printCidr(network), ...(gateway && { gw: printAddress(gateway) }), ...numbers };
}

/** Zero is a value of these fields. In the others, Go programs write zero for an unset field. */
const zeroCounts = ["table", "scope"] as const;
const zeroIsUnset = ["mtu", "advmss", "priority"] as const;

function readRouteNumbers(entry: JsonObject, place: string, notes: Notes): Partial<Route> {
  const numbers: Partial<Route> = {};
  for (const key of [...zeroIsUnset, ...zeroCounts]) {
    const value = fieldOf(entry, key);
    if (value === undefined) continue;
    if (typeof value !== "number" || !Number.isSafeInteger(value))
      refuse(notes, `${place}.${key}`, `is ${show(value)}, not an integer`);
    else if (value !== 0 || (zeroCounts as readonly string[]).includes(key)) numbers[key] = value;
  }
  return numbers;
}

/** Reads `dns`, and leaves out its empty fields. */
export function readDns(ipam: JsonObject, notes: Notes): Dns {
  const value = readObject(ipam, "dns", "ipam.dns", notes);
  const texts = (key: string): string[] => readTexts(value, key, "ipam.dns", notes);
  const domain = readText(value, "domain", "ipam.dns", notes) ?? "";
  return compactDns({
    nameservers: texts("nameservers"),
    domain,
    search: texts("search"),
    options: texts("options"),
  });
}

export function compactDns({ nameservers = [], domain = "", search = [], options = [] }: Dns): Dns {
  return {
    ...(nameservers.length > 0 && { nameservers }),
    ...(domain !== "" && { domain }),
    ...(search.length > 0 && { search }),
    ...(options.length > 0 && { options }),
  };
}

/** Notes too many addresses: a result before 0.3.0 holds one of each family. */
export function noteFamilies(network: NetworkConfig, families: readonly Family[], notes: Notes): void {
  if (atLeast(network.cniVersion, "0.3.0")) return;
  const count = (family: Family): number => families.filter((each) => each === family).length;
  if (count("4") > 1 || count("6") > 1) {
    const { cniVersion } = network;
    refuse(notes, "cniVersion", `CNI version ${cniVersion} does not support more than 1 address per family`);
  }
}
