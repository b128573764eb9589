import { fail, type Outcome, ok } from "../sys/outcome.ts";
import type { Sys } from "../sys/sys.ts";
import { kindOf, networkNameProblem, supportedVersions } from "./config.ts";
import { printResult } from "./convert.ts";
import {
  callDelegate,
  excerpt,
  findPlugin,
  hasRun,
  pluginTypeProblem,
  type RuntimeConf,
} from "./delegate.ts";
import { type CniError, cniError, failWith } from "./errors.ts";
import { isObject, type Json, type JsonObject, parseJson, printJson, without } from "./json.ts";
import { parseResult } from "./result.ts";
import { spellResult } from "./spelling.ts";
import type { CniResult, ValidAttachment } from "./types.ts";
import { atLeast, highest, isVersion, speaks, type Verb, type Version } from "./version.ts";

/** A list of plugins that makes one attachment (CNI 1.1.0, section 1); a single plugin is a list of one. */
export interface Chain {
  readonly cniVersion: Version;
  readonly name: string;
  readonly disableCheck: boolean;
  readonly disableGC: boolean;
  /** The plugins as they are sent, without what changes from verb to verb (prevResult, valid attachments). */
  readonly plugins: readonly JsonObject[];
  /** Types of plugins, and of their IPAM plugins, that our own are run for. Undefined: executables are run for all. */
  readonly native?: readonly string[];
}

/** A result as the plugin printed it, and what it says. */
export interface DelegateResult {
  /** The plugin's document, in the chain's cniVersion. */
  readonly document: JsonObject;
  readonly result: CniResult;
}

/** Keys of a list and of a plugin that a runtime keeps to itself (reference of section 3, "derived configuration"). */
const keptBack = [
  "capabilities",
  "prevResult",
  "disableCheck",
  "disableGC",
  "loadOnlyInlinedPlugins",
  "cniVersions",
];

/**
 * The most plugins of a list. Each is a process of root's, twice in a pod's life and one after the other; no real list
 * has as many.
 */
const maxPlugins = 16;

/**
 * Reads a configuration, of one plugin or of a list, as a chain. `fallback` supplies what the configuration leaves out.
 */
export function parseChain(
  config: JsonObject,
  fallback: { readonly name: string; readonly cniVersion: Version },
): Outcome<Chain, CniError> {
  const cniVersion = chooseVersion(config, fallback.cniVersion);
  if (!cniVersion.ok) return cniVersion;
  const { name: own = "" } = config;
  if (typeof own !== "string") return badName(`name is ${kindOf(own)}, not a string`);
  const name = own === "" ? fallback.name : own;
  const problem = networkNameProblem(name);
  if (problem !== undefined && name !== "") return badName(problem);
  const plugins = pluginList(config);
  if (!plugins.ok) return plugins;
  return ok({
    cniVersion: cniVersion.value,
    name,
    disableCheck: isOn(config.disableCheck),
    disableGC: isOn(config.disableGC),
    plugins: plugins.value.map((plugin) => ({ ...plugin, cniVersion: cniVersion.value, name })),
  });
}

function badName(problem: string): Outcome<never, CniError> {
  return failWith("invalidConfig", "config.name", problem, "Plugins keep their state under it.");
}

/** libcni accepts the boolean and, for disableCheck, the boolean as a text. */
function isOn(value: unknown): boolean {
  return value === true || value === "true";
}

function chooseVersion(config: JsonObject, fallback: Version): Outcome<Version, CniError> {
  const listed = Array.isArray(config.cniVersions) ? config.cniVersions : [];
  const named = [config.cniVersion, ...listed].filter((version) => version !== undefined && version !== "");
  if (named.length === 0) return ok(fallback);
  const version = highest(named.filter(isVersion));
  if (version !== undefined) return ok(version);
  const msg = `cniVersion ${named.map(printJson).join(", ")} is not supported`;
  return failWith("incompatibleVersion", "config.version", msg, supportedVersions);
}

