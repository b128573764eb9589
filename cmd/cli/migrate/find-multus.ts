import { type CniError, failWith } from "../../../cni/errors.ts";
import { isObject, type JsonObject } from "../../../cni/json.ts";
import { withoutTrailingSlashes } from "../../../cni/slashes.ts";
import { respell } from "../../../plugins/meta/config/multus-fields.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { readJsonFile } from "../configuration.ts";

/** Multus as this node has it. */
export interface FoundMultus {
  readonly path: string;
  /** In a thick Multus the runtime calls a shim, and a daemon does the work. */
  readonly kind: "thin" | "thick";
  /** The file's content. */
  readonly document: JsonObject;
  /**
   * The fields that Multus uses. The daemon's configuration overrides Multus's part of the file. Paths of the daemon's
   * container are replaced by the node's.
   */
  readonly plugin: JsonObject;
  /** Paths that were replaced, as the daemon's container has them and as the node has them. */
  readonly moved: readonly { readonly field: string; readonly from: string; readonly to: string }[];
}

const types: readonly string[] = ["multus", "multus-shim"];

/** Where to look for Multus. */
export interface MultusPlaces {
  /** Multus's configuration; undefined: the first of `confDir` that has it. */
  readonly config: string | undefined;
  readonly confDir: string;
  /** The daemon's own configuration, of a thick Multus. */
  readonly daemonConfig: string | undefined;
}

/** Finds the node's Multus. Errors: `cli.file`, `cli.json`, `cli.no-multus`. */
export function findMultus(sys: Sys, options: MultusPlaces): Outcome<FoundMultus, CniError> {
  const path = options.config ?? firstOf(sys, options.confDir);
  if (path === undefined) return noMultus(`look for Multus in ${options.confDir}`);
  const document = readJsonFile(sys, path);
  if (!document.ok) return document;
  const plugin = pluginIn(document.value);
  if (plugin === undefined) return noMultus(`look for Multus in ${path}`);
  const daemon = options.daemonConfig === undefined ? ok({}) : readJsonFile(sys, options.daemonConfig);
  if (!daemon.ok) return daemon;
  const kind = plugin.type === "multus" ? "thin" : "thick";
  const { name, cniVersion } = document.value;
  const whole = respell({ name: name ?? "", cniVersion: cniVersion ?? "", ...plugin, ...daemon.value });
  const { raw, moved } = kind === "thin" ? { raw: whole, moved: [] } : onTheNode(sys, whole);
  return ok({ path, kind, document: document.value, plugin: { ...raw, type: "multus" }, moved });
}

function firstOf(sys: Sys, confDir: string): string | undefined {
  const names = sys.files.list(confDir);
  const paths = (names.ok ? names.value : [])
    .filter((name) => /\.(conf|conflist|json)$/.test(name))
    .map((name) => `${confDir}/${name}`);
  return paths.find((path) => {
    const document = readJsonFile(sys, path);
    return document.ok && pluginIn(document.value) !== undefined;
  });
}

function pluginIn(document: JsonObject): JsonObject | undefined {
  const plugins = Array.isArray(document.plugins) ? document.plugins : [document];
  return plugins.filter(isObject).find(({ type }) => typeof type === "string" && types.includes(type));
}

const pathFields = ["clusterNetwork", "confDir", "cniDir", "binDir", "readinessindicatorfile", "kubeconfig"];

/**
 * Replaces paths of the daemon's container by the node's. The container has the node's folders under `/host` by its
 * manifest, or under `chrootDir` by its configuration.
 */
function onTheNode(sys: Sys, raw: JsonObject): { raw: JsonObject; moved: FoundMultus["moved"] } {
  const chroot = typeof raw.chrootDir === "string" ? [withoutTrailingSlashes(raw.chrootDir)] : [];
  const roots = ["/host", ...chroot].filter((root) => root !== "");
  const moved = pathFields.flatMap((field) => {
    const from = raw[field];
    const root = typeof from === "string" ? roots.find((each) => from.startsWith(`${each}/`)) : undefined;
    if (typeof from !== "string" || root === undefined || sys.files.stat(from).ok) return [];
    return [{ field, from, to: from.slice(root.length) }];
  });
  return { raw: { ...raw, ...Object.fromEntries(moved.map(({ field, to }) => [field, to])) }, moved };
}

function noMultus(doing: string): Outcome<never, CniError> {
  return failWith(
    "invalidConfig",
    "cli.no-multus",
    `${doing}: no configuration has a plugin of type "multus" or "multus-shim"`,
    "Name the file by --config, or the runtime's folder by --conf-dir.",
  );
}
