import { type CniError, failWith, within } from "../../../cni/errors.ts";
import { isObject, type JsonObject, parseJson } from "../../../cni/json.ts";
import type { Version } from "../../../cni/version.ts";
import { parseMetaConfig } from "../../../plugins/meta/config/parse.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import { registry } from "../../registry.ts";
import { callsType } from "../conf-folder.ts";
import { pluginsOf } from "../meta-plugins.ts";
import { compose, type PrimaryFile, readPrimary } from "./compose.ts";
import { kubeconfigPath } from "./credentials.ts";
import type { InstallOptions } from "./install-options.ts";
import type { ConfFile, InstallView } from "./install-view.ts";
import { type InstallManifest, manifestPath, printManifest } from "./manifest.ts";
import { notesOn } from "./notes.ts";
import { planLink } from "./path-link.ts";
import { occupied, type Rewritten, rewrite } from "./rewrite.ts";
import type { InstallStep } from "./step.ts";

export interface InstallPlan {
  /** The network's name. */
  readonly network: string;
  readonly manifest: InstallManifest;
  readonly steps: readonly InstallStep[];
  /** Notes for people. */
  readonly notes: readonly string[];
}

/** The executable's links: each plugin by its own name. The stand-ins' names belong to the reference plugins. */
export const links: readonly string[] = Object.keys(registry).filter((name) => name.startsWith("hawser-"));

/** Names that sort before nearly every other. `0-` sorts before `00-`. */
const ownFiles: readonly string[] = ["00-hawser.conflist", "0-hawser.conflist"];
const manifestMode = 0o600;

/**
 * Plans the steps of an installation. Their order keeps the node working if the installation stops anywhere: the
 * binary, what the binary needs, the manifest, and last the configuration that makes the runtime call hawser.
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
  const target = targetOf(options, view, found.value, primary.value, ownFile.value);
  if (!target.ok) return target;
  const config = await composeValid(options, view, primary.value, target.value);
  if (!config.ok) return config;
  const { network, definitionsDir, rewritten } = config.value;
  const { mode, binDir, confDir, api } = options;
  const { file, original } = target.value;
  const { text, ours, before, kept } = rewritten;
  const { link, steps, notes } = planLink(options, view);
  const manifest: InstallManifest = { mode, binDir, confDir, file, text: ours, original, api, before, link };
  return ok({
    network,
    manifest,
    steps: stepsOf(options, view, manifest, {
      definitionsDir,
      text,
      steps,
      conf: found.value,
      ...target.value,
    }),
    notes: [
      ...keptNotes(`${confDir}/${file}`, kept, primary.value),
      ...notes,
      ...notesOn(options, view, primary.value, file),
    ],
  });
}

function otherInstallation(
  { mode, binDir, confDir }: InstallOptions,
  manifest: InstallManifest | undefined,
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

/**
 * The name of hawser's own file in mode `owner`. It must sort first. In mode `chained` hawser has no file of its own.
 */
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

/**
 * Finds another file that hawser would take for the primary. Hawser takes the first file with the primary's name, which
 * may be Multus's.
 */
function shadowOf(
  { confs }: InstallView,
  primary: PrimaryFile,
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
  { file, name }: PrimaryFile,
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
  readonly rewritten: Rewritten;
}

/** Composes the configuration, merges it with the changes of others, and checks it as hawser will. */
async function composeValid(
  { mode, api, ownDir, confDir }: InstallOptions,
  { settings, manifest, confs }: InstallView,
  primary: PrimaryFile,
  { file, former, original }: Target,
): Promise<Outcome<Composed, CniError>> {
  if (api && settings.kubeconfig !== undefined) {
    const msg = "read the settings: kubeconfig is written by --api";
    return failWith("invalidConfig", "install.settings", msg, "Take one of the two out.");
  }
  // In mode `chained` the list is composed of the primary's original. The merge adds what others have changed since.
  const its =
    primary.hasHawser && original !== undefined ? readPrimary(original.file, original.text) : ok(primary);
  const ours = compose(mode, its.ok ? its.value : primary, {
    ...settings,
    ...(api && { kubeconfig: kubeconfigPath(ownDir) }),
    ...(confDir !== "/etc/cni/net.d" && { confDir }),
  });
  if (!ours.ok) return ours;
  const { name, cniVersion } = primary;
  const judged = await judge(ours.value, name, cniVersion);
  if (!judged.ok) return judged;
  const current = confs.find((conf) => conf.file === former);
  const rewritten = rewrite(`${confDir}/${file}`, current, manifest, ours.value);
  if (!rewritten.ok) return rewritten;
  const config = await judge(rewritten.value.document, name, cniVersion);
  if (!config.ok) return config;
  return ok({ network: name, definitionsDir: config.value, rewritten: rewritten.value });
}

