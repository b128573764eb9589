import { defaultConfDir, json } from "../common-options.ts";
import { choice, flag, folder, mapped, text, type ValuesOf } from "../option.ts";
import { modes } from "./manifest.ts";

/** Options of install and uninstall. Paths are the node's, as a runtime on it sees them. */
export const placeOptions = {
  /** The path of the node's root for this process: empty on the node itself, a mount in a pod. */
  root: folder("where the node's root is mounted, if not at /"),
  ownDir: folder("for definitions, credentials and a note", { default: "/etc/cni/hawser" }),
  dryRun: flag("say what would be done, and do nothing"),
  json,
};
export type PlaceOptions = ValuesOf<typeof placeOptions>;

/** What a person, or the DaemonSet's pod, wants to be installed. */
export const installOptions = {
  binDir: folder("the runtime's folder of plugins", { default: "/opt/cni/bin" }),
  confDir: folder("the runtime's folder of configurations", { default: defaultConfDir }),
  mode: choice(modes, "before the primary network, or behind it", { default: "owner" }),
  /** The primary's file in confDir; undefined: the first by name. */
  primary: text("the primary network's file in conf-dir (default: the first)"),
  /** A file with fields for hawser's part of the configuration, as a JSON object. */
  settings: text("file with more fields of hawser's, a JSON object"),
  /**
   * The link by which people find hawser. Empty: no link. Undefined: a link at the usual place, if its folder exists.
   */
  link: mapped(text("a link to hawser on root's PATH, or none (default: /usr/local/bin/hawser)"), (link) =>
    link === "none" ? "" : link,
  ),
  /** Whether to write a kubeconfig of this pod's service account. */
  api: flag("write a kubeconfig of this pod's service account"),
  /** Whether to keep running, and to keep credentials and configuration up to date. */
  stay: flag("keep token and configuration up to date until asked to stop"),
  ...placeOptions,
};
export type InstallOptions = ValuesOf<typeof installOptions>;
