import { declaredCapabilities, parseChain } from "../../../cni/chain.ts";
import { type CniError, cniError, failWith, within } from "../../../cni/errors.ts";
import { isObject, type Json, type JsonObject, parseJson, without } from "../../../cni/json.ts";
import { highest, isVersion, type Version, versionWhenMissing } from "../../../cni/version.ts";
import { podAnnotationsCapability } from "../../../kube/pod.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import { metaPluginAmong } from "../meta-plugins.ts";
import type { Mode } from "./manifest.ts";

/** The network that pods have without hawser. */
export interface PrimaryFile {
  /** The file's name in confDir. */
  readonly file: string;
  readonly text: string;
  readonly name: string;
  /** The version fields of the primary's file, and no others. Older runtimes refuse a list of a newer version. */
  readonly versions: JsonObject;
  /** The version that hawser will be called with. */
  readonly cniVersion: Version;
  /** The primary's plugins, without hawser. */
  readonly plugins: readonly JsonObject[];
  readonly config: JsonObject;
  readonly hasHawser: boolean;
}

/** Errors: `install.primary`. */
export function readPrimary(file: string, text: string): Outcome<PrimaryFile, CniError> {
  const bad = (why: string): Outcome<never, CniError> =>
    failWith(
      "invalidConfig",
      "install.primary",
      `read the primary network's configuration ${file}: ${why}`,
      "Repair it, or name the primary's file by --primary.",
    );
  const json = parseJson(text);
  if (!json.ok) return bad(`it is not JSON: ${json.error}`);
  if (!isObject(json.value)) return bad("it is not an object");
  const config = json.value;
  const chain = parseChain(config, { name: "", cniVersion: versionWhenMissing });
  if (!chain.ok) return fail(within(`read the primary network's configuration ${file}`, chain.error));
  if (typeof config.name !== "string" || config.name === "") return bad("it has no name");
  const all = isListing(config.plugins) ? config.plugins.filter(isObject) : [config];
  const plugins = all.filter(({ type }) => type !== "hawser");
  if (plugins.length === 0) return bad("there is no plugin but hawser in it");
  const meta = metaPluginAmong(plugins);
  if (meta !== undefined) {
    const { type, owner } = meta;
    const way = owner.startsWith("Multus") ? "; hawser migrate multus shows the way from there" : "";
    return bad(`its plugin ${type} is ${owner}'s, which attaches pods' networks itself${way}`);
  }
  return ok({
    file,
    text,
    name: config.name,
    versions: versionsOf(config),
    cniVersion: versionOf(config),
    plugins,
    config,
    hasHawser: plugins.length < all.length,
  });
}

function versionsOf({ cniVersion, cniVersions }: JsonObject): JsonObject {
  return {
    ...(cniVersion !== undefined && { cniVersion }),
    ...(cniVersions !== undefined && { cniVersions }),
  };
}

function versionOf({ cniVersion, cniVersions }: JsonObject): Version {
  const listed = isListing(cniVersions) ? cniVersions : [];
  return highest([cniVersion, ...listed].filter(isVersion)) ?? versionWhenMissing;
}

function isListing(value: Json | undefined): value is Json[] {
  return Array.isArray(value);
}

/** Fields of hawser's plugin that only the installation sets. */
const ours = ["type", "name", "cniVersion", "delegate", "plugins", "capabilities"];

/**
 * Makes the configuration that the runtime will read. It keeps the primary's name, because IPAM plugins store addresses
 * under it. It keeps the primary's versions, because the runtime speaks them. Errors: `install.settings`.
 */
export function compose(
  mode: Mode,
  primary: PrimaryFile,
  settings: JsonObject,
): Outcome<JsonObject, CniError> {
  const taken = ours.filter((key) => settings[key] !== undefined);
  if (taken.length > 0) {
    const msg = `read the settings: ${taken.join(", ")} ${taken.length === 1 ? "is" : "are"} set by the installation`;
    return fail(cniError("invalidConfig", "install.settings", msg, "Take them out."));
  }
  const { name, versions } = primary;
  if (mode === "owner") {
    const capabilities = capabilitiesOf([...primary.plugins.flatMap(declaredCapabilities)]);
    const hawser = { type: "hawser", ...settings, delegate: { name }, capabilities };
    return ok({ ...versions, name, plugins: [hawser] });
  }
  const hawser = { type: "hawser", ...settings, capabilities: capabilitiesOf([]) };
  return ok({ ...listOf(primary), plugins: [...primary.plugins, hawser] });
}

/**
 * The capabilities that hawser declares, so that the runtime passes their values: the pod's annotations, and all that
 * the primary declares.
 */
function capabilitiesOf(declared: readonly string[]): JsonObject {
  return Object.fromEntries([podAnnotationsCapability, ...declared].map((name) => [name, true]));
}

/** The fields around the plugins: a list's own fields, or a single configuration's name and version. */
function listOf({ config, versions, name }: PrimaryFile): JsonObject {
  return isListing(config.plugins) ? config : { ...versions, name };
}

/** The primary as a list, without hawser. */
export function withoutHawser(primary: PrimaryFile): JsonObject {
  return { ...without(listOf(primary), "plugins"), plugins: [...primary.plugins] };
}
