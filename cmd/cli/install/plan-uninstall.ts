import { type CniError, failWith } from "../../../cni/errors.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import { readPrimary, withoutHawser } from "./compose.ts";
import { credentialRemovals } from "./credentials.ts";
import { type Manifest, manifestPath } from "./manifest.ts";
import type { ConfFile, NodeView } from "./node.ts";
import type { UninstallOptions } from "./options.ts";
import { links } from "./plan-install.ts";
import type { Step } from "./step.ts";

/**
 * What takes hawser off the node: first the runtime's configuration, so that it never calls what is not there and is
 * never without a network; the binary last.
 */
export function planUninstall(
  { ownDir }: UninstallOptions,
  { confs, manifest }: NodeView,
): Outcome<Step[], CniError> {
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
  const { binDir, api } = manifest;
  return ok([
    ...restored.value,
    ...(api ? credentialRemovals(ownDir) : []),
    ...links.map((name): Step => ({ kind: "remove", path: `${binDir}/${name}` })),
    { kind: "remove", path: `${binDir}/hawser` },
    { kind: "remove", path: manifestPath(ownDir) },
  ]);
}

function restore(confs: readonly ConfFile[], manifest: Manifest): Outcome<Step[], CniError> {
  const { mode, confDir, file } = manifest;
  const current = confs.find((conf) => conf.file === file);
  if (mode === "chained") return restoreList(manifest, current);
  if (current === undefined) return ok([]);
  if (confs.length > 1) return ok([{ kind: "remove", path: `${confDir}/${file}` }]);
  return failWith(
    "invalidConfig",
    "install.last",
    `remove ${confDir}/${file}: it is the only configuration there, and without one no pod starts`,
    "Put the primary network's own configuration back first.",
  );
}

/** As it was, unless somebody has changed it since: then all but hawser stays as they made it. */
function restoreList(
  { confDir, file, text, original }: Manifest,
  current: ConfFile | undefined,
): Outcome<Step[], CniError> {
  if (original === undefined) return ok([]);
  const path = `${confDir}/${original.file}`;
  const asItWas: Step = { kind: "file", path, text: original.text, mode: original.mode };
  const replaced: Step[] = original.file === file ? [] : [{ kind: "remove", path: `${confDir}/${file}` }];
  if (current === undefined || current.text === text) return ok([asItWas, ...replaced]);
  const edited = readPrimary(file, current.text);
  if (!edited.ok) return edited;
  if (!edited.value.hasHawser) return ok([]);
  const list = `${JSON.stringify(withoutHawser(edited.value), null, 2)}\n`;
  return ok([{ kind: "file", path: `${confDir}/${file}`, text: list, mode: current.mode }]);
}
