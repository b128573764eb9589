import { fail, type Outcome, ok } from "../sys/outcome.ts";
import { isName } from "./environment.ts";
import { type CniError, cniError, cut, failWith } from "./errors.ts";
import { isObject, type Json, type JsonObject, parseJson } from "./json.ts";
import type { NetworkConfig, ValidAttachment } from "./types.ts";
import { isVersion, type Version, versions, versionWhenMissing } from "./version.ts";

/**
 * As much of the configuration as could be read. An error's document repeats the version once it is known (cni#827).
 */
export interface ConfigFailure {
  readonly error: CniError;
  readonly cniVersion?: string;
}

/** Parses the bytes of stdin as one plugin's configuration (CNI 1.1.0, section 1). */
export function parseNetworkConfig(text: string): Outcome<NetworkConfig, ConfigFailure> {
  const doing = "read the network configuration on stdin";
  const json = parseJson(text);
  if (!json.ok) {
    const why = text.trim() === "" ? "stdin is empty" : json.error;
    return fail({
      error: cniError("undecodable", "config.json", `${doing}: ${why}`, "It must be one JSON object."),
    });
  }
  if (!isObject(json.value)) {
    const error = cniError(
      "undecodable",
      "config.json",
      `${doing}: it is ${kindOf(json.value)}, not an object`,
    );
    return fail({ error });
  }
  const cniVersion = readVersion(json.value);
  if (!cniVersion.ok) return fail({ error: cniVersion.error });
  const named = readNames(doing, json.value);
  if (!named.ok) return fail({ error: named.error, cniVersion: cniVersion.value });
  return ok({ cniVersion: cniVersion.value, ...named.value, raw: json.value });
}

/** Ends the error about every other mistake. */
export const supportedVersions = `Supported are ${versions.join(", ")}.`;

function readVersion(raw: JsonObject): Outcome<Version, CniError> {
  const value = raw.cniVersion ?? "";
  if (value === "") return ok(versionWhenMissing);
  if (typeof value !== "string") {
    return failWith("undecodable", "config.version", `cniVersion is ${kindOf(value)}, not a string`);
  }
  if (isVersion(value)) return ok(value);
  return failWith(
    "incompatibleVersion",
    "config.version",
    `cniVersion ${JSON.stringify(value)} is not supported`,
    supportedVersions,
  );
}

function readNames(doing: string, raw: JsonObject): Outcome<{ name: string; type: string }, CniError> {
  const name = raw.name ?? "";
  if (typeof name !== "string") {
    return failWith("undecodable", "config.name", `${doing}: name is ${kindOf(name)}, not a string`);
  }
  const problem = networkNameProblem(name);
  if (problem !== undefined)
    return failWith("invalidConfig", "config.name", `${doing}: ${problem}`, nameRule);
  const type = raw.type ?? "";
  if (typeof type !== "string") {
    return failWith("undecodable", "config.type", `${doing}: type is ${kindOf(type)}, not a string`);
  }
  return ok({ name, type });
}

const maxNameLength = 200;
const nameRule = `A name starts with a letter or digit; letters, digits, '_', '.' and '-' follow, at most ${maxNameLength} in all.`;

/** Why this cannot name a network: state is kept in folders of that name. */
export function networkNameProblem(name: string): string | undefined {
  if (name === "") return "the network has no name";
  if (isName(name) && name.length <= maxNameLength) return undefined;
  return `${JSON.stringify(cut(name))} cannot name a network`;
}

export function kindOf(value: Json | undefined): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (isObject(value)) return "an object";
  if (typeof value === "object") return "a number";
  return `a ${typeof value}`;
}

/**
 * GC's list of the attachments that still exist. Both spellings of the key are read: the specification's and that of
 * the first 1.1.0 tag.
 */
export function validAttachments(raw: JsonObject): Outcome<ValidAttachment[] | undefined, CniError> {
  // If the specification's key is present, it counts: a null there is no list, whatever the other key says.
  const key = "cni.dev/valid-attachments" in raw ? "cni.dev/valid-attachments" : "cni.dev/attachments";
  const list = raw[key] ?? undefined;
  if (list === undefined) return ok(undefined);
  const bad = (why: string): Outcome<never, CniError> =>
    fail(cniError("invalidConfig", "config.valid-attachments", `read cni.dev/valid-attachments: ${why}`));
  if (!Array.isArray(list)) return bad(`it is ${kindOf(list)}, not an array`);
  const entries: ValidAttachment[] = [];
  for (const [index, entry] of list.entries()) {
    if (!isObject(entry)) return bad(`entry ${index} is ${kindOf(entry)}, not an object`);
    const { containerID, ifname } = entry;
    if (typeof containerID !== "string" || typeof ifname !== "string") {
      return bad(`entry ${index} must have the strings containerID and ifname`);
    }
    entries.push({ containerID, ifname });
  }
  return ok(entries);
}
