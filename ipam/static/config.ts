import {
  type Address,
  type Cidr,
  isInNetwork,
  parseAddress,
  parseCidr,
  printAddress,
} from "../../cni/address.ts";
import type { CniError } from "../../cni/errors.ts";
import { readEntries, readText, show } from "../../cni/fields.ts";
import { isObject, type Json, type JsonObject } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { isNot, type Notes, newNotes, refuse } from "../../cni/readers.ts";
import type { Dns, Route } from "../../cni/types.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
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
  /** Requests that had no effect, for the log. */
  readonly warnings: readonly string[];
}

/**
 * Reads the configured addresses, followed by those of CNI_ARGS `IP=`. `args.cni.ips` replaces all of these, and
 * `runtimeConfig.ips` replaces `args.cni.ips`. A gateway of CNI_ARGS `GATEWAY=` goes to the configured and
 * `IP=` addresses whose network contains it.
 * Errors: `ipam.args`, `ipam.config` with every problem at once.
 */
export function parseStaticConfig({ environment, config }: Invocation): Outcome<StaticConfig, CniError> {
  const args = strictArgs(environment.args, ["IP", "GATEWAY"]);
  if (!args.ok) return args;
  const notes = newNotes();
  const ipam = ipamOf(config, notes);
  const asked = askedAddresses(config, args.value, notes);
  const unusable = newNotes();
  const own = [...readConfigured(ipam, notes, unusable), ...readAsked(asked.envArgs, notes)];
  const gateways = readGateways(splitArg("GATEWAY", args.value), notes);
  const replacing = [readAsked(asked.capability, notes), readAsked(asked.configArgs, notes)];
  const replacement = replacing.find((list) => list.length > 0);
  // A configured address that is replaced may be wrong: the reference plugin takes it for a placeholder.
  if (replacement === undefined) notes.problems.push(...unusable.problems);
  const addresses = replacement ?? own.map((each) => withGateway(each, gateways));
  const routes = readRoutes(ipam, notes);
  const dns = readDns(ipam, notes);
  noteFamilies(
    config,
    addresses.map(({ address }) => address.address.family),
    notes,
  );
  if (notes.problems.length > 0) return fail(invalidIpam(config, notes));
  return ok({ addresses, routes, dns, warnings: lostGateways(gateways, own) });
}

/** Notes wrong addresses in `unusable`, and all other problems in `notes`. */
function readConfigured(ipam: JsonObject, notes: Notes, unusable: Notes): StaticAddress[] {
  return readEntries(ipam, "addresses", "ipam", notes).flatMap(
    (entry, index) => readEntry(entry, `ipam.addresses[${index}]`, notes, unusable) ?? [],
  );
}

function readEntry(entry: Json, place: string, notes: Notes, unusable: Notes): StaticAddress | undefined {
  if (!isObject(entry)) return refuse(notes, place, isNot("an object")(entry));
  const text = readText(entry, "address", place, notes);
  const address = text === undefined ? undefined : readCidr({ place: `${place}.address`, text }, unusable);
  const gatewayText = readText(entry, "gateway", place, notes) ?? "";
  const gateway = parseAddress(gatewayText);
  if (gatewayText !== "" && gateway === undefined)
    refuse(notes, `${place}.gateway`, `${show(gatewayText)} is no IP address`);
  return address && { address, gateway };
}

function readAsked(asked: readonly RequestedAddress[], notes: Notes): StaticAddress[] {
  return asked.flatMap((each) => {
    const address = readCidr(each, notes);
    return address === undefined ? [] : [{ address, gateway: undefined }];
  });
}

function readCidr({ place, text }: RequestedAddress, notes: Notes): Cidr | undefined {
  const cidr = parseCidr(text);
  if (cidr === undefined)
    refuse(notes, place, `is expected to be in CIDR notation like 10.1.0.5/16, got ${show(text)}`);
  return cidr;
}

function readGateways(asked: readonly RequestedAddress[], notes: Notes): Address[] {
  return asked.flatMap(({ place, text }) => {
    const address = parseAddress(text);
    if (address !== undefined) return [address];
    refuse(notes, place, `invalid gateway address ${show(text)}`);
    return [];
  });
}

/** Adds the gateway that is in the network of the address. If there are several, the last one wins. */
function withGateway(each: StaticAddress, gateways: readonly Address[]): StaticAddress {
  const gateway = gateways.findLast((candidate) => isInNetwork(candidate, each.address));
  return gateway === undefined ? each : { ...each, gateway };
}

function lostGateways(gateways: readonly Address[], own: readonly StaticAddress[]): string[] {
  return gateways
    .filter((gateway) => !own.some(({ address }) => isInNetwork(gateway, address)))
    .map((gateway) => `CNI_ARGS GATEWAY: no address is in a network with ${printAddress(gateway)}`);
}
