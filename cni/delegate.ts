import type { Attempt, Fault } from "../sys/fault.ts";
import { fail, type Outcome, ok } from "../sys/outcome.ts";
import type { RunEnd, RunReport, Sys } from "../sys/sys.ts";
import type { EnvironmentVariables } from "./environment.ts";
import { type CniError, cniError, cut, failWith, hasId } from "./errors.ts";
import { isObject, type Json, type JsonObject, objectsIn, parseJson, printJson } from "./json.ts";
import { nativeIn, nativeVariable, ownExecutable, ownPluginOf } from "./native.ts";
import { operationEnvironment, operationVariable } from "./orphans.ts";
import { redact, secretsIn } from "./secrets.ts";
import type { Verb } from "./version.ts";

/** Where and for whom a delegate runs: what its CNI_* variables say. */
export interface RuntimeConf {
  readonly containerId: string;
  /** Empty on a DEL after the namespace has gone. */
  readonly netns: string;
  readonly args: string;
  /** Folders of plugin executables, in order. The delegate gets them as CNI_PATH. */
  readonly path: readonly string[];
  /** The environment that the delegate inherits; the CNI_* variables replace those in it. */
  readonly variables: EnvironmentVariables;
  /** On `sys.clock.monotonicMs()`: a delegate that runs past it is ended. */
  readonly deadlineMs: number;
  /** A delegate that undoes runs although we were asked to stop: nobody else would undo it. */
  readonly undoing?: boolean;
  /** Types that our own plugins are run for, instead of executables. Undefined: as our own caller says (`nativeVariable`). */
  readonly native?: readonly string[];
}

const maxOutputBytes = 16 * 1024 * 1024;
const maxPassedOn = 64 * 1024;
const maxLines = 1000;
/** A binary that is being replaced refuses to start (ETXTBSY) for the moment of its copy. */
const busyRetries = 40;
const busyPauseMs = 25;

/**
 * Runs one plugin for one verb and returns its stdout (CNI 1.1.0, section 4). A failure keeps the plugin's own code and
 * message. What the plugin writes to stderr goes to our stderr in any case. `type` names an IPAM plugin, which is run
 * with the configuration of its main plugin.
 */
export async function callDelegate(
  sys: Sys,
  verb: Verb,
  config: JsonObject,
  ifname: string,
  runtimeConf: RuntimeConf,
  type = String(config.type),
): Promise<Outcome<string, CniError>> {
  const native = runtimeConf.native ?? nativeIn(runtimeConf.variables);
  const isNative = native.includes(type);
  const executable = isNative ? ok(ownExecutable) : findPlugin(sys, type, runtimeConf.path);
  if (!executable.ok) return executable;
  const stop = sys.processes.stopRequested();
  if (stop !== undefined && runtimeConf.undoing !== true) return fail(stopped(type, verb, stop));
  const timeoutMs = runtimeConf.deadlineMs - sys.clock.monotonicMs();
  if (timeoutMs <= 0) return fail(timedOut(type, verb));
  const report = await runPatiently(sys, () =>
    sys.processes.run({
      executable: executable.value,
      args: [],
      ...(isNative && { serveAs: ownPluginOf(type) }),
      env: {
        ...delegateEnvironment(sys, verb, ifname, runtimeConf),
        ...(isNative && { [nativeVariable]: native.join(",") }),
      },
      stdin: printJson(config),
      timeoutMs,
      maxOutputBytes,
      // GC may have thousands of records to read.
      isBrief: verb !== "GC",
    }),
  );
  if (!report.ok) {
    return fail(notStarted(type, verb, executable.value, report.error));
  }
  const said = withoutSecrets(report.value, config);
  passOn(sys, said.stderr);
  return judge(type, verb, said);
}

/**
 * Takes secrets out of what a failed plugin says, because it may repeat its configuration. What a plugin prints on
 * success is no message.
 */
