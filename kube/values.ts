import { addressFamily, cidrFamily } from "../cni/address.ts";
import { kindOf } from "../cni/config.ts";
import { hardwareOctets } from "../cni/hardware.ts";
import { isObject, type Json } from "../cni/json.ts";
import { objectNameProblem } from "./names.ts";
import { isUnset, listed, quote } from "./text.ts";

/** One thing wrong with a key's value. `unknown` is where in it a key stands that there is not (`[0].nodePort`). */
export interface Mistake {
  readonly why: string;
  readonly unknown?: string;
}

/** Judges the value of one key; every mistake at once. */
export type Judge = (value: Json) => readonly Mistake[];

/** A judge of texts from one that says why a text will not do. */
export function text(problem: (text: string) => string | undefined): Judge {
  return (value) => {
    const why = typeof value === "string" ? problem(value) : `It is ${kindOf(value)}, not a string.`;
    return why === undefined ? [] : [{ why }];
  };
}

/** With or without a prefix length. */
export const ips: Judge = (value) => {
  if (!Array.isArray(value)) return [{ why: `It is ${kindOf(value)}, not an array of addresses.` }];
  return notThese(value, isAddressOrCidr, "not an IP address, with or without a prefix length");
};

/** Without a prefix length, and one of a family: a pod has one default route in each. */
export const gateways: Judge = (value) => {
  if (!Array.isArray(value)) return [{ why: `It is ${kindOf(value)}, not an array of gateways' addresses.` }];
  const wrong = notThese(value, isAddress, "not an IP address without a prefix length");
  if (wrong.length > 0) return wrong;
  const families = value.map((each) => addressFamily(String(each)));
  const twice = families.find((family, index) => families.indexOf(family) !== index);
  return twice === undefined ? [] : [{ why: `It has more than one IPv${twice} gateway.` }];
};

function notThese(value: readonly Json[], isRight: (text: string) => boolean, what: string): Mistake[] {
  const wrong = value.filter((each) => typeof each !== "string" || !isRight(each));
  if (wrong.length === 0) return [];
  const shown = wrong.map((each) => (typeof each === "string" ? quote(each) : kindOf(each)));
  return [{ why: `${listed(shown, 3)}: ${what}.` }];
}

function isAddress(text: string): boolean {
  return addressFamily(text) !== undefined;
}

function isAddressOrCidr(text: string): boolean {
  return isAddress(text) || cidrFamily(text) !== undefined;
}

/** Six octets, or the twenty of IP over InfiniBand (RFC 4391, section 9.1.1). */
export const mac = text((value) =>
  [6, 20].includes(hardwareOctets(value)?.length ?? 0)
    ? undefined
    : `${quote(value)} is no MAC address. Write six octets, such as 02:00:00:00:00:01.`,
);

export const infinibandGuid = text((value) =>
  hardwareOctets(value)?.length === 8
    ? undefined
    : `${quote(value)} is no InfiniBand GUID. Write eight octets, such as c2:11:22:33:44:55:66:77.`,
);

/** Plugins make a path of it (/sys/bus/pci/devices/...). */
export const deviceId = text((value) =>
  /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/.test(value) && !value.includes("..")
    ? undefined
    : `${quote(value)} is no device. Write one such as 0000:3b:02.1: letters, digits, '.', '_', ':' and '-'.`,
);

export const claim = text((value) => objectNameProblem("The claim's name", value));

export const object: Judge = (value) =>
  isObject(value) ? [] : [{ why: `It is ${kindOf(value)}, not an object.` }];

const ports: Readonly<Record<string, Judge>> = {
  hostPort: port,
  containerPort: port,
  protocol: text((value) =>
    /^(tcp|udp|sctp)$/i.test(value) ? undefined : `${quote(value)} is neither tcp nor udp nor sctp.`,
  ),
  hostIP: text((value) => (isAddress(value) ? undefined : `${quote(value)} is no IP address.`)),
};

/** As the capability's convention has them: [{hostPort, containerPort, protocol, hostIP}]. */
export const portMappings: Judge = (value) => {
  if (!Array.isArray(value)) return [{ why: `It is ${kindOf(value)}, not an array of port mappings.` }];
  return value.flatMap((entry, index) => {
    const place = `[${index}]`;
    if (!isObject(entry)) return [{ why: `${place} is ${kindOf(entry)}, not an object.` }];
    const missing = ["hostPort", "containerPort"].filter((key) => isUnset(entry[key]));
    return [
      ...missing.map((key) => ({ why: `${place} has no ${key}.` })),
      ...membersOf(entry, ports, `${place}.`),
    ];
  });
};

const rates: Readonly<Record<string, Judge>> = {
  ingressRate: whole,
  ingressBurst: whole,
  egressRate: whole,
  egressBurst: whole,
};

/** As the capability's convention has it: rates in bits per second, bursts in bits, a rate and its burst together. */
export const bandwidth: Judge = (value) => {
  if (!isObject(value)) return object(value);
  const mistakes = membersOf(value, rates, "");
  if (mistakes.length > 0) return mistakes;
  return ["ingress", "egress"].flatMap((way) => {
    const isNone = (each: Json | undefined) => isUnset(each) || each === 0;
    return isNone(value[`${way}Rate`]) === isNone(value[`${way}Burst`])
      ? []
      : [{ why: `${way}Rate and ${way}Burst go together.` }];
  });
};

function membersOf(object: { readonly [key: string]: Json }, judges: typeof ports, place: string): Mistake[] {
  return Object.entries(object).flatMap(([key, value]): readonly Mistake[] => {
    const judge = Object.hasOwn(judges, key) ? judges[key] : undefined;
    const shown = `${place}${/^\w{1,40}$/.test(key) ? key : quote(key)}`;
    if (judge === undefined)
      return [{ why: `${shown}: There is no such key.`, unknown: place === "" ? `.${shown}` : shown }];
    if (isUnset(value)) return [];
    return judge(value).map(({ why }) => ({ why: `${shown}: ${why}` }));
  });
}

function port(value: Json): readonly Mistake[] {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 65_535) return [];
  return [{ why: `${numberOrKind(value)}, not a port from 1 to 65535.` }];
}

function whole(value: Json): readonly Mistake[] {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return [];
  return [{ why: `${numberOrKind(value)}, not a whole number that is not negative.` }];
}

function numberOrKind(value: Json): string {
  return `It is ${typeof value === "number" ? value : kindOf(value)}`;
}
