import { type CniError, failWith } from "../../../cni/errors.ts";
import { isConfiguration } from "../../../kube/definition-files.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { renamedFiles } from "../conf-folder.ts";
import { readJsonFile } from "../configuration.ts";
import { whyUnread } from "../failure.ts";
import { type ApiServer, credentialSteps } from "./credentials.ts";
import type { InstallOptions, PlaceOptions } from "./install-options.ts";
import type { ConfFile, InstallView, NodeView } from "./install-view.ts";
import { readManifest } from "./manifest.ts";
import { linkPathOf, lookAtLink } from "./path-link.ts";

/** What the process knows about itself. */
export interface Self {
  readonly executable: string;
  readonly server: ApiServer | undefined;
}

/**
 * Reads what an installation depends on. `confDir` is the folder for a new installation; an existing one keeps its own.
 * Errors: `install.conf-dir`, `install.manifest`.
 */
export function viewNode(
  sys: Sys,
  { root, ownDir }: Pick<PlaceOptions, "root" | "ownDir">,
  confDir: string | undefined,
): Outcome<NodeView, CniError> {
  const manifest = readManifest(sys, root, ownDir);
  if (!manifest.ok) return manifest;
  const folder = manifest.value?.confDir ?? confDir;
  const found = folder === undefined ? ok({ confs: [], renamed: [] }) : readConfs(sys, root, folder);
  if (!found.ok) return found;
  const { link, binDir = "" } = manifest.value ?? {};
  const madeLink = link === undefined ? undefined : lookAtLink(sys, root, link, binDir);
  return ok({ ...found.value, manifest: manifest.value, madeLink });
}

/**
 * Reads the same for an installation, with its settings and credentials. Errors: those of `viewNode`, `cli.file`,
 * `cli.json`, `install.service-account`.
 */
export function viewInstall(
  sys: Sys,
  options: InstallOptions,
  { executable, server }: Self,
): Outcome<InstallView, CniError> {
  const node = viewNode(sys, options, options.confDir);
  if (!node.ok) return node;
  const settings = options.settings === undefined ? ok({}) : readJsonFile(sys, options.settings);
  if (!settings.ok) return settings;
  const credentials = options.api ? credentialSteps(sys, options.ownDir, server) : ok([]);
  if (!credentials.ok) return credentials;
  const path = linkPathOf(options);
  const link = path === "" ? undefined : lookAtLink(sys, options.root, path, options.binDir);
  return ok({ ...node.value, settings: settings.value, credentials: credentials.value, executable, link });
}

function readConfs(
  sys: Sys,
  root: string,
  confDir: string,
): Outcome<Pick<NodeView, "confs" | "renamed">, CniError> {
  const { files } = sys;
  const folder = root + confDir;
  const bad = (what: string, why: string): Outcome<never, CniError> =>
    failWith(
      "ioFailure",
      "install.conf-dir",
      `read ${what}: ${why}`,
      "Name the runtime's folder by --conf-dir. A node that has none has no network yet: install the cluster's first.",
    );
  const names = files.list(folder);
  if (!names.ok) return bad(confDir, whyUnread(names.error, "folder"));
  const found: ConfFile[] = [];
  for (const file of names.value.filter(isConfiguration)) {
    const text = files.read(`${folder}/${file}`);
    const stat = files.stat(`${folder}/${file}`);
    if (!text.ok) return bad(`${confDir}/${file}`, whyUnread(text.error, "file"));
    found.push({ file, text: text.value, mode: stat.ok ? stat.value.mode : 0o644 });
  }
  return ok({ confs: found, renamed: renamedFiles(sys, folder, names.value) });
}