function pluginList(config: JsonObject): Outcome<JsonObject[], CniError> {
  const bad = (msg: string): Outcome<never, CniError> =>
    fail(cniError("invalidConfig", "config.plugins", msg));
  const entries = config.plugins === undefined ? [config] : config.plugins;
  if (!Array.isArray(entries)) return bad(`plugins is ${kindOf(entries)}, not an array`);
  if (entries.length === 0) return bad("plugins is empty");
  if (entries.length > maxPlugins)
    return bad(`plugins has ${entries.length} entries, at most ${maxPlugins} may be run`);
  const plugins: JsonObject[] = [];
  for (const [index, entry] of entries.entries()) {
    if (!isObject(entry)) return bad(`plugins[${index}] is ${kindOf(entry)}, not an object`);
    if (typeof entry.type !== "string")
      return bad(`plugins[${index}].type is ${kindOf(entry.type)}, not a string`);
    const problem = pluginTypeProblem(entry.type) ?? ipamProblem(entry.ipam);
    if (problem !== undefined) return bad(`plugins[${index}]: ${problem}`);
    plugins.push(entry);
  }
  return ok(plugins);
}

/**
 * Adds to one plugin's configuration what was asked of its capabilities: `runtimeConfig` has those that the plugin
 * declares and that were supplied (CNI 1.1.0, section 3). `capabilities` itself is not sent.
 */
function withRuntimeConfig(plugin: JsonObject, supplied: JsonObject): JsonObject {
  const declared = declaredCapabilities(plugin);
  const granted = Object.entries(supplied).filter(([key]) => declared.includes(key));
  const rest = without(plugin, ...keptBack);
  return granted.length === 0 ? rest : { ...rest, runtimeConfig: Object.fromEntries(granted) };
}

/**
 * Why the type of an IPAM plugin cannot name an executable. It is asked before ADD: a plugin that cannot find its IPAM may
 * leave a link behind, and its DEL then fails for ever, for the same reason.
 */
function ipamProblem(ipam: Json | undefined): string | undefined {
  if (!isObject(ipam) || typeof ipam.type !== "string" || ipam.type === "") return undefined;
  const problem = pluginTypeProblem(ipam.type);
  return problem === undefined ? undefined : `ipam: ${problem}`;
}

/**
 * The chain as it is sent: without the keys that a runtime keeps to itself, and with what was asked of capabilities.
 */
export function completeChain(chain: Chain, supplied: JsonObject): Chain {
  return { ...chain, plugins: chain.plugins.map((plugin) => withRuntimeConfig(plugin, supplied)) };
}

export function declaredCapabilities(plugin: JsonObject): string[] {
  if (!isObject(plugin.capabilities)) return [];
  return Object.entries(plugin.capabilities)
    .filter(([, value]) => value === true)
    .map(([key]) => key);
}

/** Capabilities that a list declares beside its plugins, where no runtime looks for them. */
export function misplacedCapabilities(list: JsonObject): string[] {
  return Array.isArray(list.plugins) ? declaredCapabilities(list) : [];
}

/**
 * Fails if a plugin of the chain does not exist. To be called before the first effect, so that nothing must be undone.
 */
export function requirePlugins(sys: Sys, chain: Chain, folders: readonly string[]): Outcome<void, CniError> {
  for (const plugin of chain.plugins) {
    if (chain.native?.includes(String(plugin.type)) === true) continue;
    const executable = findPlugin(sys, String(plugin.type), folders);
    if (!executable.ok) return executable;
  }
  return ok(undefined);
}

/** How far the ADD of a chain came. */
export type Added =
  | { readonly ok: true; readonly value: DelegateResult }
  | {
      readonly ok: false;
      readonly error: CniError;
      /** The plugins that have run, with the one that failed: they must be sent DEL. */
      readonly ran: Chain;
      /** The last result. The plugins' DEL is given it. */
      readonly partial: DelegateResult | undefined;
    };

