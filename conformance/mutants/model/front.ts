import { isObject, type JsonDocument } from "../../json-document.ts";
import type { PluginEnd } from "../../machine.ts";
import { isSince, isSpecVersion, type SpecVersion, specVersions } from "../../versions.ts";
import type { Ground, PluginInput } from "../ground.ts";
import { type ModelContext, PluginCrash, PluginRefusal, text } from "./context.ts";

/** The document that a verb of the test plugin prints. Undefined if it prints nothing. */
export type Verbs = (context: ModelContext) => JsonDocument | undefined;

const required: Readonly<Record<string, readonly string[]>> = {
  ADD: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
  CHECK: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
  DEL: ["CNI_CONTAINERID", "CNI_IFNAME"],
  GC: ["CNI_PATH"],
  STATUS: [],
};

/** The test plugin from environment and stdin to what it prints: what every kind has in common. */
export function runModel(
  ground: Ground,
  input: PluginInput,
  verbs: Verbs,
  mutant: string | undefined,
): PluginEnd {
  const is = (id: string): boolean => id === mutant;
  let stderr = "";
  const say = (line: string): void => {
    stderr += line;
  };
  const end = (exitCode: number, stdout: string): PluginEnd => ({
    exitCode,
    signal: undefined,
    stdout,
    stderr,
  });
  try {
    const { env } = input;
    const verb = env.CNI_COMMAND ?? "";
    if (verb === "" && is("P-1c")) return end(0, "");
    if (verb === "VERSION") return end(is("P-1a") ? 1 : 0, JSON.stringify(versionAnswer(input, is)));
    const context = contextOf(ground, input, is, say);
    const said = verbs(context);
    const silent = { CHECK: "P-33c", STATUS: "P-34d", GC: "P-40a" }[context.verb];
    const noise = silent !== undefined && is(silent) ? "{}" : "";
    const both = is("P-2f") && context.netns === ground.ownNetns;
    if (both)
      return end(
        1,
        `${JSON.stringify(said)}${JSON.stringify({ cniVersion: context.version, code: 117, msg: "both" })}`,
      );
    return end(0, said === undefined ? noise : JSON.stringify(said));
  } catch (error) {
    if (error instanceof PluginCrash) return { exitCode: undefined, signal: "SIGSEGV", stdout: "", stderr };
    if (!(error instanceof PluginRefusal)) throw error;
    if (error.instead !== undefined) return end(1, error.instead);
    return refuse(input, error, is, end);
  }
}

/** Mutants of P-1 and P-2 spoil the error about DEL's network name: no other requirement looks at that error. */
function refuse(
  { env, stdin = "" }: PluginInput,
  error: PluginRefusal,
  is: (id: string) => boolean,
  end: (exitCode: number, stdout: string) => PluginEnd,
): PluginEnd {
  const marked = error.message.startsWith("network name") && env.CNI_COMMAND === "DEL";
  const status = error.message.startsWith("network name") && env.CNI_COMMAND === "STATUS";
  if ((marked && is("P-2a")) || (status && is("P-2b"))) return end(1, "it did not work");
  const document: Record<string, unknown> = {
    cniVersion: versionIn(stdin),
    code: error.code,
    msg: error.message,
    details: error.details,
  };
  if (marked && is("P-2c")) delete document.cniVersion;
  if (marked && is("P-2d")) document.code = String(error.code);
  if (marked && is("P-2e")) document.msg = "";
  if (marked && is("P-2g")) document.details = 5;
  return end(marked && is("P-1b") ? 0 : 1, JSON.stringify(document));
}

function versionIn(stdin: string): string {
  const config = parse(stdin);
  return isObject(config) && typeof config.cniVersion === "string" ? config.cniVersion : "1.1.0";
}

function parse(stdin: string): unknown {
  try {
    return JSON.parse(stdin);
  } catch {
    return undefined;
  }
}

function versionAnswer({ env, stdin = "" }: PluginInput, is: (id: string) => boolean): JsonDocument {
  if (is("P-15a") && env.CNI_PATH === undefined && stdin !== "")
    throw new PluginRefusal(4, "CNI_PATH is missing");
  if (is("P-15b") && stdin === "") throw new PluginRefusal(6, "stdin is empty");
  const cniVersion = is("P-14a") ? "0.1.0" : versionIn(stdin);
  return { cniVersion, supportedVersions: is("P-14b") ? ["1.1.0", "9.1.0"] : specVersions };
}

function contextOf(
  ground: Ground,
  { env, stdin }: PluginInput,
  is: ModelContext["is"],
  say: ModelContext["say"],
): ModelContext {
  const verb = checkVerb(env.CNI_COMMAND ?? "", is);
  checkEnvironment(verb, env, is);
  if (stdin === undefined) throw new PluginRefusal(is("P-10c") ? 6 : 5, "stdin cannot be read");
  const config = checkConfig(stdin, verb, is);
  const { cniVersion = "0.1.0" } = config;
  const version = is("P-11a") && cniVersion === "1.1" ? "1.1.0" : text(cniVersion);
  checkVersion(version, verb, is);
  const network = checkName(config.name, verb, is);
  checkContent(config, is);
  const { CNI_CONTAINERID: id = "", CNI_IFNAME: ifname = "", CNI_NETNS } = env;
  const netns = CNI_NETNS === "" ? undefined : CNI_NETNS;
  return { ground, verb, id, ifname, netns, env, stdin, config, version, network, is, say };
}

