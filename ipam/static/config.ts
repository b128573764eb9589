import {
  type Address,
  type Cidr,
  isInNetwork,
  parseAddress,
  parseCidr,
  printAddress,
} from "../../cni/address.ts";
import { kindOf } from "../../cni/config.ts";
import type { CniError } from "../../cni/errors.ts";
import { isObject, type Json, type JsonObject } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { Dns, Route } from "../../cni/types.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import { readList, readText, show } from "../fields.ts";
import { invalidIpam, ipamOf, noteFamilies, readDns, readRoutes } from "../ipam-config.ts";
import { askedAddresses, type RequestedAddress, splitArg, strictArgs } from "../requested.ts";

export interface StaticAddress {
  readonly address: Cidr;
  readonly gateway: Address | undefined;
}

export interface StaticConfig {
  readonly addresses: readonly StaticAddress[];
  readonly routes: readonly Route[];
  readonly dns: Dns;
  /** What was asked for in vain, for the log. */
  readonly warnings: readonly string[];
}

/**
 * The configured addresses, and CNI_ARGS `IP=` behind them; `args.cni.ips` in the place of all of these, and
 * `runtimeConfig.ips` of those. CNI_ARGS `GATEWAY=` goes to the addresses of the first kind whose network contains it.
 * Errors: `ipam.args`, `ipam.config` with every problem at once.
 */
export function parseStaticConfig({ environment, config }: Invocation): Outcome<StaticConfig, CniError> {
  const args = strictArgs(environment.args, ["IP", "GATEWAY"]);
  if (!args.ok) return args;
  const problems: string[] = [];
  const ipam = ipamOf(config, problems);
  const asked = askedAddresses(config, args.value, problems);
  const unusable: string[] = [];
  const own = [...readConfigured(ipam, problems, unusable), ...readAsked(asked.envArgs, problems)];
  const gateways = readGateways(splitArg("GATEWAY", args.value), problems);
  const replacing = [readAsked(asked.capability, problems), readAsked(asked.configArgs, problems)];
  const replacement = replacing.find((list) => list.length > 0);
  // What is replaced need be no address: the reference takes it for a placeholder.
  if (replacement === undefined) problems.push(...unusable);
  const addresses = replacement ?? own.map((each) => withGateway(each, gateways));
  const routes = readRoutes(ipam, problems);
  const dns = readDns(ipam, problems);
  noteFamilies(
    config,
    addresses.map(({ address }) => address.address.family),
    problems,
  );
  if (problems.length > 0) return fail(invalidIpam(config, problems));
  return ok({ addresses, routes, dns, warnings: lostGateways(gateways, own) });
}

/** Addresses that are none are noted in `unusable`, everything else that is wrong in `problems`. */
function readConfigured(ipam: JsonObject, problems: string[], unusable: string[]): StaticAddress[] {
  return readList(ipam, "addresses", "ipam", problems).flatMap(
    (entry, index) => readEntry(entry, `ipam.addresses[${index}]`, problems, unusable) ?? [],
  );
}

function readEntry(
  entry: Json,
  place: string,
  problems: string[],
  unusable: string[],
): StaticAddress | undefined {
  if (!isObject(entry)) {
    problems.push(`${place}: is ${kindOf(entry)}, not an object`);
    return undefined;
  }
  const text = readText(entry, "address", place, problems);
  const address = text === undefined ? undefined : readCidr({ place: `${place}.address`, text }, unusable);
  const gatewayText = readText(entry, "gateway", place, problems) ?? "";
  const gateway = parseAddress(gatewayText);
  if (gatewayText !== "" && gateway === undefined)
    problems.push(`${place}.gateway: ${show(gatewayText)} is no IP address`);
  return address && { address, gateway };
}

function readAsked(asked: readonly RequestedAddress[], problems: string[]): StaticAddress[] {
  return asked.flatMap((each) => {
    const address = readCidr(each, problems);
    return address === undefined ? [] : [{ address, gateway: undefined }];
  });
}

function readCidr({ place, text }: RequestedAddress, problems: string[]): Cidr | undefined {
  const cidr = parseCidr(text);
  if (cidr === undefined)
    problems.push(`${place}: is expected to be in CIDR notation like 10.1.0.5/16, got ${show(text)}`);
  return cidr;
}

function readGateways(asked: readonly RequestedAddress[], problems: string[]): Address[] {
  return asked.flatMap(({ place, text }) => {
    const address = parseAddress(text);
    if (address !== undefined) return [address];
    problems.push(`${place}: invalid gateway address ${show(text)}`);
    return [];
  });
}

/** Of several gateways in its network, an address has the last. */
function withGateway(each: StaticAddress, gateways: readonly Address[]): StaticAddress {
  const gateway = gateways.findLast((candidate) => isInNetwork(candidate, each.address));
  return gateway === undefined ? each : { ...each, gateway };
}

function lostGateways(gateways: readonly Address[], own: readonly StaticAddress[]): string[] {
  return gateways
    .filter((gateway) => !own.some(({ address }) => isInNetwork(gateway, address)))
    .map((gateway) => `CNI_ARGS GATEWAY: no address is in a network with ${printAddress(gateway)}`);
}
