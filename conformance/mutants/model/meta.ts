import { isObject, type JsonDocument, listOf } from "../../json-document.ts";
import { isSince, isSpecVersion, type SpecVersion, specVersions } from "../../versions.ts";
import { type ModelContext, PluginRefusal, text } from "./context.ts";
import { runDelegate } from "./delegate.ts";

/** The state of an attachment that is kept for its CHECK and DEL. */
interface Kept {
  readonly list: JsonDocument;
  readonly result: JsonDocument | undefined;
}

/** The test plugin as one that runs a list of others. */
export function metaVerbs(context: ModelContext): JsonDocument | undefined {
  const { config, ground, is, verb } = context;
  refuseItself(context);
  const free = (verb === "GC" && is("D-11b")) || (verb === "DEL" && is("D-12a"));
  const release = free ? () => undefined : ground.lock(`${text(config.state)}/lock`);
  try {
    switch (verb) {
      case "ADD":
        return add(context, listIn(context));
      case "DEL":
        return void del(context);
      case "CHECK":
        return void check(context);
      case "STATUS":
        return void each(context, listIn(context), (request) => request);
      default:
        return void collect(context, listIn(context));
    }
  } finally {
    release();
  }
}

/** A list that names the plugin itself would start it without end. */
function refuseItself({ config, is }: ModelContext): void {
  const plugins = isObject(config.list) ? listOf(config.list.plugins).filter(isObject) : [];
  if (plugins.some(({ type }) => type === config.type) && !is("D-15a"))
    throw new PluginRefusal(7, `${text(config.type)} would run itself`);
}

function listIn({ config, ground, is }: ModelContext): JsonDocument {
  const list = isObject(config.list) ? config.list : {};
  if (list.plugins !== undefined) return list;
  const folder = text(config.confDir);
  const read = (path: string): JsonDocument => JSON.parse(ground.read(path) ?? "{}") as JsonDocument;
  const found = ground
    .list(folder)
    .map((name) => read(`${folder}/${name}`))
    .find(({ name }) => name === list.name);
  if (found === undefined) throw new PluginRefusal(7, `there is no list ${text(list.name)}`);
  const beside = `${folder}/${text(list.name)}`;
  const more = is("D-10a") ? [] : ground.list(beside).map((name) => read(`${beside}/${name}`));
  return { ...found, plugins: [...listOf(found.plugins), ...more] };
}

function versionOf(list: JsonDocument, { is, version }: ModelContext): SpecVersion {
  const offered = [list.cniVersion, ...(is("D-1a") ? [] : listOf(list.cniVersions))].filter(isSpecVersion);
  return specVersions.findLast((each) => offered.includes(each)) ?? (version as SpecVersion);
}

/** The configuration that a plugin of the list is sent, without prevResult. */
function requestOf(list: JsonDocument, plugin: JsonDocument, context: ModelContext): JsonDocument {
  const { is, config } = context;
  const { capabilities, hwcUnknown, ...fields } = plugin;
  const offered = isObject(config.runtimeConfig) ? config.runtimeConfig : {};
  const declared = isObject(capabilities) ? capabilities : {};
  const supplied = Object.entries(offered).filter(
    ([name]) => declared[name] === true || (is("D-4a") && name in declared),
  );
  return {
    ...fields,
    ...(hwcUnknown !== undefined && !is("D-2b") && { hwcUnknown }),
    ...(is("D-3a") && { capabilities }),
    cniVersion: versionOf(list, context),
    ...(!(is("D-2a") && isLong(config.list)) && { name: text(list.name) }),
    ...((supplied.length > 0 || is("D-4b")) && { runtimeConfig: Object.fromEntries(supplied) }),
  };
}

/** The mutant sends only lists of two or more wrongly, so that no other requirement's probe notices it. */
function isLong(list: unknown): boolean {
  return isObject(list) && listOf(list.plugins).length > 1;
}

/** JavaScript loses digits of long numbers, so they are taken from the text. */
function printed(request: JsonDocument, { stdin, is }: ModelContext): string {
  let out = JSON.stringify(request);
  if (is("D-2c")) return out;
  for (const [digits] of stdin.matchAll(/\d{17,}/g))
    out = out.replaceAll(JSON.stringify(Number(digits)), digits);
  return out;
}

function each(
  context: ModelContext,
  list: JsonDocument,
  change: (request: JsonDocument, at: number) => JsonDocument,
  options: { readonly verb?: string; readonly reverse?: boolean; readonly goOn?: boolean } = {},
): JsonDocument | undefined {
  const { is } = context;
  const { verb = context.verb, reverse = false, goOn = false } = options;
  const plugins = listOf(list.plugins)
    .filter(isObject)
    .map((plugin, at) => ({ plugin, at }));
  const errors: PluginRefusal[] = [];
  let last: JsonDocument | undefined;
  for (const { plugin, at } of reverse ? plugins.toReversed() : plugins) {
    try {
      const request = change(requestOf(list, plugin, context), at);
      last =
        runDelegate(context, text(plugin.type), printed(request, context), environmentOf(context, verb)) ??
        last;
    } catch (error) {
      if (!(error instanceof PluginRefusal)) throw error;
      errors.push(error);
      if (!goOn) break;
    }
  }
  const [first, ...rest] = errors;
  const others = is("P-38a") ? [] : rest;
  if (first === undefined) return last;
  throw new PluginRefusal(
    first.code,
    first.message,
    [first.details, ...others.map(({ message }) => message)].join(" "),
  );
}

