import { type ConfigFailure, parseNetworkConfig } from "../cni/config.ts";
import { printResult } from "../cni/convert.ts";
import { type Environment, type EnvironmentVariables, parseEnvironment } from "../cni/environment.ts";
import { type CniError, cniError, errorDocument } from "../cni/errors.ts";
import { isObject, type JsonObject, parseJson, printJson } from "../cni/json.ts";
import type { Invocation, Plugin } from "../cni/plugin.ts";
import type { NetworkConfig } from "../cni/types.ts";
import { currentVersion, speaks, verbSince, versions } from "../cni/version.ts";
import { fail, type Outcome, ok } from "../sys/outcome.ts";
import type { Sys } from "../sys/sys.ts";

/** The environment and the input of a plugin's process, which `Sys` does not have. Each is used once. */
export interface PluginRequest {
  readonly variables: EnvironmentVariables;
  readonly readStdin: () => Outcome<string, { readonly message: string }>;
}

/** What the process prints, and its exit status. An empty stdout means that there is no document. */
export interface PluginReply {
  readonly stdout: string;
  readonly exitCode: 0 | 1;
}

type Document = Outcome<JsonObject | undefined, ConfigFailure>;

/**
 * Answers one call of a plugin. Input and output are bytes. No other function of a plugin's call prints a document or
 * catches a bug.
 */
export async function serve(
  sys: Sys,
  load: () => Promise<Plugin>,
  request: PluginRequest,
): Promise<PluginReply> {
  let document: Document;
  try {
    document = await answer(sys, load, request);
  } catch (bug) {
    const said = bug instanceof Error ? String(bug.stack) : String(bug);
    for (const line of said.split("\n")) sys.warn(line);
    document = fail({
      error: cniError("internal", "internal.bug", `this is a bug in hawser: ${String(bug)}`),
    });
  }
  if (document.ok) {
    return { stdout: document.value === undefined ? "" : `${printJson(document.value)}\n`, exitCode: 0 };
  }
  const { error, cniVersion } = document.error;
  return { stdout: `${printJson(errorDocument(error, cniVersion ?? currentVersion))}\n`, exitCode: 1 };
}

async function answer(sys: Sys, load: () => Promise<Plugin>, request: PluginRequest): Promise<Document> {
  const stdin = request.readStdin();
  if (!stdin.ok) {
    const msg = `read the network configuration on stdin: ${stdin.error.message}`;
    return fail({ error: cniError("ioFailure", "config.stdin", msg) });
  }
  const environment = parseEnvironment(request.variables);
  if (!environment.ok) return fail({ error: environment.error, cniVersion: versionIn(stdin.value) });
  if (environment.value.command === "VERSION") return ok(versionDocument(stdin.value));
  const config = parseNetworkConfig(stdin.value);
  if (!config.ok) return config;
  const { cniVersion } = config.value;
  const outcome = await perform(sys, await load(), { environment: environment.value, config: config.value });
  return outcome.ok ? outcome : fail({ error: outcome.error, cniVersion });
}

async function perform(
  sys: Sys,
  plugin: Plugin,
  invocation: Invocation,
): Promise<Outcome<JsonObject | undefined, CniError>> {
  const { environment, config } = invocation;
  const gate = gateVersion(environment, config);
  if (gate !== undefined) return fail(gate);
  switch (environment.command) {
    case "ADD": {
      const result = await plugin.add(sys, invocation);
      return result.ok ? printResult(result.value, config.cniVersion) : result;
    }
    case "DEL":
      return silent(await plugin.del(sys, invocation));
    case "CHECK":
      return silent(await plugin.check(sys, invocation));
    case "STATUS":
      return silent(await plugin.status(sys, invocation));
    case "GC":
      return silent(await plugin.gc(sys, invocation));
    case "VERSION":
      throw new Error("VERSION is answered before a plugin is loaded");
  }
}

function silent(outcome: Outcome<void, CniError>): Outcome<undefined, CniError> {
  return outcome.ok ? ok(undefined) : outcome;
}

function gateVersion({ command }: Environment, { cniVersion }: NetworkConfig): CniError | undefined {
  if (speaks(cniVersion, command)) return undefined;
  return cniError(
    "incompatibleVersion",
    "config.verb-version",
    `${command} does not exist in cniVersion ${cniVersion}`,
    `It came with ${verbSince[command]}: raise the configuration's cniVersion.`,
  );
}

/** VERSION answers in the cniVersion of its input (CNI 1.1.0, section 2). It ignores the rest of stdin. */
function versionDocument(stdin: string): JsonObject {
  return { cniVersion: versionIn(stdin), supportedVersions: [...versions] };
}

function versionIn(stdin: string): string {
  const json = parseJson(stdin);
  const version = json.ok && isObject(json.value) ? json.value.cniVersion : undefined;
  return typeof version === "string" && version !== "" ? version : currentVersion;
}