function withoutSecrets(report: RunReport, config: JsonObject): RunReport {
  const isFine = report.end.kind === "exited" && report.end.code === 0;
  if (isFine && report.stderr === "") return report;
  const secrets = secretsIn(config);
  if (secrets.length === 0) return report;
  const stdout = isFine ? report.stdout : redact(report.stdout, secrets);
  return { ...report, stdout, stderr: redact(report.stderr.slice(0, 2 * maxPassedOn), secrets) };
}

/** Passes a plugin's stderr on line by line. If the plugin does not stop writing, only the beginning is passed on. */
function passOn(sys: Sys, stderr: string): void {
  const text = stderr.trimEnd();
  if (text === "") return;
  const lines = text.slice(0, maxPassedOn).split("\n");
  for (const line of lines.slice(0, maxLines)) sys.warn(line.replace(/\r$/, "").replaceAll("\t", " "));
  if (text.length > maxPassedOn || lines.length > maxLines) sys.warn("... (cut by hawser)");
}

/** Whether the plugin ran at all before this failure, and so may have changed something. */
export function hasRun(error: CniError): boolean {
  return !hasId(error, "delegate.not-found", "delegate.start", "delegate.type");
}

/**
 * Whether the plugin itself has refused, and so has come to its end. A plugin that was ended may have made anything.
 */
export function hasRefused(error: CniError): boolean {
  return hasId(error, "delegate.failed", "delegate.no-answer");
}

async function runPatiently(sys: Sys, run: () => Promise<Attempt<RunReport>>): Promise<Attempt<RunReport>> {
  let report = await run();
  for (let tries = 0; tries < busyRetries && !report.ok && report.error.code === "ETXTBSY"; tries++) {
    await sys.clock.sleep(busyPauseMs);
    report = await run();
  }
  return report;
}

function delegateEnvironment(
  sys: Sys,
  verb: Verb,
  ifname: string,
  runtimeConf: RuntimeConf,
): Record<string, string> {
  const inherited = Object.entries(runtimeConf.variables).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && entry[0] !== operationVariable && entry[0] !== nativeVariable,
  );
  return {
    ...operationEnvironment(sys),
    ...Object.fromEntries(inherited),
    CNI_COMMAND: verb,
    CNI_CONTAINERID: runtimeConf.containerId,
    CNI_NETNS: runtimeConf.netns,
    CNI_IFNAME: ifname,
    CNI_ARGS: runtimeConf.args,
    CNI_PATH: runtimeConf.path.join(":"),
  };
}

/** The first regular file of that name in the folders (CNI 1.1.0, section 4: no separators in `type`). */
export function findPlugin(sys: Sys, type: string, folders: readonly string[]): Outcome<string, CniError> {
  const problem = pluginTypeProblem(type);
  if (problem !== undefined) return failWith("invalidConfig", "delegate.type", problem);
  for (const folder of folders) {
    const path = `${folder}/${type}`;
    const stat = sys.files.stat(path);
    if (stat.ok && stat.value.kind === "file") return ok(path);
  }
  const where = folders.length === 0 ? "CNI_PATH and binDir are empty." : `Looked in ${folders.join(", ")}.`;
  return failWith(
    "delegate",
    "delegate.not-found",
    `find plugin ${JSON.stringify(type)}: there is no such executable`,
    `${where} Install it there, or correct "type".`,
  );
}

/** Why a `type` cannot name an executable; a name with a separator would reach outside of the plugin folders. */
export function pluginTypeProblem(type: string): string | undefined {
  if (type === "") return `a plugin's configuration has no "type"`;
  if (/[/\\\0]/.test(type) || type === "." || type === "..") {
    return `type ${JSON.stringify(type)} is not the name of a plugin: it may hold no path separator`;
  }
  return undefined;
}

function label(type: string, verb: Verb): string {
  return `${verb} of plugin ${JSON.stringify(type)}`;
}

const startHints: Readonly<Record<string, string>> = {
  EACCES: "It must be executable by root, on a file system that is not mounted noexec.",
  ENOEXEC: "It is no executable for this machine.",
  ENOENT: "It is gone, or what it needs (its interpreter or loader) is missing.",
  EMFILE: "Too many files are open: raise the limit of the runtime's service.",
  EAGAIN: "Too many processes run: raise the limit of the runtime's service.",
  ENOMEM: "The node is out of memory.",
};

