import { isObject, type JsonDocument } from "../../json-document.ts";
import { documentsOf, isError, oneDocument } from "../../oracle.ts";
import { isSpecVersion } from "../../versions.ts";
import type { DelegateEnd } from "../ground.ts";
import { type ModelContext, PluginRefusal, text } from "./context.ts";

/** Runs the delegate of this type, and answers what it printed; `send` is its stdin. */
export function runDelegate(
  context: ModelContext,
  type: string,
  send: string,
  env: Readonly<Record<string, string>> = context.env,
): JsonDocument | undefined {
  const { ground, is, say } = context;
  const netns = is("D-6c") ? context.netns : undefined;
  const path = find(context, type);
  let end = ground.run(path, env, send, netns);
  while (end.busy === true && !is("D-14c")) {
    ground.pause();
    end = ground.run(path, env, send, netns);
  }
  const failed = end.exitCode !== 0;
  if (!is(failed ? "P-44b" : "P-44a")) say(end.stderr);
  if (end.signal !== undefined) {
    if (is("P-45h")) return undefined;
    throw new PluginRefusal(999, `${type} was ended by ${end.signal}`);
  }
  if (is("P-45k") && end.tookS > 0) throw new PluginRefusal(999, `${type} takes too long`);
  if (failed) throw failure(context, type, end);
  return end.stdout === "" && context.verb !== "ADD" ? undefined : answer(context, type, end.stdout);
}

function find({ ground, env, is }: ModelContext, type: string): string {
  const lenient = is("P-43b") || (is("D-13a") && type.startsWith("./"));
  if (/[/\\]/.test(type) && !lenient) throw new PluginRefusal(7, `type ${type} has a separator`);
  const folders = (env.CNI_PATH ?? "")
    .split(":")
    .map((each) => (each === "" && is("D-13b") ? ground.cwd : each));
  const exists = (path: string): boolean =>
    ground.isFile(path) || (is("D-13c") && ground.list(path).length > 0);
  const found = folders
    .filter((each) => each !== "")
    .map((each) => `${each}/${type}`)
    .filter(exists);
  const [path] = is("P-43a") ? found.slice(-1) : found;
  if (path === undefined) throw new PluginRefusal(999, `there is no plugin ${type}`);
  return path;
}

function failure({ is }: ModelContext, type: string, end: DelegateEnd): PluginRefusal {
  const { document } = oneDocument(end.stdout);
  if (document === undefined) {
    const said = is("D-14b") ? "" : end.stderr;
    return new PluginRefusal(999, `${type} failed: ${said}`, "", is("P-45j") ? "" : undefined);
  }
  const code = is("P-45c") || (is("D-14a") && document.code === 117) ? 999 : Number(document.code);
  return new PluginRefusal(code, text(document.msg), text(document.details));
}

function answer({ is, version }: ModelContext, type: string, stdout: string): JsonDocument {
  const { values, rest } = documentsOf(is("P-45i") ? stdout.replace(/^x+/, "") : stdout);
  const [first] = values.filter(isObject);
  if (first === undefined || rest !== "") {
    if (is("P-45e") && !stdout.startsWith("xx")) return {};
    throw new PluginRefusal(999, `${type} printed garbage`);
  }
  if (values.length > 1 && !is("P-45f")) throw new PluginRefusal(999, `${type} printed two documents`);
  if (isError(first)) throw new PluginRefusal(Number(first.code), text(first.msg), text(first.details));
  const { cniVersion = is("D-14d") ? "" : version } = first;
  if (!isSpecVersion(cniVersion) && !is("P-45g"))
    throw new PluginRefusal(1, `${type} answered in ${String(cniVersion)}`);
  return { ...first, cniVersion };
}
