import { type CniError, failWith, within } from "../../../cni/errors.ts";
import { isObject, type JsonObject, parseJson } from "../../../cni/json.ts";
import { parseMetaConfig } from "../../../plugins/meta/config/config.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import { callsType } from "../conf-folder.ts";
import { compose, type Primary, readPrimary } from "./compose.ts";
import { kubeconfigPath } from "./credentials.ts";
import { type Manifest, manifestPath, printManifest } from "./manifest.ts";
import type { ConfFile, InstallView } from "./node.ts";
import { notesOn } from "./notes.ts";
import type { InstallOptions } from "./options.ts";
import type { Step } from "./step.ts";

export interface InstallPlan {
  /** The network's name. */
  readonly network: string;
  readonly manifest: Manifest;
  readonly steps: readonly Step[];
  /** For people. */
  readonly notes: readonly string[];
}

export const links: readonly string[] = ["hawser-static", "hawser-host-local", "hawser-flat"];

/** Each sorts before nearly everything: `0-` also before `00-`. */
const ownFiles: readonly string[] = ["00-hawser.conflist", "0-hawser.conflist"];
const manifestMode = 0o600;

/**
 * What is to be done, in the order that keeps the node working when it is stopped anywhere: the binary, what it needs,
 * the note for uninstall, and last the configuration that makes the runtime call it.
 */
export async function planInstall(
  options: InstallOptions,
  view: InstallView,
): Promise<Outcome<InstallPlan, CniError>> {
  const other = otherInstallation(options, view.manifest);
  if (other !== undefined) return other;
  const ownFile = ownFileOf(options, view);
  if (!ownFile.ok) return ownFile;
  const found = findPrimary(options, view, ownFile.value);
  if (!found.ok) return found;
  const primary = readPrimary(found.value.file, found.value.text);
  if (!primary.ok) return primary;
  const shadow = options.mode === "owner" ? shadowOf(view, primary.value, ownFile.value) : undefined;
  if (shadow !== undefined) return shadowed(options, primary.value, shadow);
  const config = await composeValid(options, view, primary.value);
  if (!config.ok) return config;
  const { network, definitionsDir, document } = config.value;
  const manifest = manifestOf(options, view, found.value, primary.value, ownFile.value, document);
  if (!manifest.ok) return manifest;
  return ok({
    network,
    manifest: manifest.value,
    steps: stepsOf(options, view, manifest.value, definitionsDir, found.value),
    notes: notesOn(options, view, primary.value, manifest.value.file),
  });
}

function otherInstallation(
  { mode, binDir, confDir }: InstallOptions,
  manifest: Manifest | undefined,
): Outcome<never, CniError> | undefined {
  if (manifest === undefined) return undefined;
  const asked = `${mode}, ${binDir}, ${confDir}`;
  const there = `${manifest.mode}, ${manifest.binDir}, ${manifest.confDir}`;
  if (asked === there) return undefined;
  return failWith(
    "invalidConfig",
    "install.other",
    `install hawser (${asked}): it is installed otherwise (${there})`,
    "Run hawser uninstall first, or install with the same options.",
  );
}

/** As the owner, the name of hawser's own file; it must sort first. Chained there is none. */
function ownFileOf(
  { mode, confDir }: InstallOptions,
  { confs, manifest }: InstallView,
): Outcome<string | undefined, CniError> {
  if (mode === "chained") return ok(undefined);
  const others = confs.filter(({ file }) => file !== manifest?.file).map(({ file }) => file);
  const file = ownFiles.find((name) => others.every((other) => name < other));
  if (file !== undefined) return ok(file);
  return failWith(
    "invalidConfig",
    "install.order",
    `install hawser before ${others[0]} in ${confDir}: no name of ours sorts before it`,
    "Runtimes use the first file by name. Rename the other, or install with --mode chained.",
  );
}

function findPrimary(
  { primary, confDir }: InstallOptions,
  { confs }: InstallView,
  ownFile: string | undefined,
): Outcome<ConfFile, CniError> {
  const others = confs.filter(({ file }) => file !== ownFile);
  const found = primary === undefined ? others[0] : others.find(({ file }) => file === primary);
  if (found !== undefined) return ok(found);
  const names = others.map(({ file }) => file).join(", ");
  return failWith(
    "tryAgainLater",
    "install.no-primary",
    `find the primary network in ${confDir}: there is no ${primary ?? "configuration"}${names === "" ? "" : ` (there are ${names})`}`,
    "Install the cluster's network first; with --stay hawser waits for it.",
  );
}