function notStarted(type: string, verb: Verb, executable: string, fault: Fault): CniError {
  const hint = startHints[fault.code] ?? "Try to run it by hand.";
  const why = `${executable}: ${fault.message}. ${hint}`;
  return cniError("delegate", "delegate.start", `${label(type, verb)} could not be started`, why);
}

function timedOut(type: string, verb: Verb): CniError {
  return cniError(
    "tryAgainLater",
    "delegate.timeout",
    `${label(type, verb)} did not end in time and was ended`,
    `Raise "timeout" in the configuration if this plugin may take so long.`,
  );
}

function stopped(type: string, verb: Verb, signal: string): CniError {
  const msg = `${label(type, verb)} was ended or not begun because hawser received ${signal}`;
  return cniError(
    "tryAgainLater",
    "delegate.stopped",
    msg,
    "The runtime tries again, or undoes it with DEL.",
  );
}

function judge(type: string, verb: Verb, report: RunReport): Outcome<string, CniError> {
  const { end } = report;
  if (end.kind === "exited" && end.code === 0) return ok(report.stdout);
  if (end.kind === "exited") return fail(ownError(type, verb, end.code, report));
  return fail(violentEnd(type, verb, end, report));
}

function violentEnd(
  type: string,
  verb: Verb,
  end: Exclude<RunEnd, { kind: "exited" }>,
  report: RunReport,
): CniError {
  switch (end.kind) {
    case "timed-out":
      return timedOut(type, verb);
    case "stopped":
      return stopped(type, verb, end.signal);
    case "flooded":
      return cniError(
        "delegate",
        "delegate.flood",
        `${label(type, verb)} wrote more than ${maxOutputBytes} bytes and was ended`,
      );
    case "signalled":
      return cniError(
        "delegate",
        "delegate.signal",
        `${label(type, verb)} was ended by ${end.signal}`,
        excerpt(report.stderr),
      );
  }
}

/** The error that a plugin printed; without one, what it said on stderr (as libcni does). */
function ownError(type: string, verb: Verb, exitCode: number, report: RunReport): CniError {
  const printed = printedError(report.stdout);
  if (printed !== undefined) {
    const { code, msg, details } = printed;
    return cniError(
      mayHandOn(code) ? code : "delegate",
      "delegate.failed",
      `${label(type, verb)}: ${String(msg)}`,
      typeof details === "string" ? details : "",
    );
  }
  const said = report.stderr.trim() === "" ? report.stdout : report.stderr;
  const why = said.trim() === "" ? "It said nothing." : `It said: ${excerpt(said)}`;
  return cniError(
    "delegate",
    "delegate.no-answer",
    `${label(type, verb)} exited with ${exitCode} without an error`,
    why,
  );
}

/**
 * A code of the library that the reference plugins are made with, for a wrong namespace. The specification has no such
 * code.
 */
const invalidNamespace = 8;

/** Runtimes decode the code as an unsigned integer, and lose the whole error if it is anything else. */
function mayHandOn(code: Json | undefined): code is number {
  return typeof code === "number" && Number.isSafeInteger(code) && code > 0 && code !== invalidNamespace;
}

/** Some plugins print a result or words of their own before their error. */
function printedError(stdout: string): JsonObject | undefined {
  const documents = objectsIn(stdout).flatMap((piece) => {
    const json = parseJson(piece.slice(Math.max(0, piece.indexOf("{"))));
    return json.ok && isObject(json.value) ? [json.value] : [];
  });
  return documents.findLast(({ msg }) => typeof msg === "string");
}

/** Enough of a plugin's own words to recognise them. */
const longestExcerpt = 400;

/** A plugin's own words as an error shows them: on one line, and cut. */
export function excerpt(text: string): string {
  return cut(text.trim().replaceAll(/\s+/g, " "), longestExcerpt);
}
