import { type CniError, failWith } from "../../../cni/errors.ts";
import { isObject, type JsonObject, parseJson } from "../../../cni/json.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import { pluginsOf } from "../meta-plugins.ts";
import { readPrimary } from "./compose.ts";
import type { ConfFile } from "./install-view.ts";
import type { InstallManifest } from "./manifest.ts";
import { isSame, mergeLists, othersIn } from "./merge-lists.ts";

/** The new content of a list that others may have changed since we wrote it. */
export interface Rewritten {
  readonly document: JsonObject;
  readonly text: string;
  /** The list that hawser alone would write. It goes into the manifest. */
  readonly ours: string;
  /** Where an installation that was stopped begins again. It goes into the manifest. */
  readonly before: InstallManifest["before"];
  /** Types of the plugins that others have added. */
  readonly kept: readonly string[];
}

export function printList(document: JsonObject): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** Errors: `install.conflict`. */
export function rewrite(
  path: string,
  current: ConfFile | undefined,
  manifest: InstallManifest | undefined,
  ours: JsonObject,
): Outcome<Rewritten, CniError> {
  const own = printList(ours);
  if (current === undefined) return ok({ document: ours, text: own, ours: own, before: undefined, kept: [] });
  const theirs = readList(current.text);
  if (theirs === undefined) return unreadable(path);
  const before = manifest?.before;
  // The manifest announced a write that has not happened.
  const isPending = before !== undefined && before.seen === current.text;
  const base = isPending ? before.base : manifest?.text;
  const merged = mergeLists({ base: written(base, manifest), theirs, ours });
  if (!merged.ok) return conflict(path, merged.error, manifest !== undefined);
  const document = merged.value;
  const kept = othersIn(document)
    .filter((plugin) => !othersIn(ours).some(({ type }) => type === plugin.type))
    .map(({ type }) => String(type));
  if (isSame(document, theirs)) {
    // The list says the same already. It keeps the text that others have printed.
    const same = manifest?.text === own && !isPending ? before : undefined;
    return ok({ document, text: current.text, ours: own, before: same, kept });
  }
  const seen = { seen: current.text, ...(base !== undefined && { base }) };
  return ok({ document, text: printList(document), ours: own, before: seen, kept });
}

/**
 * The list that we wrote. The manifest of version 0.1.0 also holds what others had put into the primary's list, which
 * we never wrote.
 */
function written(text: string | undefined, manifest: InstallManifest | undefined): JsonObject | undefined {
  const list = text === undefined ? undefined : readList(text);
  const original = manifest?.original;
  const primary = original === undefined ? undefined : readPrimary(original.file, original.text);
  if (list === undefined || primary === undefined || !primary.ok) return list;
  const types = ["hawser", ...primary.value.plugins.map(({ type }) => type)];
  return { ...list, plugins: pluginsOf(list).filter(({ type }) => types.includes(type ?? null)) };
}

/** Reads a list. Answers undefined when the text is no list of plugins. */
export function readList(text: string): JsonObject | undefined {
  const json = parseJson(text);
  if (!json.ok || !isObject(json.value)) return undefined;
  const { plugins } = json.value;
  return Array.isArray(plugins) && plugins.every(isObject) ? json.value : undefined;
}

export function unreadable(path: string): Outcome<never, CniError> {
  return failWith(
    "invalidConfig",
    "install.conflict",
    `put together ${path}: somebody has changed it since hawser wrote it, and it is no list of plugins any more`,
    "Others may have put plugins into it, which must not be lost. Repair it, or remove it, and run the command again.",
  );
}

export function conflict(path: string, what: readonly string[], isOurs: boolean): Outcome<never, CniError> {
  const who = isOurs
    ? "somebody has changed it since hawser wrote it"
    : "it is there, and not by hawser install";
  return failWith(
    "invalidConfig",
    "install.conflict",
    `put together ${path}: ${who}, and ${what.join(" and ")} would be changed by hawser, too`,
    "Take their change out of the file, or bring the settings to say the same, and run the command again. Nothing was written.",
  );
}

/** Only a .conflist file may hold a list, and there is one already. */
export function occupied(from: string, file: string): Outcome<never, CniError> {
  return failWith(
    "invalidConfig",
    "install.primary",
    `make a list of ${from}: there is a ${file} already`,
    "Remove one of the two.",
  );
}