/** ADD in order: each plugin gets the result of the one before. Stops at the first failure. */
export async function addChain(
  sys: Sys,
  chain: Chain,
  ifname: string,
  runtimeConf: RuntimeConf,
): Promise<Added> {
  let previous: DelegateResult | undefined;
  const own = ofChain(chain, runtimeConf);
  for (const [index, plugin] of chain.plugins.entries()) {
    const output = await callDelegate(sys, "ADD", withPrevious(plugin, previous), ifname, own);
    const result = output.ok ? readResult(plugin, chain, output.value) : output;
    if (!result.ok) {
      const ran = chain.plugins.slice(0, hasRun(result.error) ? index + 1 : index);
      return { ok: false, error: result.error, ran: { ...chain, plugins: ran }, partial: previous };
    }
    previous = result.value;
  }
  if (previous === undefined) throw new Error("a chain without plugins passed parseChain");
  return { ok: true, value: previous };
}

/** The part of a chain that a DEL has not undone: the error, and the plugins that must still be sent DEL. */
export interface Undeleted {
  readonly error: CniError;
  readonly chain: Chain;
}

/**
 * DEL in reverse order: each plugin gets the final result. Stops at the first failure, so that a retry begins with it.
 * But it goes on past a plugin that `mayPass`: a plugin whose ADD never succeeded must not keep the plugins before it
 * from being undone. Undefined when all is undone.
 */
export async function deleteChain(
  sys: Sys,
  chain: Chain,
  ifname: string,
  runtimeConf: RuntimeConf,
  result: DelegateResult | undefined,
  mayPass: (index: number, error: CniError) => boolean = () => false,
): Promise<Undeleted | undefined> {
  const known = atLeast(chain.cniVersion, "0.4.0") ? result : undefined;
  const own = ofChain(chain, runtimeConf);
  let passed: Undeleted | undefined;
  for (const [index, plugin] of [...chain.plugins.entries()].toReversed()) {
    const output = await callDelegate(sys, "DEL", withPrevious(plugin, known), ifname, own);
    if (output.ok) continue;
    const before = passed?.chain.plugins ?? [];
    if (!mayPass(index, output.error)) {
      const plugins = [...chain.plugins.slice(0, index + 1), ...before];
      return { error: output.error, chain: { ...chain, plugins } };
    }
    passed = { error: passed?.error ?? output.error, chain: { ...chain, plugins: [plugin, ...before] } };
  }
  return passed;
}

/** Returns why a failure of a plugin's CHECK says nothing of the attachment, and undefined if it does say something. */
export type Pardon = (plugin: JsonObject, error: CniError) => string | undefined;

/** A failed CHECK that was passed over, and why. */
export interface Pardoned {
  readonly error: CniError;
  readonly why: string;
}

/**
 * CHECK in order, with the final result. Does nothing if the chain's version has no CHECK or its author has disabled
 * it. Stops at the first failure that is not pardoned.
 */
export async function checkChain(
  sys: Sys,
  chain: Chain,
  ifname: string,
  runtimeConf: RuntimeConf,
  result: DelegateResult,
  pardon: Pardon,
): Promise<Outcome<Pardoned[], CniError>> {
  if (!answers(chain, "CHECK")) return ok([]);
  const pardoned: Pardoned[] = [];
  const own = ofChain(chain, runtimeConf);
  for (const plugin of chain.plugins) {
    const output = await callDelegate(sys, "CHECK", withPrevious(plugin, result), ifname, own);
    if (output.ok) continue;
    const why = pardon(plugin, output.error);
    if (why === undefined) return output;
    pardoned.push({ error: output.error, why });
  }
  return ok(pardoned);
}

