import { type Address, isSameAddress, parseAddress, parseCidr, printAddress } from "../cni/address.ts";
import { type CniError, cniError, failWith } from "../cni/errors.ts";
import { fieldOf, readObject, show } from "../cni/fields.ts";
import type { Json } from "../cni/json.ts";
import { list, type Notes, refuse, text } from "../cni/readers.ts";
import type { NetworkConfig } from "../cni/types.ts";
import { fail, type Outcome, ok } from "../sys/outcome.ts";
import { isGateway, type RangeSet, rangeWith } from "./range.ts";

/** An address that a caller asks for, as it was written. */
export interface RequestedAddress {
  /** Its path, for people: `runtimeConfig.ips[0]`. */
  readonly place: string;
  readonly text: string;
}

/** The requested addresses by the three ways to ask. Each plugin has its own rule which of them wins. */
export interface AskedAddresses {
  readonly envArgs: readonly RequestedAddress[];
  readonly configArgs: readonly RequestedAddress[];
  readonly capability: readonly RequestedAddress[];
}

/** Reads CNI_ARGS `IP=`, `args.cni.ips` and `runtimeConfig.ips`. */
export function askedAddresses(
  { raw }: NetworkConfig,
  args: ReadonlyMap<string, string>,
  notes: Notes,
): AskedAddresses {
  const cni = readObject(readObject(raw, "args", "args", notes), "cni", "args.cni", notes);
  const runtimeConfig = readObject(raw, "runtimeConfig", "runtimeConfig", notes);
  return {
    envArgs: splitArg("IP", args),
    configArgs: readAsked(fieldOf(cni, "ips"), "args.cni.ips", notes),
    capability: readAsked(fieldOf(runtimeConfig, "ips"), "runtimeConfig.ips", notes),
  };
}

/** The elements of one CNI_ARGS value, separated by commas. */
export function splitArg(key: string, args: ReadonlyMap<string, string>): RequestedAddress[] {
  const value = args.get(key) ?? "";
  if (value === "") return [];
  return value.split(",").map((text) => ({ place: `CNI_ARGS ${key}`, text: text.trim() }));
}

/**
 * Reads CNI_ARGS as the reference plugins do. An unknown key is an error, unless there is `IgnoreUnknown=1`. A piece that is no
 * `K=V` is always an error. Errors: `ipam.args`.
 */
export function strictArgs(
  args: string,
  known: readonly string[],
): Outcome<ReadonlyMap<string, string>, CniError> {
  const invalid = (why: string): Outcome<never, CniError> =>
    failWith("badEnvironment", "ipam.args", `read CNI_ARGS: ${why}`, `Known are ${known.join(", ")}.`);
  if (args === "") return ok(new Map());
  const pairs = args.split(";").map((piece) => piece.split("="));
  const broken = pairs.find((pair) => pair.length !== 2);
  if (broken !== undefined) return invalid(`invalid pair ${JSON.stringify(broken.join("="))}`);
  const map = new Map(pairs.map(([key = "", value = ""]) => [key, value]));
  const ignores = map.get("IgnoreUnknown")?.toLowerCase() ?? "0";
  if (!["0", "1", "true", "false"].includes(ignores))
    return invalid(`IgnoreUnknown is ${JSON.stringify(ignores)}, neither 1 nor 0`);
  const unknown = [...map.keys()].filter((key) => key !== "IgnoreUnknown" && !known.includes(key));
  if (unknown.length > 0 && (ignores === "0" || ignores === "false"))
    return invalid(`unknown args ${unknown.join(", ")}, and IgnoreUnknown=1 is not among them`);
  return ok(map);
}

const askedTexts = list<RequestedAddress, Notes>((value, place, notes) => {
  const read = text(value, place, notes);
  return read === undefined ? undefined : { place, text: read };
});

function readAsked(value: Json | undefined, place: string, notes: Notes): RequestedAddress[] {
  return (value === undefined ? undefined : askedTexts(value, place, notes)) ?? [];
}

/** An address that a caller asks for. */
export interface AddressRequest {
  readonly place: string;
  readonly address: Address;
}

/** Reads the requested addresses, each once and without its prefix. Notes each text that is no address. */
export function readRequests(asked: readonly RequestedAddress[], notes: Notes): AddressRequest[] {
  const requests: AddressRequest[] = [];
  for (const { place, text } of asked) {
    const address = parseAddress(text) ?? parseCidr(text)?.address;
    if (address === undefined) refuse(notes, place, `invalid IP address ${show(text)}`);
    else if (!requests.some((each) => isSameAddress(each.address, address)))
      requests.push({ place, address });
  }
  return requests;
}

/**
 * Assigns requests to range sets. Each set gets the first request that is in its ranges. Errors: `ipam.requested-gateway`, and
 * `ipam.requested-outside` if a request is in no set, or its set has another request already.
 */
export function assignRequests(
  sets: readonly RangeSet[],
  requests: readonly AddressRequest[],
): Outcome<(Address | undefined)[], CniError> {
  let left = [...requests];
  const assigned: (Address | undefined)[] = [];
  for (const set of sets) {
    const chosen = left.find(({ address }) => rangeWith(set, address) !== undefined);
    if (chosen !== undefined && isGateway(set, chosen.address)) return fail(gatewayRequested(chosen));
    left = left.filter((each) => each !== chosen);
    assigned.push(chosen?.address);
  }
  return left.length === 0 ? ok(assigned) : fail(notAssigned(left));
}

function gatewayRequested({ place, address }: AddressRequest): CniError {
  return cniError(
    "invalidConfig",
    "ipam.requested-gateway",
    `${place}: requested ip ${printAddress(address)} is subnet's gateway`,
    "Ask for another address.",
  );
}

function notAssigned(left: readonly AddressRequest[]): CniError {
  const addresses = left.map(({ place, address }) => `${printAddress(address)} (${place})`).join(" ");
  return cniError(
    "invalidConfig",
    "ipam.requested-outside",
    `failed to allocate all requested IPs: ${addresses}`,
    "Each must be in the ranges, and each range set gives one address.",
  );
}
