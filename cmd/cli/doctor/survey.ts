import { describe } from "../../../cni/errors.ts";
import { isConfiguration } from "../../../kube/definition-files.ts";
import type { Fault } from "../../../sys/fault.ts";
import type { Sys } from "../../../sys/sys.ts";
import { type RenamedFile, renamedFiles } from "../conf-folder.ts";
import { type Configuration, readConfiguration, requireConfiguration } from "../configuration.ts";
import { whyUnread } from "../failure.ts";
import { checkCilium, lostInstallation, renamedAway } from "./check-others.ts";
import { type Finding, fine, problem, problemOf, warning } from "./finding.ts";

/** The configurations that doctor checks, and findings about the folder that they come from. */
export interface Survey {
  readonly configurations: readonly Configuration[];
  readonly findings: readonly Finding[];
}

/** Finds the configuration that the person named, or else the one with hawser in the runtime's folder. */
export function survey(
  sys: Sys,
  { config, confDir }: { readonly config: string | undefined; readonly confDir: string },
): Survey {
  if (config === undefined) return surveyFolder(sys, confDir);
  const found = requireConfiguration(sys, config);
  if (found.ok) return { configurations: [found.value], findings: [] };
  return {
    configurations: [],
    findings: [problemOf("configuration", found.error, "Name the runtime's file, or correct it.")],
  };
}

function surveyFolder(sys: Sys, confDir: string): Survey {
  const names = sys.files.list(confDir);
  if (!names.ok) return { configurations: [], findings: [noFolder(confDir, names.error)] };
  const paths = names.value.filter(isConfiguration).map((name) => `${confDir}/${name}`);
  const configurations: Configuration[] = [];
  const findings: Finding[] = [];
  for (const path of paths) {
    const found = readConfiguration(sys, path);
    if (found.ok && found.value !== undefined) configurations.push(found.value);
    if (!found.ok) findings.push(malformed(path, describe(found.error)));
  }
  const renamed = renamedFiles(sys, confDir, names.value);
  const [own, ...others] = configurations;
  if (own === undefined) {
    return { configurations, findings: [...findings, ...whyNone(sys, confDir, paths, renamed)] };
  }
  const ranked = [...rankOf(confDir, paths, own), ...others.map((other) => unread(other, own))];
  return {
    // No runtime reads the other configurations, so their mistakes harm nobody.
    configurations: [own],
    findings: [...findings, ...ranked, ...checkCilium(sys, confDir, paths, own, renamed)],
  };
}

function noFolder(confDir: string, { code, message }: Fault): Finding {
  const what = `the runtime's configurations in ${confDir} cannot be read`;
  if (code !== "ENOENT") {
    const why = whyUnread({ code, message }, "folder");
    return problem("configuration", what, why, "Run doctor as root, or name the folder by --conf-dir.");
  }
  return problem(
    "configuration",
    `${what}: there is no such folder`,
    "A runtime finds its network there. A machine that is no node of a cluster has none.",
    `On a node install the cluster's network first, then hawser (hawser install --dry-run); k3s has the folder elsewhere (--conf-dir). ${withoutNode}`,
  );
}

const withoutNode = "Anywhere, hawser explain --config FILE --pod FILE shows what a pod would get.";

function malformed(path: string, why: string): Finding {
  return problem(
    "configuration",
    `${path} cannot be loaded`,
    `${why}. A runtime that meets it while loading the folder attaches no pod, and detaches none.`,
    "Correct it, or move it out of the folder.",
  );
}

/**
 * Tells why no file has hawser in it. The remedy depends on it: installing again does not help against a program that
 * renames the file.
 */
function whyNone(
  sys: Sys,
  confDir: string,
  paths: readonly string[],
  renamed: readonly RenamedFile[],
): Finding[] {
  const away = renamed.filter(({ hasHawser }) => hasHawser).map((each) => renamedAway(confDir, each));
  if (away.length > 0) return away;
  const lost = lostInstallation(sys, confDir, paths);
  if (lost !== undefined) return [lost];
  const what = `no configuration in ${confDir} has hawser in it`;
  if (paths.length === 0) {
    const why = "There is none at all: this node has no network yet.";
    const todo = `Install the cluster's network, then hawser (hawser install --dry-run). ${withoutNode}`;
    return [problem("configuration", what, why, todo)];
  }
  const why = `There is ${paths.join(", ")}. Pods get nothing from hawser.`;
  const todo =
    "Run hawser install (with --dry-run it only shows what it would do), or write one under a name that sorts first (00-hawser.conflist).";
  return [problem("configuration", what, why, todo)];
}

/** Warns when hawser's file is not the first: a runtime reads only the first file by name. */
function rankOf(confDir: string, paths: readonly string[], own: Configuration): Finding[] {
  const [first] = paths;
  if (first === undefined || first === own.path) return [];
  return [
    warning(
      "configuration",
      `${own.path} is not the first file of ${confDir}`,
      `Runtimes use the first by name, which is ${first}, unless they are told a network's name.`,
      "Give it a name that sorts first, or remove the other.",
    ),
  ];
}

/**
 * Tells of a configuration that the runtime passes over. After a switch from Multus this is Multus's file. If it is
 * hawser's, the switch has not happened.
 */
function unread({ path, plugin }: Configuration, own: Configuration): Finding {
  const what = `${path} is not read by the runtime: ${own.path} sorts before it`;
  if (plugin.type !== "hawser" || own.plugin.type === "hawser") return fine("configuration", what);
  const why = "It is of Multus: while it is the first, hawser's own configuration is not in force.";
  return warning("configuration", what, why, "Give hawser's a name that sorts first (00-hawser.conf).");
}
