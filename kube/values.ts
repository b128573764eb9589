import { addressFamily, canonicalAddress, cidrFamily } from "../cni/address.ts";
import { kindOf } from "../cni/config.ts";
import { canonicalHardware, hardwareOctets } from "../cni/hardware.ts";
import { isObject, type Json, type JsonObject } from "../cni/json.ts";
import {
  isText,
  type KeyRules,
  list,
  must,
  type Notes,
  type Reader,
  readMembers,
  refuse,
} from "../cni/readers.ts";
import { objectNameProblem } from "./names.ts";
import { isUnset, listed, quote } from "./text.ts";

/**
 * The notes of readers about the value of one key. A place is within the value (`[0].hostPort`), and a problem is a sentence.
 */
export interface ValueNotes extends Notes {
  readonly unknownKeys: "refuse" | "ignore";
  /** The places of keys that do not exist, where those are ignored. */
  readonly ignored: string[];
}

function itIsNot(what: string): (value: Json) => string {
  return (value) => `It is ${kindOf(value)}, not ${what}.`;
}

/** Reads a text that `problem` finds nothing wrong with, in the one spelling that `canonical` gives it. */
export function text(
  problem: (text: string) => string | undefined,
  canonical: (text: string) => string = (value) => value,
): Reader<string> {
  return (value, place, notes) => {
    if (!isText(value)) return refuse(notes, place, itIsNot("a string")(value));
    const why = problem(value);
    return why === undefined ? canonical(value) : refuse(notes, place, why);
  };
}

/** Reads addresses with or without a prefix length. */
export const ips: Reader<string[]> = (value, place, notes) => {
  if (!Array.isArray(value)) return refuse(notes, place, itIsNot("an array of addresses")(value));
  return addresses(
    value,
    isAddressOrCidr,
    "not an IP address, with or without a prefix length",
    place,
    notes,
  );
};

/** Reads addresses without a prefix length, one of a family: a pod has one default route in each. */
export const gateways: Reader<string[]> = (value, place, notes) => {
  if (!Array.isArray(value)) return refuse(notes, place, itIsNot("an array of gateways' addresses")(value));
  const read = addresses(value, isAddress, "not an IP address without a prefix length", place, notes);
  const families = read?.map(addressFamily) ?? [];
  const twice = families.find((family, index) => families.indexOf(family) !== index);
  return twice === undefined ? read : refuse(notes, place, `It has more than one IPv${twice} gateway.`);
};

/** Tells of all that are wrong in one sentence. */
function addresses(
  value: readonly Json[],
  isRight: (text: string) => boolean,
  what: string,
  place: string,
  notes: Notes,
): string[] | undefined {
  const wrong = value.filter((each) => !isText(each) || !isRight(each));
  if (wrong.length === 0) return value.filter(isText).map(canonicalAddress);
  const shown = wrong.map((each) => (isText(each) ? quote(each) : kindOf(each)));
  return refuse(notes, place, `${listed(shown, 3)}: ${what}.`);
}

function isAddress(text: string): boolean {
  return addressFamily(text) !== undefined;
}

function isAddressOrCidr(text: string): boolean {
  return isAddress(text) || cidrFamily(text) !== undefined;
}

/** Six octets, or the twenty of IP over InfiniBand (RFC 4391, section 9.1.1). */
export const mac = text(
  (value) =>
    [6, 20].includes(hardwareOctets(value)?.length ?? 0)
      ? undefined
      : `${quote(value)} is no MAC address. Write six octets, such as 02:00:00:00:00:01.`,
  canonicalHardware,
);

export const infinibandGuid = text(
  (value) =>
    hardwareOctets(value)?.length === 8
      ? undefined
      : `${quote(value)} is no InfiniBand GUID. Write eight octets, such as c2:11:22:33:44:55:66:77.`,
  canonicalHardware,
);

/** Plugins make a path of it (/sys/bus/pci/devices/...). */
export const deviceId = text((value) =>
  /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/.test(value) && !value.includes("..")
    ? undefined
    : `${quote(value)} is no device. Write one such as 0000:3b:02.1: letters, digits, '.', '_', ':' and '-'.`,
);

export const claim = text((value) => objectNameProblem("The claim's name", value));

export const object = must(isObject, itIsNot("an object"));

const port = numberIf(
  (value) => Number.isInteger(value) && value >= 1 && value <= 65_535,
  "a port from 1 to 65535",
);
const ports = {
  hostPort: port,
  containerPort: port,
  protocol: text((value) =>
    /^(tcp|udp|sctp)$/i.test(value) ? undefined : `${quote(value)} is neither tcp nor udp nor sctp.`,
  ),
  hostIP: text(
    (value) => (isAddress(value) ? undefined : `${quote(value)} is no IP address.`),
    canonicalAddress,
  ),
};

const portMapping: Reader<JsonObject, ValueNotes> = (value, place, notes) => {
  if (!isObject(value)) return refuse(notes, "", `${place} is ${kindOf(value)}, not an object.`);
  const missing = ["hostPort", "containerPort"].filter((key) => isUnset(value[key]));
  for (const key of missing) refuse(notes, "", `${place} has no ${key}.`);
  const { hostPort, containerPort, protocol, hostIP } = readMembers(keys, ports, value, place, notes);
  if (hostPort === undefined || containerPort === undefined) return undefined;
  return { hostPort, containerPort, protocol: protocol ?? "tcp", ...(hostIP !== undefined && { hostIP }) };
};

/** Reads them as the capability's convention has them: [{hostPort, containerPort, protocol, hostIP}]. */
export const portMappings = list(portMapping, itIsNot("an array of port mappings"));

const rate = numberIf(
  (value) => Number.isSafeInteger(value) && value >= 0,
  "a whole number that is not negative",
);
const rates = { ingressRate: rate, ingressBurst: rate, egressRate: rate, egressBurst: rate };

/** Reads it as the capability's convention has it: rates in bits per second, bursts in bits, both or none of each way. */
export const bandwidth: Reader<JsonObject, ValueNotes> = (value, place, notes) => {
  if (!isObject(value)) return object(value, place, notes);
  const count = () => notes.problems.length + notes.ignored.length;
  const before = count();
  const read = readMembers(keys, rates, value, place, notes);
  if (count() > before) return read;
  for (const way of ["ingress", "egress"] as const) {
    const isWhole = ((read[`${way}Rate`] ?? 0) === 0) === ((read[`${way}Burst`] ?? 0) === 0);
    if (!isWhole) refuse(notes, place, `${way}Rate and ${way}Burst go together.`);
  }
  return read;
};

const keys: KeyRules<ValueNotes> = {
  placeOf: (place, key) => {
    const shown = /^\w{1,40}$/.test(key) ? key : quote(key);
    return place === "" ? shown : `${place}.${shown}`;
  },
  isAbsent: isUnset,
  unknown: (_key, where, { unknownKeys, problems, ignored }) => {
    if (unknownKeys === "ignore") ignored.push(where);
    else problems.push({ place: where, why: "There is no such key." });
  },
};

function numberIf(isRight: (value: number) => boolean, what: string): Reader<number> {
  return (value, place, notes) => {
    if (typeof value === "number" && isRight(value)) return value;
    return refuse(notes, place, `It is ${typeof value === "number" ? value : kindOf(value)}, not ${what}.`);
  };
}