/** Finds the folder of definitions. Fails if hawser would refuse its part of the list. */
async function judge(
  document: JsonObject,
  name: string,
  cniVersion: Version,
): Promise<Outcome<string, CniError>> {
  const own = pluginsOf(document).find(({ type }) => type === "hawser") ?? {};
  const raw = { ...own, name, cniVersion };
  const config = await parseMetaConfig({ cniVersion, name, type: "hawser", raw });
  return config.ok
    ? ok(config.value.definitionsDir)
    : fail(within("compose the configuration", config.error));
}

interface Target {
  /** The file in confDir that will have hawser in it. */
  readonly file: string;
  /** The file that holds hawser now. It is mostly the same as `file`. */
  readonly former: string;
  readonly original: InstallManifest["original"];
}

function targetOf(
  { mode }: InstallOptions,
  { confs, manifest }: InstallView,
  conf: ConfFile,
  primary: PrimaryFile,
  ownFile: string | undefined,
): Outcome<Target, CniError> {
  if (mode === "owner" && ownFile !== undefined) {
    if (primary.hasHawser) return notOurs(conf.file);
    const isThere = confs.some(({ file }) => file === ownFile);
    const former = isThere ? ownFile : (manifest?.file ?? ownFile);
    return ok({ file: ownFile, former, original: undefined });
  }
  // Only a .conflist file may hold a list.
  const file = `${conf.file.slice(0, conf.file.lastIndexOf("."))}.conflist`;
  if (!primary.hasHawser) {
    const inTheWay = file !== conf.file && file !== manifest?.file && confs.some((it) => it.file === file);
    if (inTheWay) return occupied(conf.file, file);
    const original = { file: conf.file, text: conf.text, mode: conf.mode };
    return ok({ file, former: file, original });
  }
  if (manifest?.file !== file) return notOurs(conf.file);
  return ok({ file, former: file, original: manifest.original });
}

function keptNotes(path: string, kept: readonly string[], primary: PrimaryFile): string[] {
  const twice = kept.filter((type) => primary.plugins.some((plugin) => plugin.type === type));
  return [
    ...(kept.length === 0 ? [] : [`${kept.join(", ")} in ${path} is another installer's, and stays there.`]),
    ...twice.map(
      (type) => `${type} would run twice for each pod: take it out of ${primary.file}, which hawser calls.`,
    ),
  ];
}

function notOurs(file: string): Outcome<never, CniError> {
  return failWith(
    "invalidConfig",
    "install.primary",
    `install hawser over ${file}: hawser is in its list already, and not by hawser install`,
    "Take it out of the list first, or go on by hand.",
  );
}

interface Written {
  readonly definitionsDir: string;
  readonly text: string;
  /** The steps for the link on root's PATH. */
  readonly steps: readonly InstallStep[];
  /** The primary's file. */
  readonly conf: ConfFile;
}

function stepsOf(
  { binDir, confDir, ownDir }: InstallOptions,
  { credentials, executable, confs }: InstallView,
  manifest: InstallManifest,
  { definitionsDir, text, steps, conf, former }: Target & Written,
): InstallStep[] {
  const replaced = [
    ...(manifest.original !== undefined && manifest.file !== conf.file ? [conf.file] : []),
    ...(former !== manifest.file && confs.some(({ file }) => file === former) ? [former] : []),
  ];
  return [
    ...[binDir, ownDir, definitionsDir].map((path): InstallStep => ({ kind: "folder", path })),
    { kind: "binary", path: `${binDir}/hawser`, from: executable },
    ...links.map((name): InstallStep => ({ kind: "link", path: `${binDir}/${name}`, target: "hawser" })),
    ...credentials,
    { kind: "file", path: manifestPath(ownDir), text: printManifest(manifest), mode: manifestMode },
    ...steps,
    { kind: "file", path: `${confDir}/${manifest.file}`, text, mode: conf.mode },
    ...replaced.map((file): InstallStep => ({ kind: "remove", path: `${confDir}/${file}` })),
  ];
}
