import { parseArgs } from "../../cni/environment.ts";
import { type CniError, cniError } from "../../cni/errors.ts";
import { fieldOf, readObject, readText, readTexts, show } from "../../cni/fields.ts";
import { hardwareOctets } from "../../cni/hardware.ts";
import type { JsonObject } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { type Notes, problemTexts, type Reader, refuse, text } from "../../cni/readers.ts";
import type { Dns, NetworkConfig } from "../../cni/types.ts";
import { atLeast } from "../../cni/version.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";

/** What the configuration of every main plugin has. */
export interface IpamConfig {
  /** The type of the IPAM plugin; undefined: the interface gets no addresses (layer 2). */
  readonly ipam: string | undefined;
  /** Replaces the IPAM plugin's; undefined if nothing is configured. */
  readonly dns: Dns | undefined;
}

/** What the plugins have beside that choose the MTU. The others pass over it, as the reference plugins do. */
export interface MainConfig extends IpamConfig {
  /** Undefined: the kernel's own. */
  readonly mtu: number | undefined;
}

/** What the plugins have beside that set a hardware address. The others pass over it, as the reference plugins do. */
export interface MacConfig {
  /** The hardware address that was asked for. */
  readonly mac: Uint8Array | undefined;
}

/** Reads what all main plugins have. Wrong fields are noted. */
export function readIpamConfig({ config: { raw } }: Invocation, notes: Notes): IpamConfig {
  return { ipam: readIpamType(raw, notes), dns: readDnsOf(raw, notes) };
}

/** Reads what all main plugins have that choose the MTU. Wrong fields are noted. */
export function readMainConfig(invocation: Invocation, notes: Notes): MainConfig {
  const mtu = optional(invocation.config.raw, "mtu", mtuField, notes);
  return { ...readIpamConfig(invocation, notes), mtu: mtu === 0 ? undefined : mtu };
}

/** The type of the IPAM plugin, as a DEL needs it; undefined if there is none. */
export function readIpamType(raw: JsonObject, notes: Notes): string | undefined {
  const ipam = readObject(raw, "ipam", "ipam", notes);
  const type = readText(ipam, "type", "ipam", notes) ?? "";
  return type === "" ? undefined : type;
}

/** Notes that a result before 0.3.0 cannot tell of an interface without addresses. */
export function noteEmptyResult({ cniVersion }: NetworkConfig, ipam: string | undefined, notes: Notes): void {
  if (ipam === undefined && !atLeast(cniVersion, "0.3.0"))
    refuse(notes, "ipam", `is missing: a result of CNI ${cniVersion} must have an address`);
}

/** Reads a field of any spelling; null means absent. `above` is the path of the object. */
export function optional<T>(
  object: JsonObject,
  key: string,
  reader: Reader<T>,
  notes: Notes,
  above = "",
): T | undefined {
  const value = fieldOf(object, key);
  return value === undefined ? undefined : reader(value, above === "" ? key : `${above}.${key}`, notes);
}

export function wholeNumber(least: number, most: number): Reader<number> {
  return (value, place, notes) =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most
      ? value
      : refuse(notes, place, `is ${show(value)}, not a whole number from ${least} to ${most}`);
}

/** 0 means that nothing is asked for. */
const mtuField = wholeNumber(0, 65_535);

/** Where the hardware address of an interface may be asked for. */
export type MacPlace = "runtimeConfig.mac" | "args.cni.mac" | "CNI_ARGS MAC" | "mac";

/**
 * The hardware address of an interface: what the first of these places says counts. Which they are, and in which order, is
 * another thing in each reference plugin. A plugin passes over all other places, whatever they say.
 */
export function readAskedMac(
  { environment: { args }, config: { raw } }: Invocation,
  places: readonly MacPlace[],
  notes: Notes,
): Uint8Array | undefined {
  const read: Readonly<Record<MacPlace, () => string | undefined>> = {
    "runtimeConfig.mac": () =>
      readText(readObject(raw, "runtimeConfig", "runtimeConfig", notes), "mac", "runtimeConfig", notes),
    "args.cni.mac": () => {
      const cni = readObject(readObject(raw, "args", "args", notes), "cni", "args.cni", notes);
      return readText(cni, "mac", "args.cni", notes);
    },
    "CNI_ARGS MAC": () => parseArgs(args).get("MAC"),
    mac: () => optional(raw, "mac", text, notes),
  };
  const told = places.map((place) => ({ place, text: read[place]() ?? "" }));
  const first = told.find((each) => each.text !== "");
  return first === undefined ? undefined : parseMac(first.text, first.place, notes);
}

function parseMac(written: string, place: string, notes: Notes): Uint8Array | undefined {
  const octets = hardwareOctets(written);
  if (octets?.length !== 6)
    return refuse(notes, place, `${show(written)} is no hardware address like 02:00:00:00:00:01`);
  const bytes = Uint8Array.from(octets, (octet) => Number.parseInt(octet, 16));
  if (((bytes[0] ?? 0) & 1) === 1)
    return refuse(notes, place, `${show(written)} is the hardware address of a group, not of one interface`);
  if (bytes.every((byte) => byte === 0)) return refuse(notes, place, `${show(written)} is no address at all`);
  return bytes;
}

function readDnsOf(raw: JsonObject, notes: Notes): Dns | undefined {
  if (fieldOf(raw, "dns") === undefined) return undefined;
  const dns = readObject(raw, "dns", "dns", notes);
  const nameservers = readTexts(dns, "nameservers", "dns", notes);
  const domain = readText(dns, "domain", "dns", notes) ?? "";
  const search = readTexts(dns, "search", "dns", notes);
  const options = readTexts(dns, "options", "dns", notes);
  const read: Dns = {
    ...(nameservers.length > 0 && { nameservers }),
    ...(domain !== "" && { domain }),
    ...(search.length > 0 && { search }),
    ...(options.length > 0 && { options }),
  };
  return Object.keys(read).length === 0 ? undefined : read;
}

/** The configuration, or one error of all its problems. Errors: `link.config`. */
export function judged<T>(config: NetworkConfig, read: T, notes: Notes): Outcome<T, CniError> {
  if (notes.problems.length === 0) return ok(read);
  return fail(
    cniError(
      "invalidConfig",
      "link.config",
      `configuration of network ${JSON.stringify(config.name)}: ${problemTexts(notes).join("; ")}`,
      "Nothing was changed.",
    ),
  );
}
