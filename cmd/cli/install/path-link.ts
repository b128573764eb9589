import type { Sys } from "../../../sys/sys.ts";
import type { InstallOptions } from "./install-options.ts";
import type { InstallView, LinkState } from "./install-view.ts";
import type { InstallManifest } from "./manifest.ts";
import type { InstallStep } from "./step.ts";

/** `hawser` on root's PATH is a link to the program in the folder of plugins. That folder is on nobody's PATH. */

const usualPath = "/usr/local/bin/hawser";

export function linkPathOf({ link }: InstallOptions): string {
  return link ?? usualPath;
}

/** Looks at what is at a link's place. Changes nothing. */
export function lookAtLink({ files }: Sys, root: string, path: string, binDir: string): LinkState {
  const folder = files.stat(root + (path.slice(0, path.lastIndexOf("/")) || "/"));
  if (!folder.ok || folder.value.kind !== "folder") return "no folder";
  const target = files.readLink(root + path);
  if (target.ok) return target.value === programIn(binDir) ? "ours" : "others";
  return target.error.code === "ENOENT" ? "absent" : "others";
}

export interface PlannedLink {
  /** The link that uninstall will remove. It goes into the manifest. */
  readonly link: string | undefined;
  readonly steps: readonly InstallStep[];
  readonly notes: readonly string[];
}

/** Plans the link. An existing link stays, whoever made it. Hawser works without a link, too. */
export function planLink(
  options: InstallOptions,
  { link: state, manifest, madeLink }: Pick<InstallView, "link" | "manifest" | "madeLink">,
): PlannedLink {
  const path = linkPathOf(options);
  const planned = planNew(options, path, state, manifest);
  const former = manifest?.link;
  if (former === undefined || former === path || madeLink !== "ours") return planned;
  return { ...planned, steps: [...planned.steps, { kind: "remove", path: former }] };
}

function planNew(
  options: InstallOptions,
  path: string,
  state: LinkState | undefined,
  manifest: InstallManifest | undefined,
): PlannedLink {
  const none: PlannedLink = { link: undefined, steps: [], notes: [] };
  switch (path === "" ? undefined : state) {
    case "absent": {
      const step: InstallStep = { kind: "link", path, target: programIn(options.binDir), mayFail: true };
      return { link: path, steps: [step], notes: [] };
    }
    case "ours":
      return { ...none, link: manifest?.link === path ? path : undefined };
    case "others":
      return {
        ...none,
        notes: [`${path} is not hawser install's, and stays: --link names another place, or none.`],
      };
    case "no folder":
      if (options.link === undefined) return none;
      return { ...none, notes: [`${path} is not made: its folder is not there.`] };
    case undefined:
      return none;
  }
}

function programIn(binDir: string): string {
  return `${binDir}/hawser`;
}
