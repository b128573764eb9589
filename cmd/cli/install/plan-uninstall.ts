import { type CniError, failWith } from "../../../cni/errors.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import { readPrimary, withoutHawser } from "./compose.ts";
import { credentialRemovals } from "./credentials.ts";
import type { ConfFile, NodeView } from "./install-view.ts";
import { type InstallManifest, manifestPath } from "./manifest.ts";
import { isSame, othersIn, withPlugins } from "./merge-lists.ts";
import { links } from "./plan-install.ts";
import { conflict, occupied, printList, readList, unreadable } from "./rewrite.ts";
import type { InstallStep } from "./step.ts";

/**
 * Plans the steps that remove hawser from the node. The runtime's configuration comes first, so that the runtime always
 * has a network and never calls a missing program. The binary comes last.
 */
export function planUninstall(
  { ownDir }: { readonly ownDir: string },
  { confs, renamed, manifest, madeLink }: NodeView,
): Outcome<InstallStep[], CniError> {
  if (manifest === undefined) {
    return failWith(
      "unknownContainer",
      "install.none",
      `uninstall hawser: there is no ${manifestPath(ownDir)}`,
      "hawser install did not install it here. What was installed by hand is removed by hand.",
    );
  }
  const restored = restore(confs, manifest);
  if (!restored.ok) return restored;
  const { binDir, confDir, api, link, file } = manifest;
  // Whoever renamed our file does not want it back, so it is removed.
  const away = renamed.filter(({ former, hasHawser }) => former === file && hasHawser);
  return ok([
    ...restored.value,
    ...(manifest.mode === "owner" ? away : []).map(
      ({ name }): InstallStep => ({ kind: "remove", path: `${confDir}/${name}` }),
    ),
    ...(api ? credentialRemovals(ownDir) : []),
    // What somebody else has put at the link's place stays.
    ...(link !== undefined && madeLink === "ours" ? [{ kind: "remove", path: link } as const] : []),
    ...links.map((name): InstallStep => ({ kind: "remove", path: `${binDir}/${name}` })),
    { kind: "remove", path: `${binDir}/hawser` },
    { kind: "remove", path: manifestPath(ownDir) },
  ]);
}

function restore(confs: readonly ConfFile[], manifest: InstallManifest): Outcome<InstallStep[], CniError> {
  const { mode, confDir, file } = manifest;
  const current = confs.find((conf) => conf.file === file);
  if (mode === "chained") return restoreList(manifest, current);
  if (current === undefined) return ok([]);
  const removal: InstallStep = { kind: "remove", path: `${confDir}/${file}` };
  const next = confs.find((conf) => conf.file !== file);
  if (next !== undefined) return handOver(confs, manifest, current, next, removal);
  return failWith(
    "invalidConfig",
    "install.last",
    `remove ${confDir}/${file}: it is the only configuration there, and without one no pod starts`,
    "Put the primary network's own configuration back first.",
  );
}

/**
 * Moves plugins that others put into our list to the list that the runtime reads next. Pods must not start without
 * them.
 */
function handOver(
  confs: readonly ConfFile[],
  { confDir, file }: InstallManifest,
  current: ConfFile,
  next: ConfFile,
  removal: InstallStep,
): Outcome<InstallStep[], CniError> {
  const path = `${confDir}/${file}`;
  const list = readList(current.text);
  if (list === undefined) return unreadable(path);
  const others = othersIn(list);
  if (others.length === 0) return ok([removal]);
  const primary = readPrimary(next.file, next.text);
  if (!primary.ok) return primary;
  const whole = withPlugins(withoutHawser(primary.value), others);
  if (!whole.ok) return conflict(`${confDir}/${next.file} and ${path}`, whole.error, true);
  if (isSame(whole.value, withoutHawser(primary.value))) return ok([removal]);
  const target = `${next.file.slice(0, next.file.lastIndexOf("."))}.conflist`;
  const isSingle = target !== next.file;
  const there = isSingle ? confs.find((conf) => conf.file === target) : undefined;
  // An uninstallation that was stopped has written this file already.
  const isOurs = there !== undefined && isSame(readList(there.text), whole.value);
  if (there !== undefined && !isOurs) return occupied(next.file, target);
  return ok([
    { kind: "file", path: `${confDir}/${target}`, text: printList(whole.value), mode: next.mode },
    ...(isSingle ? [{ kind: "remove", path: `${confDir}/${next.file}` } as const] : []),
    // Our list is removed last: the runtime reads it until the next list is complete.
    removal,
  ]);
}

/** Restores the primary's list, byte for byte. If others have changed the list, only hawser is taken out. */
function restoreList(
  { confDir, file, original }: InstallManifest,
  current: ConfFile | undefined,
): Outcome<InstallStep[], CniError> {
  if (original === undefined) return ok([]);
  const path = `${confDir}/${original.file}`;
  const asItWas: InstallStep = { kind: "file", path, text: original.text, mode: original.mode };
  const replaced: InstallStep[] =
    original.file === file ? [] : [{ kind: "remove", path: `${confDir}/${file}` }];
  if (current === undefined) return ok([asItWas, ...replaced]);
  const now = readPrimary(file, current.text);
  if (!now.ok) return now;
  if (!now.value.hasHawser) return ok([]);
  const rest = withoutHawser(now.value);
  const before = readPrimary(original.file, original.text);
  if (before.ok && isSame(rest, withoutHawser(before.value))) return ok([asItWas, ...replaced]);
  return ok([{ kind: "file", path: `${confDir}/${file}`, text: printList(rest), mode: current.mode }]);
}