function checkVerb(command: string, is: ModelContext["is"]): string {
  const verb = is("P-8a") ? command.toUpperCase() : command;
  if (required[verb] === undefined) throw new PluginRefusal(4, `CNI_COMMAND is ${command || "missing"}`);
  return verb;
}

function checkEnvironment(verb: string, env: Readonly<Record<string, string>>, is: ModelContext["is"]): void {
  const path = env.CNI_PATH === undefined;
  if (is("P-4g") && path && (verb === "ADD" || verb === "DEL"))
    throw new PluginRefusal(4, "CNI_PATH is missing");
  if (is("P-4h") && path && verb === "STATUS") throw new PluginRefusal(4, "CNI_PATH is missing");
  const missing = (required[verb] ?? []).filter((name) => {
    const value = env[name];
    if (is("P-4a") && verb === "ADD" && name === "CNI_NETNS" && value === undefined) return false;
    if (is("P-4b") && verb === "CHECK" && name === "CNI_NETNS") return false;
    if (is("P-4c") && verb === "DEL" && name === "CNI_IFNAME") return false;
    if (is("P-4d") && verb === "GC") return false;
    if (is("P-4e") && verb === "ADD" && name === "CNI_NETNS" && value === "") return false;
    return value === undefined || value === "";
  });
  if (missing.length > 0) throw new PluginRefusal(4, `${missing.join(", ")} is missing`);
  if (is("P-40b") && verb === "GC" && env.CNI_CONTAINERID === undefined)
    throw new PluginRefusal(4, "no CNI_CONTAINERID");
  if (verb === "STATUS" || verb === "GC") return;
  checkContainer(verb, env, is);
  const args = env.CNI_ARGS;
  if (is("P-4f") && args === "") throw new PluginRefusal(4, "CNI_ARGS is empty");
  if (is("P-9a") && args?.includes("HWC_UNKNOWN") === true)
    throw new PluginRefusal(4, "CNI_ARGS: HWC_UNKNOWN");
}

function checkContainer(verb: string, env: Readonly<Record<string, string>>, is: ModelContext["is"]): void {
  const { CNI_CONTAINERID: id = "", CNI_IFNAME: ifname = "" } = env;
  const lenient = (verb === "ADD" && is("P-5a")) || (verb === "DEL" && is("P-5c"));
  const form = lenient ? /^[A-Za-z0-9][A-Za-z0-9_. -]*$/ : /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
  const tooShort = is("P-5b") && id.length === 1;
  if (!form.test(id) || id.endsWith("\n") || tooShort) throw new PluginRefusal(4, `CNI_CONTAINERID is ${id}`);
  if (verb === "DEL" && ifname === "") return;
  const longest = is("P-7c") ? 14 : 15;
  const bad = ifname.length > longest || ifname === "." || ifname === ".." || /[/\s]/.test(ifname);
  const colon = ifname.includes(":") && !is("P-7a");
  if (bad || colon) throw new PluginRefusal(is("P-7b") ? 7 : 4, `CNI_IFNAME is ${ifname}`);
}

function checkConfig(stdin: string, verb: string, is: ModelContext["is"]): JsonDocument {
  const config = parse(stdin);
  if (isObject(config)) return config;
  if (is("P-10a") && Array.isArray(config) && verb === "ADD")
    return { cniVersion: "1.1.0", name: "list", ipam: { subnet: "10.88.0.0/24", state: "/nowhere" } };
  throw new PluginRefusal(is("P-10b") && stdin.length > 2 ? 7 : 6, "stdin is no configuration");
}

function checkVersion(version: string, verb: string, is: ModelContext["is"]): asserts version is SpecVersion {
  if (!isSpecVersion(version)) throw new PluginRefusal(is("P-11b") ? 7 : 1, `cniVersion is ${version}`);
  const since = ({ CHECK: "0.4.0", STATUS: "1.1.0", GC: "1.1.0" } as const)[verb] ?? "0.1.0";
  if (!isSince(version, since)) throw new PluginRefusal(is("P-13c") ? 4 : 1, `${verb} is of ${since}`);
}

function checkName(name: unknown, verb: string, is: ModelContext["is"]): string {
  if (name !== undefined && name !== null && typeof name !== "string")
    throw new PluginRefusal(6, "name is no text");
  const form =
    is("P-6a") && verb === "ADD" ? /^[A-Za-z0-9][A-Za-z0-9_. -]*$/ : /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
  if (form.test(text(name))) return text(name);
  throw new PluginRefusal(is("P-6b") ? 6 : 7, `network name is ${text(name)}`);
}

function checkContent(config: JsonDocument, is: ModelContext["is"]): void {
  if (is("P-3a") && config.args === null) throw new PluginCrash();
  if (is("P-12a") && config.hwcUnknownField !== undefined) throw new PluginRefusal(7, "an unknown field");
  const args = isObject(config.args) ? config.args : {};
  if (is("P-12b") && args["hwc.example/unknown"] !== undefined) throw new PluginRefusal(7, "unknown args");
  if (config.ipam === undefined || isObject(config.ipam)) return;
  throw new PluginRefusal(7, "ipam is no object");
}