/** STATUS of each plugin. The first plugin that is not ready speaks for the chain. */
export async function statusChain(
  sys: Sys,
  chain: Chain,
  runtimeConf: RuntimeConf,
): Promise<Outcome<void, CniError>> {
  if (!answers(chain, "STATUS")) return ok(undefined);
  const own = ofChain(chain, runtimeConf);
  for (const plugin of chain.plugins) {
    const output = await callDelegate(sys, "STATUS", plugin, "", own);
    if (!output.ok) return output;
  }
  return ok(undefined);
}

/** GC of each plugin, with what is still valid. Goes on past failures and returns all of them. */
export async function collectChain(
  sys: Sys,
  chain: Chain,
  runtimeConf: RuntimeConf,
  valid: readonly ValidAttachment[],
): Promise<CniError[]> {
  if (!answers(chain, "GC")) return [];
  const errors: CniError[] = [];
  const own = ofChain(chain, runtimeConf);
  const list = valid.map(({ containerID, ifname }) => ({ containerID, ifname }));
  for (const plugin of chain.plugins) {
    // The first 1.1.0 tag spelled the key differently; plugins of both read one of the two.
    const config = { ...plugin, "cni.dev/valid-attachments": list, "cni.dev/attachments": list };
    const output = await callDelegate(sys, "GC", config, "", own);
    if (!output.ok) errors.push(output.error);
  }
  return errors;
}

function ofChain({ native = [] }: Chain, runtimeConf: RuntimeConf): RuntimeConf {
  return { ...runtimeConf, native };
}

function withPrevious(plugin: JsonObject, previous: DelegateResult | undefined): JsonObject {
  return previous === undefined ? plugin : { ...plugin, prevResult: previous.document };
}

/** Requires that an ADD has printed exactly one valid result (CNI 1.1.0, section 5, "Success"). */
function readResult(plugin: JsonObject, chain: Chain, stdout: string): Outcome<DelegateResult, CniError> {
  const bad = (why: string): Outcome<never, CniError> =>
    fail(
      cniError(
        "delegate",
        "delegate.bad-result",
        `ADD of plugin ${JSON.stringify(plugin.type)} printed no valid result: ${why}`,
        stdout.trim() === "" ? "It printed nothing." : `It printed: ${excerpt(stdout)}`,
      ),
    );
  const json = parseJson(stdout);
  if (!json.ok) return bad(json.error);
  if (!isObject(json.value)) return bad(`it is ${kindOf(json.value)}, not an object`);
  const document = spellResult(json.value);
  const error = errorIn(document);
  if (error !== undefined) return bad(error);
  const parsed = parseResult(document, chain.cniVersion);
  if (!parsed.ok) return bad(parsed.error);
  const { result, version } = parsed.value;
  if (document.cniVersion === chain.cniVersion) return ok({ document, result });
  // A plugin may leave its version out or answer in another; the next one is told in the chain's (as libcni does).
  const converted = printResult(result, chain.cniVersion);
  return converted.ok ? ok({ document: converted.value, result }) : bad(`${version}: ${converted.error.msg}`);
}

/**
 * libcni would take a document that is a result and an error for a success, and lose the error. A caller that is told
 * of one of them cannot rely on the other. An error without content, as Go's types print it, says nothing and is passed
 * over.
 */
function errorIn({ code, msg, ips, interfaces, ip4, ip6 }: JsonObject): string | undefined {
  if (typeof code !== "number" || typeof msg !== "string" || (code === 0 && msg === "")) return undefined;
  const isResult = [ips, interfaces, ip4, ip6].some((part) => part !== undefined && part !== null);
  return isResult
    ? `it is a result and an error (${code}: ${msg}) in one document; a plugin prints one of them`
    : `it is an error (${code}: ${msg}), although the plugin exited with 0`;
}

/** Whether the chain may be sent the verb: its version has the verb, and its author has not disabled it. */
export function answers(chain: Chain, verb: Verb): boolean {
  if (verb === "CHECK" && chain.disableCheck) return false;
  if (verb === "GC" && chain.disableGC) return false;
  return speaks(chain.cniVersion, verb);
}