/** Hawser finds the primary by its name, in the first file that bears it: that may be another's, such as Multus's. */
function shadowOf(
  { confs }: InstallView,
  primary: Primary,
  ownFile: string | undefined,
): ConfFile | undefined {
  const found = confs.find(({ file, text }) => {
    const json = parseJson(text);
    if (file === ownFile || !json.ok || !isObject(json.value)) return false;
    return json.value.name === primary.name && !callsType(json.value, "hawser");
  });
  return found?.file === primary.file ? undefined : found;
}

function shadowed(
  { confDir }: InstallOptions,
  { file, name }: Primary,
  shadow: ConfFile,
): Outcome<never, CniError> {
  return failWith(
    "invalidConfig",
    "install.primary",
    `install hawser before ${confDir}/${file}: ${confDir}/${shadow.file} bears the same network's name, ${JSON.stringify(name)}, and is found first`,
    "hawser looks for its primary network by name. Remove the other file, or give one of them another name.",
  );
}

interface Composed {
  readonly network: string;
  readonly definitionsDir: string;
  readonly document: JsonObject;
}

/** Composed, and judged as hawser itself will judge it. */
async function composeValid(
  { mode, api, ownDir, confDir }: InstallOptions,
  { settings }: InstallView,
  primary: Primary,
): Promise<Outcome<Composed, CniError>> {
  if (api && settings.kubeconfig !== undefined) {
    const msg = "read the settings: kubeconfig is written by --api";
    return failWith("invalidConfig", "install.settings", msg, "Take one of the two out.");
  }
  const document = compose(mode, primary, {
    ...settings,
    ...(api && { kubeconfig: kubeconfigPath(ownDir) }),
    ...(confDir !== "/etc/cni/net.d" && { confDir }),
  });
  if (!document.ok) return document;
  const { name, cniVersion } = primary;
  const plugins = Array.isArray(document.value.plugins) ? document.value.plugins : [];
  const own = plugins.filter(isObject).at(-1) ?? {};
  const raw = { ...own, name, cniVersion };
  const config = await parseMetaConfig({ cniVersion, name, type: "hawser", raw });
  if (!config.ok) return fail(within("compose the configuration", config.error));
  return ok({ network: name, definitionsDir: config.value.definitionsDir, document: document.value });
}

function manifestOf(
  { mode, binDir, confDir, api }: InstallOptions,
  { confs, manifest }: InstallView,
  conf: ConfFile,
  primary: Primary,
  ownFile: string | undefined,
  document: JsonObject,
): Outcome<Manifest, CniError> {
  const text = `${JSON.stringify(document, null, 2)}\n`;
  const about = { mode, binDir, confDir, text, api };
  if (ownFile !== undefined) {
    if (primary.hasHawser) return notOurs(conf.file);
    return ok({ ...about, file: ownFile, original: undefined });
  }
  // Only a .conflist may hold a list.
  const file = `${conf.file.slice(0, conf.file.lastIndexOf("."))}.conflist`;
  if (!primary.hasHawser) {
    const inTheWay = file !== conf.file && file !== manifest?.file && confs.some((it) => it.file === file);
    if (inTheWay) return occupied(conf.file, file);
    return ok({ ...about, file, original: { file: conf.file, text: conf.text, mode: conf.mode } });
  }
  return manifest?.file === file ? ok({ ...about, file, original: manifest.original }) : notOurs(conf.file);
}

function notOurs(file: string): Outcome<never, CniError> {
  return failWith(
    "invalidConfig",
    "install.primary",
    `install hawser over ${file}: hawser is in its list already, and not by hawser install`,
    "Take it out of the list first, or go on by hand.",
  );
}

function occupied(from: string, file: string): Outcome<never, CniError> {
  return failWith(
    "invalidConfig",
    "install.primary",
    `make a list of ${from}: there is a ${file} already`,
    "Remove one of the two.",
  );
}

function stepsOf(
  { binDir, confDir, ownDir }: InstallOptions,
  { credentials, executable }: InstallView,
  manifest: Manifest,
  definitionsDir: string,
  conf: ConfFile,
): Step[] {
  const replaced = manifest.original !== undefined && manifest.file !== conf.file ? [conf.file] : [];
  return [
    ...[binDir, ownDir, definitionsDir].map((path): Step => ({ kind: "folder", path })),
    { kind: "binary", path: `${binDir}/hawser`, from: executable },
    ...links.map((name): Step => ({ kind: "link", path: `${binDir}/${name}`, target: "hawser" })),
    ...credentials,
    { kind: "file", path: manifestPath(ownDir), text: printManifest(manifest), mode: manifestMode },
    { kind: "file", path: `${confDir}/${manifest.file}`, text: manifest.text, mode: conf.mode },
    ...replaced.map((file): Step => ({ kind: "remove", path: `${confDir}/${file}` })),
  ];
}