function environmentOf({ env, is }: ModelContext, verb: string): Readonly<Record<string, string>> {
  const { CNI_ARGS: _args, ...fewer } = env;
  if (is("D-6b") && verb === "CHECK") return fewer;
  const path = is("D-6a") && verb === "ADD" ? { CNI_PATH: `${env.CNI_PATH}:/more` } : {};
  return { ...env, CNI_COMMAND: verb, ...path };
}

function keptPath({ config, id, ifname }: ModelContext): string {
  return `${text(config.state)}/kept/${id}@${ifname}`;
}

function recall(context: ModelContext): Kept | undefined {
  const written = context.ground.read(keptPath(context));
  return written === undefined ? undefined : (JSON.parse(written) as Kept);
}

function add(context: ModelContext, list: JsonDocument): JsonDocument {
  const { ground, is } = context;
  let previous: JsonDocument | undefined = is("D-5a") ? { cniVersion: context.version, ips: [] } : undefined;
  const keep = (result: JsonDocument | undefined) =>
    ground.write(keptPath(context), printed({ list, result }, context), is("D-8b") ? 0o644 : 0o600);
  try {
    // One at a time, as each gets the result of the one before.
    for (const plugin of listOf(list.plugins).filter(isObject)) {
      const first = previous;
      const prevResult = first === undefined || (is("D-5b") && !is("D-5a")) ? {} : { prevResult: first };
      previous = each(context, { ...list, plugins: [plugin] }, (request) => ({ ...request, ...prevResult }));
    }
  } catch (error) {
    if (!(error instanceof PluginRefusal)) throw error;
    failed(context, list, error);
  }
  keep(previous);
  return { ...previous, cniVersion: context.version };
}

/** Undoes the ADDs that were done. Mutants leave it out, or go on with the list. */
function failed(context: ModelContext, list: JsonDocument, error: PluginRefusal): never {
  const { is } = context;
  if (is("D-7a"))
    tolerate(() => each(context, { ...list, plugins: listOf(list.plugins).slice(1) }, (request) => request));
  if (!is("D-12b"))
    tolerate(() => each(context, list, (request) => request, { verb: "DEL", reverse: true, goOn: true }));
  if (is("D-12b"))
    context.ground.write(keptPath(context), JSON.stringify({ list: { ...list, plugins: [] } }));
  throw error;
}

function tolerate(action: () => unknown): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof PluginRefusal)) throw error;
  }
}

/** The final result for every plugin, since 0.4.0. */
function previousOf(context: ModelContext, list: JsonDocument, kept: Kept | undefined): JsonDocument {
  const result = (context.is("D-8a") ? undefined : kept?.result) ?? context.config.prevResult;
  return result === undefined || !isSince(versionOf(list, context), "0.4.0") ? {} : { prevResult: result };
}

function del(context: ModelContext): void {
  const { is, ground } = context;
  const kept = recall(context);
  const list = kept === undefined || is("D-8c") ? listIn(context) : kept.list;
  const previous = previousOf(context, list, kept);
  const change = (request: JsonDocument, at: number) => ({
    ...request,
    ...(is("D-5d") && at === 0 && listOf(list.plugins).length > 1 ? {} : previous),
  });
  each(context, list, change, { reverse: !is("D-5e"), goOn: is("D-7b") });
  ground.remove(keptPath(context));
}

function check(context: ModelContext): void {
  const { is, config } = context;
  if (config.prevResult === undefined) throw new PluginRefusal(7, "no prevResult");
  const kept = recall(context);
  const list = kept?.list ?? listIn(context);
  if (list.disableCheck === true && !is("D-9a")) return;
  const change = (request: JsonDocument, at: number) =>
    is("D-5c") && at === 0 && listOf(list.plugins).length > 1
      ? request
      : { ...request, prevResult: config.prevResult };
  each(context, list, change, { goOn: is("D-7c") });
}

function collect(context: ModelContext, list: JsonDocument): void {
  const { is, config } = context;
  if (list.disableGC === true && !is("D-9b")) return;
  const key = "cni.dev/valid-attachments";
  const valid =
    config[key] === undefined || (is("D-11a") && listOf(list.plugins).length > 1)
      ? {}
      : { [key]: config[key] };
  each(context, list, (request) => ({ ...request, ...valid }), { goOn: !is("D-7d") });
}
