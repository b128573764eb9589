import { declaredCapabilities, misplacedCapabilities, parseChain } from "../../cni/chain.ts";
import { kindOf, parseNetworkConfig } from "../../cni/config.ts";
import { type CniError, failWith, within } from "../../cni/errors.ts";
import { isObject, type JsonObject, parseJson, printJson } from "../../cni/json.ts";
import type { NetworkConfig } from "../../cni/types.ts";
import { atLeast, versionWhenMissing } from "../../cni/version.ts";
import { isConfiguration } from "../../kube/definition-files.ts";
import { multusType } from "../../plugins/meta/config/config.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { whyUnread } from "./failure.ts";

/** A configuration file with hawser in it, alone or in a list. */
export interface Configuration {
  readonly path: string;
  /** Hawser's own plugin object, with the list's name and version added. */
  readonly plugin: JsonObject;
  readonly capabilities: readonly string[];
  /** Capabilities that the list declares beside its plugins. No runtime reads them there. */
  readonly misplaced: readonly string[];
  /** The plugins before and after hawser in the list. */
  readonly before: readonly JsonObject[];
  readonly after: readonly JsonObject[];
}

/** The type in hawser's own words, and the type in Multus's. */
const pluginTypes: readonly unknown[] = ["hawser", multusType];

/** Reads one JSON object. Errors: `cli.file`, `cli.json`. */
export function readJsonFile(sys: Sys, path: string): Outcome<JsonObject, CniError> {
  const text = sys.files.read(path);
  if (!text.ok) return failWith("ioFailure", "cli.file", `read ${path}: ${whyUnread(text.error, "file")}`);
  const json = parseJson(text.value);
  if (!json.ok) return failWith("undecodable", "cli.json", `read ${path}: it is not JSON: ${json.error}`);
  if (isObject(json.value)) return ok(json.value);
  return failWith("undecodable", "cli.json", `read ${path}: it is ${kindOf(json.value)}, not an object`);
}

/** Reads a configuration file. Answers undefined when hawser is not in it. */
export function readConfiguration(sys: Sys, path: string): Outcome<Configuration | undefined, CniError> {
  const json = readJsonFile(sys, path);
  if (!json.ok) return json;
  const chain = parseChain(json.value, { name: "", cniVersion: versionWhenMissing });
  if (!chain.ok) return fail(within(`read configuration ${path}`, chain.error));
  const { plugins } = chain.value;
  const at = plugins.findIndex(({ type }) => pluginTypes.includes(type));
  const plugin = plugins[at];
  if (plugin === undefined) return ok(undefined);
  const capabilities = declaredCapabilities(plugin);
  const misplaced = misplacedCapabilities(json.value);
  const around = { before: plugins.slice(0, at), after: plugins.slice(at + 1) };
  return ok({ path, plugin, capabilities, misplaced, ...around });
}

/** Reads a configuration file that a person named. A file without hawser is an error: `cli.no-hawser`. */
export function requireConfiguration(sys: Sys, path: string): Outcome<Configuration, CniError> {
  const found = readConfiguration(sys, path);
  if (!found.ok) return found;
  if (found.value !== undefined) return ok(found.value);
  return failWith(
    "invalidConfig",
    "cli.no-hawser",
    `read configuration ${path}: there is no plugin of type "hawser" or "multus" in it`,
    "Name the file that the runtime reads, with hawser alone or in its list.",
  );
}

/**
 * Reads the configuration that the runtime reads: the first by name. Errors: `cli.file`, `cli.no-hawser`, those of a
 * bad file.
 */
export function runtimesConfiguration(sys: Sys, confDir: string): Outcome<Configuration, CniError> {
  const doing = `look for the runtime's configuration in ${confDir}`;
  const names = sys.files.list(confDir);
  const hint = "Name the folder by --conf-dir, or the file by --config.";
  if (!names.ok) {
    return failWith("ioFailure", "cli.file", `${doing}: ${whyUnread(names.error, "folder")}`, hint);
  }
  const first = names.value.find(isConfiguration);
  if (first !== undefined) return requireConfiguration(sys, `${confDir}/${first}`);
  return failWith("invalidConfig", "cli.no-hawser", `${doing}: it is empty`, hint);
}

/** Makes what a runtime sends hawser on stdin for this configuration. `extra` is what the runtime adds for a pod. */
export function networkConfigOf(
  { path, plugin }: Configuration,
  extra: JsonObject,
): Outcome<NetworkConfig, CniError> {
  const parsed = parseNetworkConfig(printJson({ ...plugin, ...extra }));
  return parsed.ok ? parsed : fail(within(`give hawser the configuration ${path}`, parsed.error.error));
}

/** Makes a stand-in for the result of the plugins before hawser. Answers undefined when there are none. */
export function standInResult(
  { before, plugin }: Configuration,
  ifname: string,
  netns: string,
): JsonObject | undefined {
  if (before.length === 0) return undefined;
  const { cniVersion } = plugin;
  // 192.0.2.0/24 is for documentation (RFC 5737). A result before 0.3.0 holds only addresses.
  if (cniVersion === "0.1.0" || cniVersion === "0.2.0") return { cniVersion, ip4: { ip: "192.0.2.1/24" } };
  return { cniVersion: cniVersion ?? versionWhenMissing, interfaces: [{ name: ifname, sandbox: netns }] };
}

/** Whether the configuration's version has all verbs that hawser answers. */
export function isCurrent({ cniVersion }: NetworkConfig): boolean {
  return atLeast(cniVersion, "1.1.0");
}
